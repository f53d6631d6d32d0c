using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class GeminiProviderTests
{
    private const string BadKey =
        """{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}""";

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    internal static Route Gemini(WirePlayer player, string model = "gemini-x") =>
        new("fast", [new Target(TestGateway.Http("google", player, WireFormat.Gemini), model)]) { AttemptsPerTarget = 1,
            RetryDelay = TimeSpan.FromMilliseconds(1) };

    [Fact]
    public async Task A_chat_call_is_served_by_a_gemini_provider()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.GeminiAnswer));
        await using var gateway = await TestGateway.StartAsync([Gemini(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        var answer = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("Hi", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
        Assert.StartsWith("POST /v1/models/gemini-x:generateContent HTTP/1.1\r\n", player.Last.Head);
        Assert.Equal(TestGateway.ProviderCredential, player.Last.Header("x-goog-api-key"));
        Assert.Null(player.Last.Header("Authorization"));
        Assert.Equal("""{"contents":[{"role":"user","parts":[{"text":"Hello"}]}],"generationConfig":{}}""", player.Last.Body);
        var record = Assert.Single(gateway.Records());
        Assert.Equal(new TokenUsage(6, 4, 0, 0, 2, 3), record.Usage);
        Assert.Equal("gemini-x-001", record.AnsweredModel);
    }

    [Theory]
    [InlineData("/v1/chat/completions", "[DONE]")]
    [InlineData("/v1/messages", "event: message_stop")]
    public async Task Streams_of_both_formats_are_served_by_a_gemini_provider(string path, string end)
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.GeminiHello + Wire.GeminiEnd));
        await using var gateway = await TestGateway.StartAsync([Gemini(player)]);

        using var response = await gateway.PostAsync(path, Wire.MessagesStreamRequest, ct: Ct);
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.StartsWith("POST /v1/models/gemini-x:streamGenerateContent?alt=sse HTTP/1.1\r\n", player.Last.Head);
        Assert.Contains("Hello", text);
        Assert.Contains(end, text);
        var record = Assert.Single(gateway.Records());
        Assert.Equal(CallOutcome.Ok, record.Outcome);
        Assert.Equal(new TokenUsage(10, 0, 0, 0, 2, 0), record.Usage);
        Assert.Equal("stop", record.FinishReason);
    }

    [Fact]
    public async Task A_stream_without_an_end_is_told_as_cut()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.GeminiHello));
        await using var gateway = await TestGateway.StartAsync([Gemini(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);

        Assert.Contains("data: {\"error\":", await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("upstream_stream_truncated", Assert.Single(gateway.Records()).ErrorCode);
    }

    [Fact]
    public async Task A_credential_that_is_not_good_is_not_blamed_on_the_caller_and_falls_back()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(400, BadKey));
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var route = new Route(
            "fast", [new Target(TestGateway.Http("google", player, WireFormat.Gemini), "g"),
                new Target(TestGateway.Http("p1", good), "m", 1, 1)]);
        await using var gateway = await TestGateway.StartAsync([route]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("upstream_rejected_credential", Assert.Single(gateway.Records()).Attempts[0].ErrorCode);
        Assert.Single(player.Exchanges);
    }

    [Fact]
    public async Task The_wait_that_the_body_asks_for_is_passed_on()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(
            429, """{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"36.4s"}]}}"""));
        await using var gateway = await TestGateway.StartAsync([Gemini(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(429, (int)response.StatusCode);
        Assert.Equal("37", PassThroughTests.Header(response, "retry-after"));
    }

    [Fact]
    public async Task A_model_that_failed_is_asked_again()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, """{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","index":0}]}"""),
            e => e.AnswerAsync(200, Wire.GeminiAnswer));
        await using var gateway = await TestGateway.StartAsync([Gemini(player) with { AttemptsPerTarget = 2 }]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("upstream_invalid_answer", Assert.Single(gateway.Records()).Attempts[0].ErrorCode);
    }

    [Fact]
    public async Task A_models_name_cannot_lead_to_another_path()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.GeminiAnswer));
        var route = new Route("gemini-*", [new Target(TestGateway.Http("google", player, WireFormat.Gemini), "*")]);
        await using var gateway = await TestGateway.StartAsync([route]);

        using var response = await gateway.ChatAsync(
            """{"model":"gemini-/../../files?x=y#","messages":[{"role":"user","content":"Hello"}]}""");

        Assert.StartsWith("POST /v1/models/gemini-%2F..%2F..%2Ffiles%3Fx%3Dy%23:generateContent HTTP/1.1\r\n", player.Last.Head);
    }

    [Fact]
    public async Task A_signed_call_reaches_a_provider_of_the_callers_own_format_without_the_signature()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(
            """{"model":"fast","messages":[{"role":"assistant","tool_calls":[{"id":"call_1__thought__QUJD","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1__thought__QUJD","content":"__thought__"}]}""");

        Assert.Contains("""{"id":"call_1","type":"function",""", player.Last.Body);
        Assert.Contains(""""tool_call_id":"call_1","content":"__thought__"}"""", player.Last.Body);
    }
}
