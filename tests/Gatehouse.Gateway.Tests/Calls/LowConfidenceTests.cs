using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Responses;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class LowConfidenceTests
{
    private static readonly PriceTable Prices = new(
        "r", new Dictionary<string, Price> { ["m0"] = new(1e-6m, 1e-6m), ["m1"] = new(1e-6m, 1e-6m), ["j"] = new(1e-6m, 1e-6m) });

    private const string Question =
        """{"model":"fast","messages":[{"role":"system","content":"Opening hours: Monday to Friday from 9 to 17."},{"role":"user","content":"When is the library open?"}]}""";

    [Theory]
    [InlineData("I'm sorry, but I can't help with that.", true)]
    [InlineData("The library is open on Monday.", false)]
    public async Task A_refusal_goes_on_to_the_next_target_and_both_are_paid(string first, bool doubted)
    {
        await using var small = new WirePlayer(e => e.AnswerAsync(200, Answer(first)));
        await using var large = new WirePlayer(e => e.AnswerAsync(200, Answer("From 9 to 17.")));
        await using var gateway = await TestGateway.StartAsync([RouteTo(ConfidenceRule.Default, small, large)], prices: Prices);

        Assert.Equal(doubted ? "p1" : "p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(Question)));

        var record = Assert.Single(gateway.Records());
        Assert.Equal(doubted ? ["low_confidence", null] : [null], record.Attempts.Select(a => a.ErrorCode));
        Assert.Equal(doubted ? 240_000 : 120_000, record.CostNanos);
        Assert.Equal(doubted ? 240 : 120, record.Usage!.Value.Total);
    }

    [Theory]
    [InlineData("The museum was built in 1871 by emperors.", true)]
    [InlineData("The library is open Monday to Friday from 9 to 17.", false)]
    public async Task An_answer_that_the_request_does_not_carry_is_doubted(string first, bool doubted)
    {
        await using var small = new WirePlayer(e => e.AnswerAsync(200, Answer(first)));
        await using var large = new WirePlayer(e => e.AnswerAsync(200, Answer("From 9 to 17.")));
        await using var gateway = await TestGateway.StartAsync([RouteTo(new(true, 0.5, null, 0), small, large)]);

        Assert.Equal(doubted ? "p1" : "p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(Question)));
    }

    [Theory]
    [InlineData("0.2", true)]
    [InlineData("**0.9** because", false)]
    [InlineData("I cannot say", false)]
    [InlineData("error", false)]
    public async Task A_judge_is_a_call_of_its_own_and_one_without_a_verdict_judges_nothing(string verdict, bool doubted)
    {
        await using var small = new WirePlayer(e => e.AnswerAsync(200, Answer("It is open.")));
        await using var large = new WirePlayer(e => e.AnswerAsync(200, Answer("From 9 to 17.")));
        await using var judge = new WirePlayer(e => verdict == "error" ? e.AnswerAsync(500, "{}") : e.AnswerAsync(200, Answer(verdict)));
        var judging = new Route("judge", [new Target(TestGateway.Http("pj", judge), "j")]) { AttemptsPerTarget = 1 };
        await using var gateway = await TestGateway.StartAsync(
            [RouteTo(new(true, null, "judge", 0.6), small, large), judging], prices: Prices);

        Assert.Equal(doubted ? "p1" : "p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(Question)));

        var records = gateway.Records();
        var (call, judged) = (records.Single(r => r.Surface == "chat"), records.Single(r => r.Surface == "judge"));
        Assert.Equal((call.TraceId, call.SpanId, call.KeyId, "judge"), (judged.TraceId, judged.ParentSpanId, judged.KeyId, judged.Route));
        Assert.Equal(verdict == "error" ? CallOutcome.Failed : CallOutcome.Ok, judged.Outcome);
        Assert.Contains("It is open.", judge.Last.Body, StringComparison.Ordinal);
        Assert.Contains("When is the library open?", judge.Last.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("The museum was built in 1871 by emperors.", "completed", true)]
    [InlineData("I can't help with that.", "completed", true)]
    [InlineData("The library is open Monday to Friday from 9 to 17.", "completed", false)]
    public async Task A_response_that_passes_through_is_judged_too(string first, string status, bool doubted)
    {
        await using var small = new WirePlayer(e => e.AnswerAsync(200, Response(first, status)));
        await using var large = new WirePlayer(e => e.AnswerAsync(200, Response("From 9 to 17.", status)));
        await using var gateway = await TestGateway.StartAsync(
            [Native(small, large) with { FallbackOn = FallbackCauses.LowConfidence, Confidence = new(true, 0.5, null, 0) }]);

        Assert.Equal(doubted ? "p1" : "p0", await ConditionTests.ServedByAsync(gateway.PostAsync(
            "/v1/responses",
            """{"model":"fast","instructions":"Opening hours: Monday to Friday from 9 to 17.","input":"When is the library open?"}""",
            ct: TestContext.Current.CancellationToken)));
    }

    [Theory]
    [InlineData("not json", "completed", true)]
    [InlineData("""{\"city\":\"Rome\"}""", "completed", false)]
    [InlineData("""{\"ci""", "incomplete", false)]
    public async Task A_response_that_passes_through_is_held_against_its_schema(string first, string status, bool doubted)
    {
        await using var small = new WirePlayer(e => e.AnswerAsync(200, Response(first, status)));
        await using var large = new WirePlayer(e => e.AnswerAsync(200, Response("{}", status)));
        await using var gateway = await TestGateway.StartAsync(
            [Native(small, large) with { FallbackOn = FallbackCauses.InvalidSchema }]);

        Assert.Equal(doubted ? "p1" : "p0", await ConditionTests.ServedByAsync(gateway.PostAsync(
            "/v1/responses",
            """{"model":"fast","input":"Where?","text":{"format":{"type":"json_schema","name":"c","schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}}""",
            ct: TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task The_last_target_and_streams_are_not_judged()
    {
        await using var small = new WirePlayer(
            e => e.AnswerAsync(200, Answer("I can't help with that.")), e => e.StreamAsync(Wire.WholeStream));
        await using var gateway = await TestGateway.StartAsync([RouteTo(ConfidenceRule.Default, small)]);

        Assert.Equal("p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(Question)));
        Assert.Equal("p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(Wire.StreamRequest)));
    }

    [Fact]
    public void What_the_model_said_before_carries_nothing()
    {
        var request = ChatRequestReader.Read(
            """{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":"c"}]}"""u8.ToArray());

        Assert.Equal(["a", "c"], LowConfidence.Passages(request));
    }

    private static Route Native(params WirePlayer[] players) =>
        new("fast", [.. players.Select((p, i) => new Target(ResponsesWire.Native($"p{i}", p), "m0", 1, i))]) { AttemptsPerTarget = 1 };

    private static string Response(string text, string status) =>
        $$$"""{"id":"resp_1","object":"response","created_at":1,"status":"{{{status}}}","model":"m","output":[{"type":"reasoning","id":"rs_1","summary":[]},{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"{{{text}}}","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}""";

    private static string Answer(string text) => Wire.ChatAnswer.Replace("\"Hi\"", "\"" + text + "\"", StringComparison.Ordinal);

    private static Route RouteTo(ConfidenceRule rule, params WirePlayer[] players) =>
        TestGateway.RouteTo(players) with { FallbackOn = FallbackCauses.LowConfidence, Confidence = rule };
}
