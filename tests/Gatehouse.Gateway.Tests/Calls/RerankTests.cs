using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class RerankTests
{
    private const string Request = """{"model":"fast","query":"bread","documents":["rockets","how to bake bread"],"top_n":1}""";
    private const string Answer = """{"model":"m-2026","results":[{"index":1,"relevance_score":0.9}],"usage":{"total_tokens":11}}""";

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/v1/rerank")]
    [InlineData("/v2/rerank")]
    public async Task Bytes_pass_through_and_tokens_are_recorded(string path)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync(path, Request, ct: Ct);

        Assert.Equal(Answer, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(Request.Replace("\"fast\"", "\"m0\""), player.Last.Body);
        Assert.StartsWith("POST /v1/rerank HTTP/1.1\r\n", player.Last.Head);
        var record = Assert.Single(gateway.Records());
        Assert.Equal(("rerank", "fast", "m0"), (record.Surface, record.Route, record.Model));
        Assert.Equal(new TokenUsage(11, 0, 0, 0, 0, 0), record.Usage);
    }

    [Fact]
    public async Task Coheres_count_of_tokens_is_read()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(
            200, """{"id":"r","results":[],"meta":{"billed_units":{"search_units":1},"tokens":{"input_tokens":9,"output_tokens":2}}}"""));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync("/v2/rerank", Request, ct: Ct);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal(new TokenUsage(9, 0, 0, 0, 2, 0), Assert.Single(gateway.Records()).Usage);
    }

    [Theory]
    [InlineData("""{"model":"fast","documents":["a"]}""", "query")]
    [InlineData("""{"model":"fast","query":"q"}""", "documents")]
    [InlineData("""{"query":"q","documents":["a"]}""", "model")]
    public async Task What_cannot_be_read_is_refused_in_the_callers_format(string request, string field)
    {
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(TestGateway.Simulator(), "simulator")])]);

        using var response = await gateway.PostAsync("/v2/rerank", request, ct: Ct);

        Assert.Equal(400, (int)response.StatusCode);
        var error = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct));
        Assert.Contains(field, error.GetProperty("message").GetString());
        Assert.Equal(field, error.GetProperty("param").GetString());
    }

    [Fact]
    public async Task A_provider_that_does_not_rerank_says_so()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer));
        await using var gateway = await TestGateway.StartAsync(
            [new Route("fast", [new Target(TestGateway.Http("a", player, WireFormat.Anthropic), "claude-x")])]);

        using var response = await gateway.PostAsync("/v1/rerank", Request, ct: Ct);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains("offers no rerank", await response.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task The_simulator_puts_first_what_shares_words_with_the_query()
    {
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(TestGateway.Simulator(), "simulator")])]);

        using var response = await gateway.PostAsync("/v1/rerank", Request, ct: Ct);

        var results = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("results");
        Assert.Equal(1, results.GetArrayLength());
        Assert.Equal(1, results[0].GetProperty("index").GetInt32());
    }
}
