using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Reviews;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;
using Texts = Gatehouse.Gateway.Tests.Calls.Wire;

namespace Gatehouse.Gateway.Tests.Guarding;

/// <summary>Calls that wait for a person, from the request to the answer.</summary>
public sealed class ReviewTests
{
    private const string Card = "4111 1111 1111 1111";
    private const string Request = $$"""{"model":"fast","messages":[{"role":"user","content":"My card is {{Card}}"}]}""";
    private static readonly TimeSpan Whole = TimeSpan.FromMinutes(2) + ReviewDesk.Grace;
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    private readonly ManualClock _clock = new();

    [Fact]
    public async Task A_call_waits_and_is_answered_when_a_person_approves()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var gateway = await StartAsync(player, Cards(EscalationDefault.Block));

        var call = gateway.ChatAsync(Request);
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        Assert.Empty(player.Exchanges);
        gateway.Reviews.Decide(asked.Id, approved: true);
        using var response = await call;

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal(asked.Id.ToString(), response.Headers.GetValues(ReviewDesk.Header).Single());
        Assert.Equal(Texts.ChatAnswer, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(
            ("test", "r1", "pii-escalate", "input", "fast"),
            (asked.Policy, asked.PolicyRevision, asked.Rule, asked.Side, asked.Route));
        Assert.Equal(_clock.GetUtcNow() + TimeSpan.FromMinutes(2), asked.Due);
        var text = Assert.Single(asked.Texts);
        Assert.Equal($"My card is {Card}", text.Text);
        Assert.Equal(new ReviewMark(11, 19, "CREDIT_CARD", "pii-escalate", text.Marks[0].Score), Assert.Single(text.Marks));
        var record = Assert.Single(gateway.Records());
        Assert.Equal((CallOutcome.Ok, GuardVerdict.Escalated), (record.Outcome, record.Guard!.Verdict));
        Assert.Equal(asked.CallId, record.Id);
        Assert.Equal((ReviewState.Approved, true), await EndAsync(gateway));
    }

    [Theory]
    [InlineData("/v1/chat/completions", Request)]
    [InlineData("/v1/messages", $$"""{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"My card is {{Card}}"}]}""")]
    [InlineData("/v1/responses", $$"""{"model":"fast","input":"My card is {{Card}}"}""")]
    [InlineData("/v1beta/models/fast:generateContent", $$"""{"contents":[{"role":"user","parts":[{"text":"My card is {{Card}}"}]}]}""")]
    public async Task A_call_that_a_person_denies_is_refused_in_the_callers_format_and_no_provider_is_asked(string path, string body)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var gateway = await StartAsync(player, Cards(EscalationDefault.Allow));

        var call = gateway.PostAsync(path, body, ct: Ct);
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        gateway.Reviews.Decide(asked.Id, approved: false);
        using var response = await call;

