using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;
using Texts = Gatehouse.Gateway.Tests.Calls.Wire;

namespace Gatehouse.Gateway.Tests.Guarding;

public sealed class AnswerRuleTests
{
    private const string Asked =
        """{"model":"fast","messages":[{"role":"user","content":"How old?"}],"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object","properties":{"age":{"type":"integer"}},"required":["age"]}}}}""";

    private const string Tool =
        """{"model":"fast","messages":[{"role":"user","content":"Weather?"}],"tools":[{"type":"function","function":{"name":"get","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]}""";

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    private static readonly PriceTable Prices = new(
        "r", new Dictionary<string, Price> { ["m0"] = new(1e-6m, 1e-6m), ["m1"] = new(1e-6m, 1e-6m), ["s"] = new(1e-6m, 1e-6m) });

    [Theory]
    [InlineData("""{\"age\": 3}""", """{\"age\": 3}""")]
    [InlineData("""```json {'age': 3,}``` I hope this helps""", """{\"age\":3}""")]
    public async Task What_follows_the_schema_passes_and_what_nearly_does_is_repaired(string said, string read)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer(said)));
        await using var gateway = await StartAsync(Schema(GuardAction.Block), player);

        using var response = await gateway.ChatAsync(Asked);

        Assert.Equal(JsonContent(Answer(read)), JsonContent(await response.Content.ReadAsStringAsync(Ct)));
        Assert.Single(player.Exchanges);
        Assert.Equal(GuardVerdict.Passed, Assert.Single(gateway.Records()).Guard!.Verdict);
    }

    [Theory]
    [InlineData("/v1/chat/completions", WireFormat.OpenAi)]
    [InlineData("/v1/messages", WireFormat.Anthropic)]
    [InlineData("/v1/responses", WireFormat.Responses)]
    [InlineData("/v1beta/models/fast:generateContent", WireFormat.Gemini)]
    public async Task The_model_is_asked_again_with_what_is_wrong_and_both_answers_are_paid(string path, WireFormat format)
    {
        var request = format switch
        {
            WireFormat.Anthropic =>
                """{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"How old?"}],"output_config":{"format":{"type":"json_schema","schema":{"type":"object","required":["age"]}}}}""",
            WireFormat.Responses =>
                """{"model":"fast","input":"How old?","text":{"format":{"type":"json_schema","name":"a","schema":{"type":"object","required":["age"]}}}}""",
            WireFormat.Gemini =>
                """{"contents":[{"role":"user","parts":[{"text":"How old?"}]}],"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object","required":["age"]}}}""",
            _ => Asked,
        };
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, Answer("""{\"years\": 3}""")), e => e.AnswerAsync(200, Answer("""{\"age\": 3}""")));
        await using var gateway = await StartAsync(Schema(GuardAction.Block), player);

        using var response = await gateway.PostAsync(path, request, ct: Ct);
        var record = Assert.Single(gateway.Records());
        var messages = JsonDocument.Parse(player.Last.Body).RootElement.GetProperty("messages");

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Contains("\\\"age\\\": 3", await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(["user", "assistant", "user"], messages.EnumerateArray().Select(m => m.GetProperty("role").GetString()));
        Assert.Contains("years", messages[1].GetRawText());
        Assert.Contains("does not follow the JSON Schema", messages[2].GetRawText());
        Assert.Equal(["invalid_schema", null], record.Attempts.Select(a => a.ErrorCode));
        Assert.Equal((240_000, 240), (record.CostNanos, record.Usage!.Value.Total));
        Assert.Equal(GuardVerdict.Flagged, record.Guard!.Verdict);
        Assert.Equal((1, "INVALID_SCHEMA"), (record.Guard.Findings.Single().Count, record.Guard.Findings.Single().Type));
    }

    [Fact]
    public async Task What_stays_wrong_is_a_clear_failure_that_says_what()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer("""{\"age\": \"three\"}""")));
        await using var gateway = await StartAsync(Schema(GuardAction.Block), player);

        using var response = await gateway.ChatAsync(Asked);
        var error = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Ct)).RootElement.GetProperty("error");

        Assert.Equal(502, (int)response.StatusCode);
        Assert.Equal("false", response.Headers.GetValues("x-should-retry").Single());
        Assert.Equal("invalid_schema", error.GetProperty("code").GetString());
        Assert.Contains("although the model was asked again: /age", error.GetProperty("message").GetString());
        Assert.Equal(2, player.Exchanges.Count);
        Assert.Equal(240_000, Assert.Single(gateway.Records()).CostNanos);
    }

    [Theory]
    [InlineData("""{"age":3}""", 1, 200)]
    [InlineData("""{'age': 3""", 1, 200)]
    [InlineData("""{"age":"x"}""", 2, 502)]
    public async Task A_stream_waits_for_its_form_and_is_repaired_or_asked_for_again(string said, int exchanges, int status)
    {
        var stream = Texts.WholeStream.Replace("Hello", JsonEncodedText.Encode(said).Value, StringComparison.Ordinal);
        await using var player = new WirePlayer(e => PlugInTests.StreamAsync(e, stream, 5));
        await using var gateway = await StartAsync(Schema(GuardAction.Block), player);

        using var response = await gateway.ChatAsync(Asked.Replace("\"model\"", "\"stream\":true,\"model\"", StringComparison.Ordinal));
        var body = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal((status, exchanges), ((int)response.StatusCode, player.Exchanges.Count));
        Assert.Equal(status == 200 ? """{"age":3}""" : "", PlugInTests.TextOf(body));
    }

    [Theory]
    [InlineData("""{\"city\": \"Rome\"}""", 1)]
    [InlineData("""{city: \"Rome\"}""", 1)]
    [InlineData("""{\"town\": \"Rome\"}""", 2)]
    public async Task The_arguments_of_tools_follow_the_tools_schema(string arguments, int exchanges)
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, ToolAnswer(arguments)), e => e.AnswerAsync(200, ToolAnswer("""{\"city\": \"Rome\"}""")));
        await using var gateway = await StartAsync(Schema(GuardAction.Block), player);

        using var response = await gateway.ChatAsync(Tool);
        var body = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal(exchanges, player.Exchanges.Count);
        var call = JsonDocument.Parse(body).RootElement.GetProperty("choices")[0].GetProperty("message").GetProperty("tool_calls")[0];
        var read = JsonDocument.Parse(call.GetProperty("function").GetProperty("arguments").GetString()!).RootElement;
        Assert.Equal("Rome", read.GetProperty("city").GetString());
    }

    [Fact]
    public async Task The_arguments_of_tools_in_a_translated_stream_are_checked_too()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(string.Concat(
            Texts.Role,
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"get\",\"arguments\":\"{'city'\"}}]},\"finish_reason\":null}]}\n\n",
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\": 'Rome'}\"}}]},\"finish_reason\":null}]}\n\n",
            Texts.Finish.Replace("\"stop\"", "\"tool_calls\"", StringComparison.Ordinal), Texts.Done)));
        await using var gateway = await StartAsync(Schema(GuardAction.Block), player);

        using var response = await gateway.MessagesAsync(
            """{"model":"fast","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Weather?"}],"tools":[{"name":"get","input_schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}]}""");
        var body = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal("""{"city":"Rome"}""", string.Concat(body.Split('\n').Where(l => l.Contains("partial_json", StringComparison.Ordinal))
            .Select(l => JsonDocument.Parse(l[6..]).RootElement.GetProperty("delta").GetProperty("partial_json").GetString())));
        Assert.Single(player.Exchanges);
    }

    [Theory]
    [InlineData("The library was built in 1871 by emperors from abroad.", "LOW_GROUNDING fallback True", "m1")]
    [InlineData("The library is open Monday to Friday from 9 to 17.", null, "m0")]
    public async Task An_answer_that_its_documents_do_not_carry_goes_to_the_next_target(string said, string? findings, string served)
    {
        await using var small = new WirePlayer(e => e.AnswerAsync(200, Answer(said)));
        await using var large = new WirePlayer(e => e.AnswerAsync(200, Answer("The library is open Monday to Friday from 9 to 17.")));
        await using var gateway = await StartAsync(
            Policy.Rule(GuardDetector.Grounding, GuardAction.Fallback, DetectionSide.Output), small, large);

        using var response = await gateway.ChatAsync(
            """{"model":"fast","messages":[{"role":"user","content":"When is the library open?"},{"role":"tool","tool_call_id":"t","content":"The library is open: Monday to Friday from 9 to 17."}]}""");
        var record = Assert.Single(gateway.Records());

        Assert.Equal(served, record.Model);
        Assert.Equal("1.00", response.Headers.GetValues(AnswerGuards.ConfidenceHeader).Single());
        Assert.Equal("1.00", record.RequestAttributes![TelemetryNames.GuardConfidence]);
        Assert.Equal(served == "m0" ? GuardVerdict.Passed : GuardVerdict.Rerouted, record.Guard!.Verdict);
        Assert.Equal(findings, record.Guard.Findings.Select(f => $"{f.Type} {f.Action} {f.Score > .5}").FirstOrDefault());
    }

    [Fact]
    public async Task Another_route_can_be_asked_and_its_answer_goes_out_whatever_it_is()
    {
        await using var small = new WirePlayer(e => e.AnswerAsync(200, Answer("Emperors ruled.")));
        await using var strong = new WirePlayer(e => e.AnswerAsync(200, Answer("Emperors from abroad ruled.")));
        var rule = Policy.Rule(GuardDetector.Grounding, GuardAction.Fallback, DetectionSide.Output) with
        {
            Route = "strong",
            AnswerCheck = new AnswerCheck { Context = GroundingContext.Request },
        };
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(small), new Route("strong", [new Target(TestGateway.Http("ps", strong), "s")])],
            prices: Prices, policies: Policy.Table(rule));

        using var response = await gateway.ChatAsync(Texts.ChatRequest);
        var record = Assert.Single(gateway.Records());

        Assert.Contains("from abroad", await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(["m0", "s"], record.Attempts.Select(a => a.Model));
        Assert.Equal(240_000, record.CostNanos);
    }

    [Fact]
    public async Task Without_documents_nothing_is_measured_and_nothing_said()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer("Emperors ruled.")));
        await using var gateway = await StartAsync(Policy.Rule(GuardDetector.Grounding, GuardAction.Block, DetectionSide.Output), player);

        using var response = await gateway.ChatAsync(Texts.ChatRequest);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.False(response.Headers.Contains(AnswerGuards.ConfidenceHeader));
    }

    [Theory]
    [InlineData("The capital of France is Paris.", 200)]
    [InlineData("Nobody knows such things.", 400)]
    public async Task Further_answers_say_how_sure_an_answer_is_and_each_is_a_call(string sample, int status)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer("The capital of France is Paris.")));
        await using var sampler = new WirePlayer(e => e.AnswerAsync(200, Answer(sample)));
        var rule = Policy.Rule(GuardDetector.Confidence, GuardAction.Block, DetectionSide.Output) with
        {
            AnswerCheck = new AnswerCheck { Samples = 2, SampleRoute = "sampler" },
        };
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(player), new Route("sampler", [new Target(TestGateway.Http("ps", sampler), "s")])],
            prices: Prices, policies: Policy.Table(rule));

        using var response = await gateway.ChatAsync(Texts.ChatRequest);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(2, gateway.Records().Count(r => r.Surface == "sample" && r.CostNanos == 120_000));
        Assert.Equal(120_000, gateway.Records().Single(r => r.Surface == "chat").CostNanos);
    }

    [Fact]
    public async Task A_judge_can_speak_too()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer("Paris.")));
        await using var judge = new WirePlayer(e => e.AnswerAsync(200, Answer("0.3")));
        var rule = Policy.Rule(GuardDetector.Confidence, GuardAction.Flag, DetectionSide.Output) with
        {
            AnswerCheck = new AnswerCheck { Judge = "judge" },
        };
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(player), new Route("judge", [new Target(TestGateway.Http("pj", judge), "s")])],
            policies: Policy.Table(rule));

        using var response = await gateway.ChatAsync(Texts.ChatRequest);

        Assert.Equal("0.30", response.Headers.GetValues(AnswerGuards.ConfidenceHeader).Single());
        Assert.Equal(GuardVerdict.Flagged, gateway.Records().Single(r => r.Surface == "chat").Guard!.Verdict);
    }

    private static string Answer(string text) => PlugInTests.Answer(text);

    private static string ToolAnswer(string arguments) =>
        $$$"""{"id":"c","object":"chat.completion","created":1,"model":"m0","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"t","type":"function","function":{"name":"get","arguments":"{{{arguments}}}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}}""";

    private static string? JsonContent(string answer) =>
        JsonDocument.Parse(answer).RootElement.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();

    private static GuardRule Schema(GuardAction action) =>
        Policy.Rule(GuardDetector.Schema, action, DetectionSide.Output, DetectionSide.ToolCall);

    private static Task<TestGateway> StartAsync(GuardRule rule, params WirePlayer[] players) =>
        TestGateway.StartAsync([TestGateway.RouteTo(players)], prices: Prices, policies: Policy.Table(rule));
}
