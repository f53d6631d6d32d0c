using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>Fallback although the target is well.</summary>
public sealed class CauseTests
{
    private const string TooLong =
        """{"error":{"message":"This model's maximum context length is 10 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}""";
    private const string Filtered =
        """{"error":{"message":"The prompt was filtered.","type":null,"param":"prompt","code":"content_filter"}}""";
    internal const string SchemaRequest =
        """{"model":"fast","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}}}}""";

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;
    private static readonly PriceTable Prices = new(
        "r", new Dictionary<string, Price> { ["m0"] = new(1e-6m, 1e-6m), ["m1"] = new(2e-6m, 2e-6m) });

    [Theory]
    [InlineData(TooLong, FallbackCauses.ContextLength)]
    [InlineData("""{"error":{"message":"prompt is too long: 300000 tokens > 200000 maximum"}}""", FallbackCauses.ContextLength)]
    [InlineData(Filtered, FallbackCauses.ContentFilter)]
    public async Task A_refused_request_goes_on_where_the_route_says_so_and_only_there(string error, FallbackCauses cause)
    {
        await using var strict = new WirePlayer(e => e.AnswerAsync(400, error));
        await using var lenient = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var route = TestGateway.RouteTo(strict, lenient);
        await using var gateway = await TestGateway.StartAsync(
            [route with { FallbackOn = cause }, route with { Name = "none", FallbackOn = FallbackCauses.None },
                route with { Name = "last", Targets = [route.Targets[0]], FallbackOn = cause }]);

        using var served = await gateway.ChatAsync(Wire.ChatRequest);
        using var refused = await gateway.ChatAsync(Wire.ChatRequest.Replace("fast", "none", StringComparison.Ordinal));
        using var last = await gateway.ChatAsync(Wire.ChatRequest.Replace("fast", "last", StringComparison.Ordinal));

        Assert.Equal("p1/m1", PassThroughTests.Header(served, "x-gatehouse-served-by"));
        Assert.Equal((400, error), ((int)refused.StatusCode, await refused.Content.ReadAsStringAsync(Ct)));
        Assert.Equal((400, error), ((int)last.StatusCode, await last.Content.ReadAsStringAsync(Ct)));
        Assert.Single(lenient.Exchanges);
        Assert.Equal([2, 1, 1], gateway.Records().Select(r => r.Attempts.Count));
    }

    [Fact]
    public async Task What_is_too_long_for_a_model_is_not_sent_to_the_same_model_elsewhere()
    {
        await using var first = new WirePlayer(e => e.AnswerAsync(400, TooLong));
        await using var twin = new WirePlayer(e => e.AnswerAsync(400, TooLong));
        await using var larger = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var route = TestGateway.RouteTo(first, twin, larger);
        route = route with
        {
            FallbackOn = FallbackCauses.ContextLength,
            Targets = [route.Targets[0], new Target(route.Targets[1].Provider, "m0", 1, 1), route.Targets[2]],
        };
        await using var gateway = await TestGateway.StartAsync([route]);

        Assert.Equal("p2", await ConditionTests.ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
        Assert.Empty(twin.Exchanges);
    }

    [Theory]
    [InlineData("not json", true)]
    [InlineData("""{\"town\":\"Rome\"}""", true)]
    [InlineData("""{\"city\":7}""", true)]
    [InlineData("""{\"city\":\"Rome\"}""", false)]
    public async Task An_answer_that_breaks_the_schema_goes_on_and_is_paid_for(string content, bool goesOn)
    {
        var answer = Wire.ChatAnswer.Replace("\"Hi\"", $"\"{content}\"", StringComparison.Ordinal);
        await using var poor = new WirePlayer(e => e.AnswerAsync(200, answer));
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(poor, good) with { FallbackOn = FallbackCauses.InvalidSchema }], prices: Prices);

        Assert.Equal(goesOn ? "p1" : "p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(SchemaRequest)));

        var record = Assert.Single(gateway.Records());
        Assert.Equal(goesOn ? ["invalid_schema", null] : [null], record.Attempts.Select(a => a.ErrorCode));
        Assert.Equal(goesOn ? 360_000 : 120_000, record.CostNanos);
    }

    [Fact]
    public async Task A_refusal_and_the_last_target_are_not_judged()
    {
        var refusal = Wire.ChatAnswer.Replace("\"content\":\"Hi\"", "\"content\":null,\"refusal\":\"No.\"", StringComparison.Ordinal);
        await using var refusing = new WirePlayer(e => e.AnswerAsync(200, refusal), e => e.AnswerAsync(500, "{}"));
        await using var last = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(refusing, last) with { FallbackOn = FallbackCauses.InvalidSchema }]);

        Assert.Equal("p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(SchemaRequest)));
        Assert.Equal("p1", await ConditionTests.ServedByAsync(gateway.ChatAsync(SchemaRequest)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_answer_that_a_filter_cut_before_it_began_goes_on(bool streamed)
    {
        var cut = Wire.Role + Wire.Finish.Replace("\"stop\"", "\"content_filter\"", StringComparison.Ordinal) + Wire.Usage + Wire.Done;
        await using var filtered = new WirePlayer(e => streamed
            ? e.StreamAsync(cut)
            : e.AnswerAsync(200, Wire.ChatAnswer.Replace("\"stop\"", "\"content_filter\"", StringComparison.Ordinal)));
        await using var good = new WirePlayer(e => streamed ? e.StreamAsync(Wire.WholeStream) : e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(filtered, good) with { FallbackOn = FallbackCauses.ContentFilter }]);

        Assert.Equal("p1", await ConditionTests.ServedByAsync(gateway.ChatAsync(streamed ? Wire.StreamRequest : Wire.ChatRequest)));
    }
}
