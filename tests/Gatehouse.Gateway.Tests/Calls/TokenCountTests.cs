using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Tests.Responses;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>Counts of a request's tokens: the provider's own where it counts, else an estimate that is called one.</summary>
public sealed class TokenCountTests
{
    private const string MessagesBody =
        """{"model":"fast","system":"Be brief.","messages":[{"role":"user","content":"Hello there, you!"}]}""";
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Anthropic_counts_for_itself()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, """{"input_tokens":14}"""));
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player)]);

        using var response = await gateway.PostAsync("/v1/messages/count_tokens", MessagesBody, ct: Ct);

        Assert.Equal("""{"input_tokens":14}""", await response.Content.ReadAsStringAsync(Ct));
        Assert.StartsWith("POST /v1/messages/count_tokens ", player.Last.Head);
        Assert.Equal(MessagesBody.Replace("fast", "claude-x"), player.Last.Body);
        Assert.Equal("2023-06-01", player.Last.Header("anthropic-version"));
        Assert.Null(PassThroughTests.Header(response, "x-gatehouse-estimate"));
        Assert.Equal(default(TokenUsage), Assert.Single(gateway.Records()).Usage);
    }

    [Fact]
    public async Task Openai_counts_for_itself()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, """{"object":"response.input_tokens","input_tokens":3}"""));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);

        using var response = await gateway.PostAsync("/v1/responses/input_tokens", ResponsesWire.Request, ct: Ct);

        Assert.Equal("""{"object":"response.input_tokens","input_tokens":3}""", await response.Content.ReadAsStringAsync(Ct));
        Assert.StartsWith("POST /v1/responses/input_tokens ", player.Last.Head);
        Assert.Equal("""{"model":"m0","input":"Hello"}""", player.Last.Body);
    }

    [Fact]
    public async Task A_count_of_a_responses_request_makes_streams_and_keeps_nothing()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, ResponsesWire.Answer), e =>
                e.AnswerAsync(200, """{"object":"response.input_tokens","input_tokens":3}"""));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);
        using var first = await gateway.PostAsync("/v1/responses", ResponsesWire.Request, TestGateway.StoringKey, Ct);
        var id = JsonElement.Parse(await first.Content.ReadAsStringAsync(Ct)).GetProperty("id").GetString();

        using var counted = await gateway.PostAsync(
            "/v1/responses/input_tokens",
            $$"""{"model":"fast","background":true,"stream":true,"store":true,"input":"On","previous_response_id":"{{id}}"}""",
            TestGateway.StoringKey, Ct);

        Assert.Equal("""{"object":"response.input_tokens","input_tokens":3}""", await counted.Content.ReadAsStringAsync(Ct));
        Assert.StartsWith("POST /v1/responses/input_tokens ", player.Last.Head);
        Assert.Equal(2, player.Exchanges.Count);
        Assert.Single(gateway.Responses.All);
        var sent = JsonElement.Parse(player.Last.Body);
        Assert.Equal(["model", "input"], sent.EnumerateObject().Select(m => m.Name));
        Assert.Contains("\"encrypted_content\":\"gAAA\"", player.Last.Body);
    }

    [Theory]
    [InlineData("/v1/messages/count_tokens", MessagesBody, 7)]
    [InlineData("/v1/responses/input_tokens", """{"model":"fast","instructions":"Be brief.","input":"Hello there, you!"}""", 7)]
    public async Task Others_are_estimated_and_the_answer_says_so(string path, string body, int tokens)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(500, "{}"));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync(path, body, ct: Ct);

        Assert.Equal(tokens, JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("input_tokens").GetInt32());
        Assert.Equal("input_tokens", PassThroughTests.Header(response, "x-gatehouse-estimate"));
        Assert.Empty(player.Exchanges);
        Assert.Equal(200, Assert.Single(gateway.Records()).Status);
    }

    [Fact]
    public async Task A_mistake_reads_in_the_callers_format()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(400, """{"type":"error","error":{"type":"invalid_request_error","message":"messages: too few"}}"""));
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player)]);

        using var refused = await gateway.PostAsync("/v1/messages/count_tokens", """{"model":"fast"}""", ct: Ct);
        using var passed = await gateway.PostAsync("/v1/messages/count_tokens", MessagesBody, ct: Ct);

        Assert.Contains("\"type\":\"invalid_request_error\"", await refused.Content.ReadAsStringAsync(Ct));
        Assert.Equal(400, (int)passed.StatusCode);
        Assert.Contains("messages: too few", await passed.Content.ReadAsStringAsync(Ct));
    }
}
