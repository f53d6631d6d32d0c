using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Guarding.PlugIns;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;
using Texts = Gatehouse.Gateway.Tests.Calls.Wire;

namespace Gatehouse.Gateway.Tests.Guarding;

public sealed class PlugInTests
{
    private const string Secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg==";
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    private static readonly PriceTable Prices = new(
        "r", new Dictionary<string, Price> { ["m0"] = new(1e-6m, 1e-6m), ["g"] = new(1e-6m, 1e-6m) });

    [Theory]
    [InlineData(PlugInShape.LlamaGuard, "unsafe\\nS1,S9", "S1")]
    [InlineData(PlugInShape.LlamaGuard, "unsafe", "UNSAFE")]
    [InlineData(PlugInShape.LlamaGuard, "safe", null)]
    [InlineData(PlugInShape.Judge, """{\"flagged\": true, \"score\": 0.9, \"category\": \"off topic\"}""", "off_topic")]
    [InlineData(PlugInShape.Judge, """```json {'flagged': true, 'score': 0.9}```""", "FLAGGED")]
    [InlineData(PlugInShape.Judge, """{\"flagged\": true, \"score\": 0.2}""", null)]
    [InlineData(PlugInShape.Judge, """{\"flagged\": false, \"score\": 0.9}""", null)]
    public async Task A_chat_model_guards_the_request_by_a_call_of_its_own(PlugInShape shape, string verdict, string? type)
    {
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var guard = new WirePlayer(e => e.AnswerAsync(200, Answer(verdict)));
        await using var gateway = await StartAsync(model, guard, Rule(new PlugIn(shape) { Route = "guard", Instructions = "weapons" }));

        using var response = await gateway.ChatAsync(Texts.ChatRequest);
        var (call, asked) = (Record(gateway, "chat"), Record(gateway, "guard"));

        Assert.Equal(type is null ? 200 : 400, (int)response.StatusCode);
        Assert.Equal(type is null ? 1 : 0, model.Exchanges.Count);
        Assert.Contains("Hello", guard.Last.Body);
        Assert.Equal(shape == PlugInShape.Judge, guard.Last.Body.Contains("weapons"));
        Assert.Equal(type, call.Guard!.Findings.Count > 0 ? call.Guard.Findings[0].Type : null);
        Assert.Equal((call.TraceId, call.SpanId, call.KeyId, "guard"), (asked.TraceId, asked.ParentSpanId, asked.KeyId, asked.Route));
        Assert.Equal(120_000, asked.CostNanos);
        Assert.Null(asked.Guard);
    }

    [Fact]
    public async Task A_moderation_model_guards_answers_and_its_categories_are_types()
    {
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var guard = new WirePlayer(e => e.AnswerAsync(200,
            """{"id":"x","model":"m","results":[{"flagged":true,"categories":{"hate":true,"violence":false},"category_scores":{"hate":0.2,"violence":0.7}}]}"""));
        var rule = Rule(new PlugIn(PlugInShape.Moderation) { Route = "guard" }, DetectionSide.Output);
        await using var gateway = await StartAsync(model, guard, rule with { Types = ["hate"] });

        using var response = await gateway.ChatAsync(Texts.ChatRequest);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Equal(["hate"], Record(gateway, "chat").Guard!.Findings.Select(f => f.Type));
        Assert.Equal("""{"model":"g","input":"Hi"}""", guard.Last.Body);
        Assert.Equal(120, Record(gateway, "chat").Usage!.Value.Total); // answered, and paid
    }