        Assert.Equal(403, (int)response.StatusCode);
        Assert.Equal("false", response.Headers.GetValues("x-should-retry").Single());
        Assert.Contains(asked.Id.ToString(), await response.Content.ReadAsStringAsync(Ct));
        Assert.Empty(player.Exchanges);
        var record = Assert.Single(gateway.Records());
        Assert.Equal(
            (CallOutcome.Refused, "guard_denied", GuardVerdict.Blocked), (record.Outcome, record.ErrorCode, record.Guard!.Verdict));
        Assert.DoesNotContain("4111", record.ErrorMessage);
        Assert.Equal((ReviewState.Denied, false), await EndAsync(gateway));
    }

    [Theory]
    [InlineData(EscalationDefault.Allow, 200)]
    [InlineData(EscalationDefault.Block, 503)]
    public async Task When_nobody_decides_in_time_the_policys_default_is_taken(EscalationDefault onTimeout, int status)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var gateway = await StartAsync(player, Cards(onTimeout));

        var call = gateway.ChatAsync(Request);
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        await _clock.ArmedAsync(Whole);
        _clock.Advance(Whole);
        using var response = await call;

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(onTimeout == EscalationDefault.Allow, asked.PassesOnTimeout);
        await response.Content.ReadAsStringAsync(Ct);
        Assert.Equal(status == 200 ? null : "review_timed_out", Assert.Single(gateway.Records()).ErrorCode);
        Assert.Equal((ReviewState.TimedOut, status == 200), await EndAsync(gateway));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stream_stops_where_a_person_must_decide_and_the_whole_answer_is_asked_about(bool approved)
    {
        const string Before = "This much is harmless, and it is so long that the client has certainly seen the beginning of it by now. ";
        var seen = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Texts.Role + Piece(Before) + Piece(Before));
            await seen.Task.WaitAsync(Ct);
            await e.EventsAsync(Piece("The card is 4111 11") + Piece("11 1111 1111, write to ma"));
            await e.EventsAsync(Piece("ria.lopez@example.com, and that is all there is."));
            await e.EventsAsync(Texts.Finish + Texts.Usage + Texts.Done);
            await e.EndStreamAsync();
        });
        await using var gateway = await StartAsync(player, Cards(EscalationDefault.Block), Policy.Pii(GuardAction.Redact, PiiTypes.Email));

        using var response = await gateway.ChatAsync(Texts.StreamRequest);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Ct));
        var answer = new StringBuilder();
        while (!answer.ToString().Contains("harmless", StringComparison.Ordinal))
        {
            answer.AppendLine(await reader.ReadLineAsync(Ct));
        }

        seen.SetResult();
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        await _clock.ArmedAsync(TargetCaller.KeepAliveInterval);
        _clock.Advance(TargetCaller.KeepAliveInterval);
        while (!answer.ToString().Contains("keep-alive", StringComparison.Ordinal))
        {
            answer.AppendLine(await reader.ReadLineAsync(Ct));
        }

        Assert.DoesNotContain("4111", Answers.ButIds(answer.ToString()));
        gateway.Reviews.Decide(asked.Id, approved);
        answer.Append(await reader.ReadToEndAsync(Ct));

        Assert.Equal("output", asked.Side);
        Assert.Equal("Hello", asked.Texts[0] is { IsContext: true } context ? context.Text : null);
        Assert.EndsWith($"The card is {Card}, write to [EMAIL_ADDRESS], and that is all there is.", asked.Texts[1].Text);
        var mark = Assert.Single(asked.Texts[1].Marks);
        Assert.Equal(Card, asked.Texts[1].Text.Substring(mark.Start, mark.Length));
        var record = Assert.Single(gateway.Records());
        Assert.Equal(3, record.Usage!.Value.TotalOutput); // the provider's answer was read to its end, so its cost is known
        Assert.Null(Assert.Single(record.Attempts).ErrorCode);
        if (approved)
        {
            Assert.Contains("4111", answer.ToString());
            Assert.EndsWith("data: [DONE]\n\n", answer.ToString());
            Assert.Equal(CallOutcome.Ok, record.Outcome);
        }
        else
        {
            Assert.DoesNotContain("4111", Answers.ButIds(answer.ToString()));
            Assert.Contains("guard_denied", answer.ToString());
            Assert.Equal("guard_denied", record.ErrorCode);
        }
    }

    [Fact]
    public async Task A_stream_that_waits_before_anything_went_out_is_a_status_when_denied_and_whole_when_approved()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Texts.Role + Piece(Card) + Texts.Finish + Texts.Usage + Texts.Done));
        await using var gateway = await StartAsync(player, Cards(EscalationDefault.Block));

        var first = gateway.ChatAsync(Texts.StreamRequest);
        gateway.Reviews.Decide((await gateway.Reviews.Asked.ReadAsync(Ct)).Id, approved: false);
        using var denied = await first;
        var call = gateway.ChatAsync(Texts.StreamRequest);
        gateway.Reviews.Decide((await gateway.Reviews.Asked.ReadAsync(Ct)).Id, approved: true);
        using var response = await call;
        var answer = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal(403, (int)denied.StatusCode);
        Assert.Contains("\"role\":\"assistant\"", answer);
        Assert.Contains(Card, answer);
        Assert.EndsWith("data: [DONE]\n\n", answer);
    }

    [Fact]
    public async Task What_a_person_approved_is_not_asked_about_again_in_the_next_turn_for_an_hour()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var gateway = await StartAsync(player, Cards(EscalationDefault.Block));
        const string Next =
            $$"""{"model":"fast","messages":[{"role":"user","content":"My card is {{Card}}"},{"role":"assistant","content":"Hi"},{"role":"user","content":"Thanks"}]}""";

        var call = gateway.ChatAsync(Request);
        gateway.Reviews.Decide((await gateway.Reviews.Asked.ReadAsync(Ct)).Id, approved: true);
        using var first = await call;
        using var next = await gateway.ChatAsync(Next);
        Assert.Equal((200, 200), ((int)first.StatusCode, (int)next.StatusCode));

        var other = gateway.ChatAsync(Next, TestGateway.OtherStoringKey); // of another system
        gateway.Reviews.Decide((await gateway.Reviews.Asked.ReadAsync(Ct)).Id, approved: false);
        var changed = gateway.ChatAsync(Next.Replace("My card", "The card", StringComparison.Ordinal));
        gateway.Reviews.Decide((await gateway.Reviews.Asked.ReadAsync(Ct)).Id, approved: false);
        Assert.Equal((403, 403), ((int)(await other).StatusCode, (int)(await changed).StatusCode));

        _clock.Advance(TimeSpan.FromHours(1));
        var late = gateway.ChatAsync(Next);
        gateway.Reviews.Decide((await gateway.Reviews.Asked.ReadAsync(Ct)).Id, approved: false);
        Assert.Equal(403, (int)(await late).StatusCode);
    }

    [Fact]
    public async Task What_a_person_approved_in_one_environment_is_asked_about_in_another()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var gateway = await StartAsync(player, Cards(EscalationDefault.Block));

        Assert.True(await IsAskedAsync(gateway, gateway.ChatAsync(Request)));

        Assert.True(await IsAskedAsync(gateway, gateway.ChatAsync(Request, TestGateway.ProductionKey)));
        Assert.False(await IsAskedAsync(gateway, gateway.ChatAsync(Request)));
    }

    [Theory]
    [InlineData(1, 9_000)] // longer than what a person is shown of a text
    [InlineData(21, 0)] // more texts than a person is shown
    public async Task What_a_person_was_shown_in_part_is_asked_about_again(int texts, int more)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var gateway = await StartAsync(player, Cards(EscalationDefault.Block));
        var message = $$"""{"role":"user","content":"My card is {{Card}}{{new string('.', more)}}"}""";
        var request = $$"""{"model":"fast","messages":[{{string.Join(',', Enumerable.Repeat(message, texts))}}]}""";

        Assert.True(await IsAskedAsync(gateway, gateway.ChatAsync(request)));
        Assert.True(await IsAskedAsync(gateway, gateway.ChatAsync(request)));
    }

    [Fact]
    public async Task A_whole_answer_waits_too()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, Texts.ChatAnswer.Replace("\"Hi\"", $"\"{Card}\"", StringComparison.Ordinal)));
        await using var gateway = await StartAsync(player, Cards(EscalationDefault.Block));

        var call = gateway.ChatAsync(Texts.ChatRequest);
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        gateway.Reviews.Decide(asked.Id, approved: false);
        using var response = await call;

        Assert.Equal(403, (int)response.StatusCode);
        Assert.Equal("output", asked.Side);
        var record = Assert.Single(gateway.Records());
        Assert.Equal((CallOutcome.Failed, "guard_denied"), (record.Outcome, record.ErrorCode));
        Assert.NotNull(record.Usage);
    }

    [Fact]
    public async Task A_tool_call_with_something_to_ask_about_waits_and_a_block_needs_nobody()
    {
        const string ToolAnswer = """
            {"id":"c1","object":"chat.completion","created":1,"model":"m0-1","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"pay","arguments":"{\"card\":\"4111 1111 1111 1111\"}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}
            """;
        await using var player = new WirePlayer(e => e.AnswerAsync(200, ToolAnswer));
        await using var gateway = await StartAsync(
            player, Policy.Rule(GuardDetector.Secrets, GuardAction.Block),
            Cards(EscalationDefault.Block) with { Sides = [DetectionSide.ToolCall, DetectionSide.Input] });

        var call = gateway.ChatAsync(Texts.ChatRequest);
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        gateway.Reviews.Decide(asked.Id, approved: true);
        using var response = await call;
        using var blocked = await gateway.ChatAsync(
            $$"""{"model":"fast","messages":[{"role":"user","content":"{{Card}} and ghp_16C7e42F292c6912E7710c838347Ae178B4a"}]}""");

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("tool_call", asked.Side);
        Assert.Equal(400, (int)blocked.StatusCode);
        Assert.False(gateway.Reviews.Asked.TryRead(out _));
    }

    [Fact]
    public async Task Asked_afterwards_the_call_goes_on_at_once()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var gateway = await StartAsync(
            player, Cards(EscalationDefault.Block).Escalated(EscalationDefault.Block, EscalationMode.After));

        using var response = await gateway.ChatAsync(Request);
        await response.Content.ReadAsStringAsync(Ct);
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Null(asked.Due);
        Assert.Equal($"My card is {Card}", asked.Texts[0].Text);
        Assert.Equal(GuardVerdict.Escalated, Assert.Single(gateway.Records()).Guard!.Verdict);
    }

    [Fact]
    public async Task A_client_that_leaves_withdraws_its_review()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var gateway = await StartAsync(player, Cards(EscalationDefault.Allow));
        using var leaving = new CancellationTokenSource();

        var call = gateway.PostAsync("/v1/chat/completions", Request, ct: leaving.Token);
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal((ReviewState.Withdrawn, false), await EndAsync(gateway));
        Assert.Empty(gateway.Reviews.Waiting);
        gateway.Reviews.Decide(asked.Id, approved: true);
        await gateway.StopServerAsync();
        Assert.Equal(CallOutcome.Cancelled, Assert.Single(gateway.Records()).Outcome);
        Assert.Empty(player.Exchanges);
    }

    [Theory]
    [InlineData(EscalationDefault.Allow, 200)]
    [InlineData(EscalationDefault.Block, 503)]
    public async Task When_too_many_wait_the_default_is_taken_at_once(EscalationDefault onTimeout, int status)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        var table = new PolicyTable(
            [Policy.Of(Cards(onTimeout))], "test", new Dictionary<DataClassification, string>(), [], Policy.Key)
        {
            Reviews = new ReviewLimits(5, 1),
        };
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], _clock, policies: table);

        var first = gateway.ChatAsync(Request);
        var asked = await gateway.Reviews.Asked.ReadAsync(Ct);
        using var over = await gateway.ChatAsync(Request);
        var other = gateway.ChatAsync(Request, TestGateway.OtherStoringKey); // of another system
        var askedToo = await gateway.Reviews.Asked.ReadAsync(Ct);
        gateway.Reviews.Decide(asked.Id, approved: true);
        gateway.Reviews.Decide(askedToo.Id, approved: true);

        Assert.Equal(status, (int)over.StatusCode);
        Assert.Equal(200, (int)(await first).StatusCode);
        Assert.Equal(200, (int)(await other).StatusCode);
    }

    [Fact]
    public async Task A_rule_in_shadow_mode_asks_nobody()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Texts.ChatAnswer));
        await using var gateway = await StartAsync(player, Cards(EscalationDefault.Block) with { Shadow = true });

        using var response = await gateway.ChatAsync(Request);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.False(gateway.Reviews.Asked.TryRead(out _));
    }

    private static GuardRule Cards(EscalationDefault onTimeout) => Policy.Pii(GuardAction.Escalate, PiiTypes.Card).Escalated(onTimeout);

    /// <summary>Whether a person is asked, who says yes; the call is answered either way.</summary>
    private static async Task<bool> IsAskedAsync(TestGateway gateway, Task<HttpResponseMessage> call)
    {
        var asking = gateway.Reviews.Asked.WaitToReadAsync(Ct).AsTask();
        var isAsked = await Task.WhenAny(asking, call) == asking;
        if (isAsked)
        {
            gateway.Reviews.Decide((await gateway.Reviews.Asked.ReadAsync(Ct)).Id, approved: true);
        }

        using var response = await call;
        Assert.Equal(200, (int)response.StatusCode);
        return isAsked;
    }

    private static string Piece(string text) => Texts.Hello.Replace("Hello", text, StringComparison.Ordinal);

    private static async Task<(ReviewState How, bool Passed)> EndAsync(TestGateway gateway) =>
        await gateway.Reviews.Ended.ReadAsync(Ct) is var ended ? (ended.How, ended.Passed) : default;

    private Task<TestGateway> StartAsync(WirePlayer player, params GuardRule[] rules) =>
        TestGateway.StartAsync([TestGateway.RouteTo(player)], _clock, policies: Policy.Table(rules));
}
