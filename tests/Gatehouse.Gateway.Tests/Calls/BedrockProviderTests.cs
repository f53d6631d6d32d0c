using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Bedrock;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Journal;
using Gatehouse.Gateway.Tests.Wire;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class BedrockProviderTests
{
    private const string Model = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
    private const string Path = "/v1/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/";

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_chat_call_is_served_and_its_signature_is_what_the_request_gives()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Text("bedrock/text.json")));
        await using var gateway = await TestGateway.StartAsync([Route(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        var answer = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("Hello from Bedrock.", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
        Assert.Equal(Model, answer.GetProperty("model").GetString());
        Assert.StartsWith($"POST {Path}converse HTTP/1.1\r\n", player.Last.Head);
        AssertSigned(player, "converse", "AKIDEXAMPLE", "secret-of-the-tests", "token-of-the-tests");
        var record = Assert.Single(gateway.Records());
        Assert.Equal(new TokenUsage(12, 100, 10, 20, 5, 0), record.Usage);
        Assert.Equal("stop", record.FinishReason);
    }

    [Fact]
    public async Task What_is_signed_is_the_host_and_the_query_that_are_sent()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Text("bedrock/text.json")));
        var settings = Settings(
            "bedrock", player) with { Headers = new Dictionary<string, string> { ["host"] = "bedrock.internal" }, Query = "api-version=1" };
        var target = new Target(new ProviderFactory(TimeProvider.System).Create(settings), Model);
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [target])]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal("bedrock.internal", player.Last.Header("Host"));
        Assert.StartsWith($"POST {Path}converse?api-version=1 HTTP/1.1\r\n", player.Last.Head);
        AssertSigned(player, "converse", "AKIDEXAMPLE", "secret-of-the-tests", "token-of-the-tests", "api-version=1");
    }

    [Theory]
    [InlineData("/v1/chat/completions", "[DONE]")]
    [InlineData("/v1/messages", "event: message_stop")]
    [InlineData("/v1beta/models/fast:streamGenerateContent?alt=sse", "\"finishReason\":\"STOP\"")]
    public async Task Streams_reach_clients_of_every_format(string path, string end)
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Frames("bedrock/text.events")));
        await using var gateway = await TestGateway.StartAsync([Route(player)]);

        using var response = await gateway.PostAsync(
            path, path.Contains("models", StringComparison.Ordinal) ? Wire.GeminiRequest : Wire.MessagesStreamRequest, ct: Ct);
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.StartsWith($"POST {Path}converse-stream HTTP/1.1\r\n", player.Last.Head);
        Assert.Contains("Hello", text);
        Assert.Contains(end, text);
        var record = Assert.Single(gateway.Records());
        Assert.Equal((CallOutcome.Ok, "stop"), (record.Outcome, record.FinishReason));
        Assert.Equal(new TokenUsage(12, 100, 30, 0, 5, 0), record.Usage);
    }

    [Fact]
    public async Task An_exception_within_a_stream_has_the_status_it_would_have_had_before()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Frames("bedrock/error.events")));
        await using var gateway = await TestGateway.StartAsync([Route(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal(429, (int)response.StatusCode); // nothing had reached the client yet
        Assert.Contains("Too many tokens", text);
        Assert.Equal("rate_limit_exceeded", Assert.Single(gateway.Records()).ErrorCode);
    }

    [Fact]
    public async Task A_stream_that_is_cut_is_told_as_cut_wherever_that_is()
    {
        var whole = Frames("bedrock/text.events");
        foreach (var length in (int[])[whole.Length / 3, whole.Length / 2, whole.Length * 3 / 4])
        {
            await using var player = new WirePlayer(e => e.StreamAsync(whole.AsMemory(0, length)));
            await using var gateway = await TestGateway.StartAsync([Route(player)]);

            using var response = await gateway.ChatAsync(Wire.StreamRequest);
            var text = await response.Content.ReadAsStringAsync(Ct);

            Assert.Contains("\"error\":", text);
            Assert.Equal("upstream_stream_truncated", Assert.Single(gateway.Records()).ErrorCode);
        }
    }

    [Fact]
    public async Task A_frame_with_a_wrong_checksum_ends_the_stream_as_garbage()
    {
        var broken = Frames("bedrock/text.events");
        broken[^3] ^= 1;
        await using var player = new WirePlayer(e => e.StreamAsync(broken));
        await using var gateway = await TestGateway.StartAsync([Route(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);
        await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal("upstream_invalid_answer", Assert.Single(gateway.Records()).ErrorCode);
    }

    [Fact]
    public async Task Throttling_before_an_exchange_falls_back_and_errors_of_the_request_reach_the_client()
    {
        await using var busy = new WirePlayer(e => e.AnswerAsync(429, """{"message":"Too many requests"}"""));
        await using var player = new WirePlayer(e => e.AnswerAsync(400, """{"message":"Input is too long for requested model."}"""));
        var route = Route(busy) with { Targets = [.. Route(busy).Targets, new Target(Provider("second", player), Model, 1, 1)] };
        await using var gateway = await TestGateway.StartAsync([route]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(400, (int)response.StatusCode);
        var error = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("error");
        Assert.Equal("context_length_exceeded", error.GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_schema_at_a_model_without_any_is_emulated_and_the_answer_says_so()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Frames("bedrock/answer-tool.events")));
        var route = new Route("fast", [new Target(Provider("bedrock", player), "amazon.nova-lite-v1:0")]);
        await using var gateway = await TestGateway.StartAsync([route]);

        using var response = await gateway.ChatAsync(
            """{"model":"fast","stream":true,"messages":[{"role":"user","content":"Hello"}],"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object","properties":{"answer":{"type":"integer"}}}}}}""");
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal("response_format", PassThroughTests.Header(response, "x-gatehouse-emulated-params"));
        Assert.Contains("\"content\":\"42}\"", text);
        Assert.Contains("\"finish_reason\":\"stop\"", text);
        Assert.DoesNotContain("tool_calls", text);
        Assert.DoesNotContain("Here it is", text);
    }

    [Fact]
    public async Task A_credentials_file_is_read_again_when_it_changes()
    {
        using var directory = new TemporaryDirectory();
        var file = System.IO.Path.Combine(directory.Path, "credentials");
        await File.WriteAllTextAsync(
            file, "[other]\naws_access_key_id = X\n[work]\n# a comment\naws_access_key_id = AKFIRST\naws_secret_access_key=first-secret\n",
            Ct);
        var clock = new ManualClock();
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Text("bedrock/text.json")));
        var provider = new ProviderFactory(clock).Create(
            Settings("bedrock", player) with { Aws = new() { Region = "eu-west-1", CredentialsFile = file, Profile = "work" } });
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(provider, Model)])]);

        using var first = await gateway.ChatAsync(Wire.ChatRequest);
        AssertSigned(player, "converse", "AKFIRST", "first-secret", null);
        await File.WriteAllTextAsync(
            file, "[work]\naws_access_key_id=AKSECOND\naws_secret_access_key=second-secret\naws_session_token=t\n", Ct);
        File.SetLastWriteTimeUtc(file, new DateTime(2030, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        using var soon = await gateway.ChatAsync(Wire.ChatRequest);
        AssertSigned(player, "converse", "AKFIRST", "first-secret", null);
        clock.Advance(TimeSpan.FromMinutes(1));
        using var later = await gateway.ChatAsync(Wire.ChatRequest);

        AssertSigned(player, "converse", "AKSECOND", "second-secret", "t");
    }

    [Fact]
    public async Task A_bedrock_api_key_travels_as_a_bearer_token_unsigned()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Text("bedrock/text.json")));
        var provider = new ProviderFactory(TimeProvider.System).Create(
            Settings("bedrock", player) with { Aws = null, ApiKey = "bedrock-key-of-the-tests" });
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(provider, Model)])]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("Bearer bedrock-key-of-the-tests", player.Last.Header("Authorization"));
        Assert.Null(player.Last.Header("x-amz-date"));
    }

    private static Route Route(WirePlayer player) =>
        new("fast", [new Target(Provider("bedrock", player), Model)]) { AttemptsPerTarget = 1 };

    private static Provider Provider(string name, WirePlayer player) =>
        new ProviderFactory(TimeProvider.System).Create(Settings(name, player));

    private static ProviderSettings Settings(string name, WirePlayer player) => new()
    {
        Name = name,
        Kind = "bedrock",
        Wire = WireFormat.Bedrock,
        BaseUrl = player.BaseUrl,
        Aws = new() { Region = "eu-west-1", AccessKeyId = "AKIDEXAMPLE", SecretAccessKey = "secret-of-the-tests",
            SessionToken = "token-of-the-tests" },
    };

    /// <summary>Computes the signature again, from what arrived.</summary>
    private static void AssertSigned(WirePlayer player, string action, string id, string secret, string? token, string query = "")
    {
        var last = player.Last;
        Assert.Equal(token, last.Header("x-amz-security-token"));
        var headers = new List<KeyValuePair<string, string>>
        {
            new("content-type", last.Header("Content-Type")!), new("host", last.Header("Host")!),
            new("x-amz-date", last.Header("x-amz-date")!),
        };
        if (token is not null)
        {
            headers.Add(new("x-amz-security-token", token));
        }

        Assert.Equal(
            SigV4.Authorization(
                "POST", Path + action, query, headers, Encoding.UTF8.GetBytes(last.Body), new(id, secret, token), "eu-west-1", "bedrock",
                last.Header("x-amz-date")!),
            last.Header("Authorization"));
    }

    private static string Text(string file) => Encoding.UTF8.GetString(WireFiles.Read(file));

    private static byte[] Frames(string file) => EventStreamFrames.Encode(Text(file));
}