    [Fact]
    public async Task Without_a_route_of_that_name_our_own_moderation_is_asked()
    {
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        var rule = Rule(new PlugIn(PlugInShape.Moderation) { Route = "omni-moderation-latest" });
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(model)], policies: Policy.Table(rule));

        using var response = await gateway.ChatAsync("""{"model":"fast","messages":[{"role":"user","content":"Tell me how to build a pipe bomb"}]}""");

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains(Record(gateway, "chat").Guard!.Findings, f => f.Type == "illicit/violent");
    }

    [Fact]
    public async Task A_webhook_gets_a_signed_question_and_its_spans_are_replaced_in_the_request()
    {
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var hook = new WirePlayer(e => e.AnswerAsync(200,
            """{"verdict":"finding","type":"PROJECT","spans":[{"start":4,"end":10},{"start":21,"end":25,"score":0.9,"replacement":"(\"x\")"}]}"""));
        var rule = Rule(Hook(hook)) with { Action = GuardAction.Redact };
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(model)], policies: Policy.Table(Policy.Pii(GuardAction.Redact, PiiTypes.Email), rule));

        using var response = await gateway.ChatAsync(
            """{"model":"fast", "messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Ask Falcon, a@example.com"},{"role":"assistant","content":"?"},{"role":"user","content":"b"}]}""");
        var sent = JsonDocument.Parse(hook.Last.Body).RootElement;

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("Ask Falcon, [EMAIL_ADDRESS]\n\nb", sent.GetProperty("text").GetString());
        Assert.Equal(["input", "test", "webhook-block", "r1"],
            new[] { "side", "policy", "rule", "revision" }.Select(n => sent.GetProperty(n).GetString()));
        Assert.Equal(response.Headers.GetValues("x-request-id").Single(), sent.GetProperty("request_id").GetString());
        Assert.Equal(
            WebhookSignature.Of(
                Secret, hook.Last.Header("webhook-id")!, hook.Last.Header("webhook-timestamp")!,
                System.Text.Encoding.UTF8.GetBytes(hook.Last.Body)),
            hook.Last.Header("webhook-signature"));
        Assert.DoesNotContain("Bearer", hook.Last.Head);
        Assert.Equal(
            """{"model":"m0", "messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Ask [PROJECT], [EMAIL_AD(\"x\")S]"},{"role":"assistant","content":"?"},{"role":"user","content":"b"}]}""",
            model.Last.Body);
        Assert.Equal(GuardVerdict.Redacted, Record(gateway, "chat").Guard!.Verdict);
    }

    /// <summary>The example of the Standard Webhooks specification.</summary>
    [Fact]
    public void Signatures_are_those_of_standard_webhooks() => Assert.Equal(
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        WebhookSignature.Of(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
            """{"test": 2432232314}"""u8));

    [Theory]
    [InlineData(500, "{}", false, 200)]
    [InlineData(500, "{}", true, 503)]
    [InlineData(200, """{"verdict":"maybe"}""", true, 503)]
    [InlineData(200, """{"verdict":"finding","spans":[{"start":3,"end":99}]}""", true, 503)]
    [InlineData(302, "{}", true, 503)]
    public async Task What_gives_no_verdict_lets_the_call_pass_or_refuses_it(int status, string body, bool closed, int answered)
    {
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var hook = new WirePlayer(e => e.AnswerAsync(status, body));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(model)], policies: Policy.Table(Rule(Hook(hook) with { FailClosed = closed })));

        using var response = await gateway.ChatAsync(Texts.ChatRequest);
        var record = Assert.Single(gateway.Records());

        Assert.Equal(answered, (int)response.StatusCode);
        Assert.Equal(closed ? "guard_failed" : null, record.ErrorCode);
        Assert.Equal(closed ? GuardVerdict.Blocked : GuardVerdict.Unchecked, record.Guard!.Verdict);
        Assert.StartsWith("The guard of the rule 'webhook-block' gave no verdict: ", record.Guard.Failure);
    }

    [Fact]
    public async Task A_plug_in_that_fails_again_and_again_rests()
    {
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var hook = new WirePlayer(e => e.AnswerAsync(500, "{}"));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(model)], policies: Policy.Table(Rule(Hook(hook))));

        for (var i = 0; i < 8; i++)
        {
            using var response = await gateway.ChatAsync(Texts.ChatRequest);
            Assert.Equal(200, (int)response.StatusCode);
        }

        Assert.Equal(5, hook.Exchanges.Count);
        Assert.Contains("it rests after failures", gateway.Records()[^1].Guard!.Failure);
    }

    [Fact]
    public async Task A_span_through_a_character_is_no_verdict()
    {
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var hook = new WirePlayer(e => e.AnswerAsync(200, """{"verdict":"finding","spans":[{"start":0,"end":1}]}"""));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(model)], policies: Policy.Table(Rule(Hook(hook)) with { Action = GuardAction.Redact }));

        using var response = await gateway.ChatAsync("""{"model":"fast","messages":[{"role":"user","content":"😀 hi"}]}""");

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal(GuardVerdict.Unchecked, Assert.Single(gateway.Records()).Guard!.Verdict);
    }

    [Fact]
    public async Task No_more_questions_are_under_way_at_once_than_the_rule_says()
    {
        var (now, most) = (0, 0);
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var hook = new WirePlayer(async e =>
        {
            most = Math.Max(most, Interlocked.Increment(ref now));
            await Task.Yield();
            Interlocked.Decrement(ref now);
            await e.AnswerAsync(200, """{"verdict":"pass"}""");
        });
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(model)],
            policies: Policy.Table(Rule(Hook(hook) with { MaxConcurrent = 1, Timeout = TimeSpan.FromSeconds(30), FailClosed = true })));

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => gateway.ChatAsync(Texts.ChatRequest)));

        Assert.All(answers, a => Assert.Equal(200, (int)a.StatusCode));
        Assert.Equal((12, 1), (hook.Exchanges.Count, most));
    }

    [Fact]
    public async Task A_plug_in_that_takes_too_long_is_not_waited_for()
    {
        var clock = new ManualClock();
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var hook = new WirePlayer(e =>
        {
            clock.Advance(TimeSpan.FromSeconds(3));
            return Task.CompletedTask;
        });
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(model)], clock, policies: Policy.Table(Rule(Hook(hook))));

        using var response = await gateway.ChatAsync(Texts.ChatRequest);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.EndsWith("it took too long.", Assert.Single(gateway.Records()).Guard!.Failure);
    }

    [Fact]
    public async Task An_address_that_clouds_keep_credentials_at_is_never_asked()
    {
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        var plugIn = new PlugIn(PlugInShape.Webhook)
        {
            Url = new Uri("http://169.254.169.254/latest"), Secret = Secret, AllowPrivate = true,
        };
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(model)], policies: Policy.Table(Rule(plugIn)));

        using var response = await gateway.ChatAsync(Texts.ChatRequest);

        Assert.Contains("link-local or metadata address", Assert.Single(gateway.Records()).Guard!.Failure);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stream_waits_for_a_plug_in_that_can_change_it_and_is_the_same_then(bool passes)
    {
        await using var model = new WirePlayer(e => e.StreamAsync(Texts.WholeStream));
        await using var hook = new WirePlayer(e => e.AnswerAsync(200, passes ? """{"verdict":"pass"}""" : """{"verdict":"finding"}"""));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(model)], policies: Policy.Table(Rule(Hook(hook), DetectionSide.Output)));

        using var response = await gateway.ChatAsync(Texts.StreamRequest);
        var body = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal(passes ? 200 : 400, (int)response.StatusCode);
        Assert.Equal(passes, body.Contains("Hello"));
        Assert.Equal(passes, body.EndsWith("data: [DONE]\n\n"));
        Assert.Contains("\"side\":\"output\"", hook.Last.Body);
        Assert.NotNull(Record(gateway, "chat").Usage);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(4096)]
    public async Task A_stream_that_is_replaced_is_written_anew_however_it_is_cut(int size)
    {
        await using var model = new WirePlayer(e => StreamAsync(e, Texts.WholeStream, size));
        await using var hook = new WirePlayer(e => e.AnswerAsync(200, """{"verdict":"finding","spans":[{"start":0,"end":5,"replacement":"Goodbye"}]}"""));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(model)],
            policies: Policy.Table(Rule(Hook(hook), DetectionSide.Output) with { Action = GuardAction.Redact }));

        using var response = await gateway.ChatAsync(Texts.StreamRequest);
        var body = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal("Goodbye", TextOf(body));
        Assert.EndsWith("data: [DONE]\n\n", body);
        Assert.Equal(GuardVerdict.Redacted, Record(gateway, "chat").Guard!.Verdict);
    }

    [Fact]
    public async Task A_stream_does_not_wait_for_a_plug_in_that_only_flags()
    {
        await using var model = new WirePlayer(e => e.StreamAsync(Texts.WholeStream));
        await using var hook = new WirePlayer(e => e.AnswerAsync(200, """{"verdict":"finding"}"""));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(model)],
            policies: Policy.Table(Rule(Hook(hook), DetectionSide.Output) with { Action = GuardAction.Flag }));

        using var response = await gateway.ChatAsync(Texts.StreamRequest);

        Assert.Equal("Hello", TextOf(await response.Content.ReadAsStringAsync(Ct)));
        Assert.Equal(GuardVerdict.Flagged, Record(gateway, "chat").Guard!.Verdict);
    }

    [Fact]
    public async Task What_a_plug_in_is_shown_keeps_its_pseudonyms_and_the_client_gets_the_values()
    {
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Answer("Ask <EMAIL_ADDRESS_1>")));
        await using var hook = new WirePlayer(e => e.AnswerAsync(200, """{"verdict":"pass"}"""));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(model)],
            policies: Policy.Table(
                Policy.Rule(GuardDetector.Pii, GuardAction.Pseudonymise, DetectionSide.Input), Rule(Hook(hook), DetectionSide.Output)));

        using var response = await gateway.ChatAsync("""{"model":"fast","messages":[{"role":"user","content":"I am maria@example.com"}]}""");

        Assert.Contains("Ask maria@example.com", await response.Content.ReadAsStringAsync(Ct));
        Assert.Contains("Ask <EMAIL_ADDRESS_1>", JsonDocument.Parse(hook.Last.Body).RootElement.GetProperty("text").GetString());
    }

    [Fact]
    public async Task A_long_text_is_asked_about_in_parts_and_only_what_is_new_where_the_rule_says_so()
    {
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var hook = new WirePlayer(e => e.AnswerAsync(200, """{"verdict":"pass"}"""));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(model)],
            policies: Policy.Table(Rule(Hook(hook) with { MaxCharacters = 4, OnlyNew = true })));

        using var response = await gateway.ChatAsync(
            """{"model":"fast","messages":[{"role":"user","content":"old"},{"role":"assistant","content":"old"},{"role":"user","content":"123456789"}]}""");

        Assert.Equal(["1234", "5678", "9"],
            hook.Exchanges.Select(e => JsonDocument.Parse(e.Body).RootElement.GetProperty("text").GetString()));
    }

    [Fact]
    public async Task In_shadow_a_plug_in_only_counts_and_its_failure_refuses_nothing()
    {
        await using var model = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var hook = new WirePlayer(e => e.AnswerAsync(200, """{"verdict":"finding"}"""), e => e.AnswerAsync(500, "{}"));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(model)], policies: Policy.Table(Rule(Hook(hook) with { FailClosed = true }) with { Shadow = true }));

        using var found = await gateway.ChatAsync(Texts.ChatRequest);
        using var failed = await gateway.ChatAsync(Texts.ChatRequest);

        Assert.Equal((200, 200), ((int)found.StatusCode, (int)failed.StatusCode));
        Assert.Equal([GuardVerdict.Shadowed, GuardVerdict.Unchecked], gateway.Records().Select(r => r.Guard!.Verdict));
    }

    internal static string TextOf(string stream) => string.Concat(stream.Split('\n')
        .Where(l => l.StartsWith("data: {", StringComparison.Ordinal))
        .SelectMany(l => JsonDocument.Parse(l[6..]).RootElement.GetProperty("choices").EnumerateArray())
        .Select(c => c.TryGetProperty("delta", out var delta) && delta.TryGetProperty("content", out var text) ? text.GetString() : ""));

    /// <summary>A stream whose pieces on the wire have this many characters.</summary>
    internal static async Task StreamAsync(Exchange exchange, string events, int size)
    {
        await exchange.BeginStreamAsync();
        foreach (var piece in events.Chunk(size))
        {
            await exchange.EventsAsync(new string(piece));
        }

        await exchange.EndStreamAsync();
    }

    internal static string Answer(string text) => Texts.ChatAnswer.Replace("\"Hi\"", "\"" + text + "\"", StringComparison.Ordinal);

    private static PlugIn Hook(WirePlayer player) => new(PlugInShape.Webhook) { Url = player.BaseUrl, Secret = Secret };

    private static GuardRule Rule(PlugIn plugIn, params DetectionSide[] sides) => Policy.Rule(
        plugIn.Shape == PlugInShape.Webhook ? GuardDetector.Webhook : GuardDetector.Model, GuardAction.Block,
        sides.Length > 0 ? sides : [DetectionSide.Input]) with { PlugIn = plugIn };

    private static CallRecord Record(TestGateway gateway, string surface) => gateway.Records().Single(r => r.Surface == surface);

    private static Task<TestGateway> StartAsync(WirePlayer model, WirePlayer guard, GuardRule rule) => TestGateway.StartAsync(
        [TestGateway.RouteTo(model), new Route("guard", [new Target(TestGateway.Http("pg", guard), "g")]) { AttemptsPerTarget = 1 }],
        prices: Prices, policies: Policy.Table(rule));
}
