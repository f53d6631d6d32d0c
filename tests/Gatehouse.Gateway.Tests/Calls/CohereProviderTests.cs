using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class CohereProviderTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_chat_call_is_served_by_a_cohere_provider()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Text("cohere/text.json")));
        await using var gateway = await TestGateway.StartAsync([Route(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        var message = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("choices")[0].GetProperty("message");
        Assert.Equal(
            ("Hello from Cohere.", "They greet."),
            (message.GetProperty("content").GetString(), message.GetProperty("reasoning_content").GetString()));
        Assert.StartsWith("POST /v1/chat HTTP/1.1\r\n", player.Last.Head);
        Assert.Equal("""{"model":"command-a","stream":false,"messages":[{"role":"user","content":"Hello"}]}""", player.Last.Body);
        var record = Assert.Single(gateway.Records());
        Assert.Equal(new TokenUsage(8, 4, 0, 0, 5, 0), record.Usage); // what is billed
        Assert.Equal("stop", record.FinishReason);
    }

    [Theory]
    [InlineData("")]
    [InlineData("data: [DONE]\n\n")]
    public async Task A_stream_is_whole_with_and_without_a_terminator(string terminator)
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Text("cohere/text.sse") + terminator));
        await using var gateway = await TestGateway.StartAsync([Route(player)]);

        using var response = await gateway.MessagesAsync(Wire.MessagesStreamRequest);
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.Contains(" from Cohere.", text);
        Assert.EndsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", text);
        Assert.Equal((CallOutcome.Ok, "stop"), Outcome(gateway));
    }

    [Fact]
    public async Task A_stream_that_is_cut_is_told_as_cut()
    {
        var stream = Text("cohere/text.sse");
        await using var player = new WirePlayer(
            e => e.StreamAsync(stream[..stream.IndexOf("event: content-end", StringComparison.Ordinal)]));
        await using var gateway = await TestGateway.StartAsync([Route(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);

        Assert.Contains("\"error\":", await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("upstream_stream_truncated", Assert.Single(gateway.Records()).ErrorCode);
    }

    [Theory]
    [InlineData(400, """{"message":"too many tokens: total number of tokens in the prompt cannot exceed 128000"}""", 400,
        "context_length_exceeded")]
    [InlineData(401, """{"message":"invalid api token"}""", 502, "upstream_rejected_credential")]
    [InlineData(498, """{"message":"invalid token"}""", 502, "upstream_rejected_credential")]
    [InlineData(429, """{"message":"You are using a Trial key"}""", 429, "rate_limit_exceeded")]
    public async Task Errors_have_the_meaning_that_cohere_gives_them(int status, string body, int expected, string code)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(status, body));
        await using var gateway = await TestGateway.StartAsync([Route(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(expected, (int)response.StatusCode);
        Assert.Equal(code, Assert.Single(gateway.Records()).ErrorCode);
    }

    private static (CallOutcome, string?) Outcome(TestGateway gateway) => (gateway.Records()[0].Outcome, gateway.Records()[0].FinishReason);

    private static Route Route(WirePlayer player) => new("fast",
    [
        new Target(new ProviderFactory(TimeProvider.System).Create(new ProviderSettings
        {
            Name = "cohere", Kind = "cohere", Wire = WireFormat.Cohere, BaseUrl = player.BaseUrl, ApiKey = TestGateway.ProviderCredential,
        }), "command-a"),
    ]) { AttemptsPerTarget = 1 };

    private static string Text(string file) => Encoding.UTF8.GetString(WireFiles.Read(file));
}
