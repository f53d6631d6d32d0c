using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class PassThroughTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_whole_answer_passes_byte_for_byte_and_is_recorded_before_it_arrives()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, Wire.ChatAnswer, "openai-processing-ms: 12", "x-ratelimit-remaining-requests: 7", "server: secret/1"));
        var prices = new PriceTable("p1", new Dictionary<string, Price> { ["p0/m0"] = new(0.000001m, 0.00001m) });
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], prices: prices);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);
        var record = Assert.Single(gateway.Records());

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal(Wire.ChatAnswer, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("""{"model":"m0","messages":[{"role":"user","content":"Hello"}]}""", player.Last.Body);
        Assert.Equal("Bearer " + TestGateway.ProviderCredential, player.Last.Header("Authorization"));
        Assert.Equal("p0/m0", Header(response, "x-gatehouse-served-by"));
        Assert.Equal("1", Header(response, "x-gatehouse-attempts"));
        Assert.Equal("12", Header(response, "openai-processing-ms"));
        Assert.Equal("7", Header(response, "x-ratelimit-remaining-requests"));
        Assert.DoesNotContain("secret/1", response.ToString());
        Assert.Equal(record.RequestId, Header(response, "x-request-id"));

        Assert.Equal(CallOutcome.Ok, record.Outcome);
        Assert.Equal(200, record.Status);
        Assert.Equal(new TokenUsage(60, 40, 0, 0, 15, 5), record.Usage);
        Assert.Equal((100 * 1_000) + (20 * 10_000), record.CostNanos);
        Assert.Equal("p1", record.PriceRevision);
        Assert.Equal("r1", record.ConfigurationRevision);
        Assert.Equal("m-2026", record.AnsweredModel);
        Assert.Equal("stop", record.FinishReason);
        Assert.Equal("fast", record.Route);
        Assert.Equal(200, Assert.Single(record.Attempts).Status);
        Assert.InRange(record.OwnMicros, 0, record.DurationMicros);
    }

    [Fact]
    public async Task An_unknown_price_is_recorded_as_unknown()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Null(Assert.Single(gateway.Records()).CostNanos);
    }

    [Fact]
    public async Task A_stream_passes_without_the_usage_event_that_only_we_asked_for()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.WholeStream));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal(Wire.Role + Wire.Hello + Wire.Finish + Wire.Done, await response.Content.ReadAsStringAsync(Ct));
        Assert.True(JsonDocument.Parse(player.Last.Body).RootElement.GetProperty("stream_options").GetProperty("include_usage")
            .GetBoolean());
        var record = Assert.Single(gateway.Records());
        Assert.Equal(new TokenUsage(9, 0, 0, 0, 3, 0), record.Usage);
        Assert.True(record.Streamed);
    }

    [Fact]
    public async Task A_client_that_asked_for_usage_gets_it()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.WholeStream));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(
            Wire.StreamRequest.Replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}"));

        Assert.Equal(Wire.WholeStream, await response.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task A_provider_that_refuses_stream_options_is_not_sent_any()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.Role + Wire.Hello + Wire.Finish + Wire.Done));
        var settings = TestGateway.Http("p0", player).Settings with { StreamUsage = false };
        var provider = new ProviderFactory(TimeProvider.System).Create(settings);
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(provider, "m0")])]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);

        await response.Content.ReadAsStringAsync(Ct);
        Assert.DoesNotContain("stream_options", player.Last.Body);
        Assert.Null(Assert.Single(gateway.Records()).Usage);
    }

    [Theory]
    [InlineData("max_tokens", "max_completion_tokens")]
    [InlineData("max_completion_tokens", "max_tokens")]
    public async Task The_output_limit_goes_by_the_name_that_the_provider_knows(string sent, string known)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var provider = new ProviderFactory(TimeProvider.System).Create(
            TestGateway.Http("p0", player).Settings with { MaxTokensField = known });
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(provider, "m0")])]);

        using var response = await gateway.ChatAsync($$"""{"model":"fast","messages":[],"{{sent}}":10}""");

        Assert.Equal($$"""{"model":"m0","messages":[],"{{known}}":10}""", player.Last.Body);
    }

    [Fact]
    public async Task Every_event_reaches_the_client_before_the_next_is_sent_and_the_record_comes_before_the_end()
    {
        var seen = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Wire.Role + Wire.Hello);
            await seen.Task;
            await e.EventsAsync(Wire.Finish + Wire.Usage + Wire.Done);
            await e.EndStreamAsync();
        });
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Ct));
        Assert.Contains("assistant", await reader.ReadLineAsync(Ct));
        await reader.ReadLineAsync(Ct);
        Assert.Contains("Hello", await reader.ReadLineAsync(Ct));
        Assert.Empty(gateway.Records());
        seen.SetResult();
        while (await reader.ReadLineAsync(Ct) != "data: [DONE]")
        {
        }

        Assert.Single(gateway.Records());
    }

    [Fact]
    public async Task Messages_pass_to_an_anthropic_provider_with_their_headers()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, Wire.MessagesAnswer, "anthropic-ratelimit-requests-remaining: 3", "request-id: req_theirs"));
        await using var gateway = await TestGateway.StartAsync([Anthropic(player)]);
        gateway.Client.DefaultRequestHeaders.Add("anthropic-version", "2026-10-21");
        gateway.Client.DefaultRequestHeaders.Add("anthropic-beta", "a-1,b-2");

        using var response = await gateway.MessagesAsync(Wire.MessagesRequest);

        Assert.Equal(Wire.MessagesAnswer, await response.Content.ReadAsStringAsync(Ct));
        Assert.StartsWith("POST /v1/messages HTTP/1.1", player.Last.Head);
        Assert.Equal(TestGateway.ProviderCredential, player.Last.Header("x-api-key"));
        Assert.Equal("2026-10-21", player.Last.Header("anthropic-version"));
        Assert.Equal("a-1,b-2", player.Last.Header("anthropic-beta"));
        Assert.Equal("3", Header(response, "anthropic-ratelimit-requests-remaining"));
        var record = Assert.Single(gateway.Records());
        Assert.Equal(record.RequestId, Header(response, "request-id"));
        Assert.Equal(new TokenUsage(10, 40, 10, 20, 7, 0), record.Usage);
        Assert.Equal("stop", record.FinishReason);
        Assert.Equal("messages", record.Surface);
    }

    [Fact]
    public async Task A_messages_stream_passes_event_for_event()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.WholeMessagesStream));
        await using var gateway = await TestGateway.StartAsync([Anthropic(player)]);

        using var response = await gateway.MessagesAsync(Wire.MessagesStreamRequest);

        Assert.Equal(Wire.WholeMessagesStream, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(new TokenUsage(10, 5, 0, 0, 12, 0), Assert.Single(gateway.Records()).Usage);
    }

    [Fact]
    public async Task Trace_context_goes_in_and_out_and_a_malformed_one_is_ignored()
    {
        const string caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        gateway.Client.DefaultRequestHeaders.Add("traceparent", caller);
        using var first = await gateway.ChatAsync(Wire.ChatRequest);
        var sent = player.Last.Header("traceparent");
        gateway.Client.DefaultRequestHeaders.Remove("traceparent");
        gateway.Client.DefaultRequestHeaders.Add("traceparent", "00-xyz");
        using var second = await gateway.ChatAsync(Wire.ChatRequest);

        var records = gateway.Records();
        Assert.Equal("0af7651916cd43dd8448eb211c80319c", records[0].TraceId);
        Assert.Equal("b7ad6b7169203331", records[0].ParentSpanId);
        Assert.Equal($"00-0af7651916cd43dd8448eb211c80319c-{Gateway.Calls.AttemptSpan.Id(records[0].SpanId, 0)}-01", sent);
        Assert.Null(records[1].ParentSpanId);
        Assert.Contains(records[1].TraceId, player.Last.Header("traceparent"));
    }

    [Theory]
    [InlineData("my-id-1", true)]
    [InlineData("has blank", false)]
    [InlineData("<script>", false)]
    public async Task A_sane_request_id_of_the_client_is_kept(string sent, bool kept)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        gateway.Client.DefaultRequestHeaders.Add("x-request-id", sent);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(kept, Header(response, "x-request-id") == sent);
        Assert.Equal(Header(response, "x-request-id"), Assert.Single(gateway.Records()).RequestId);
    }

    [Fact]
    public async Task Sampling_parameters_are_recorded_and_content_is_not()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync("""{"temperature":0.5,"model":"fast","messages":[],"max_tokens":10,"top_p":null}""");

        var attributes = Assert.Single(gateway.Records()).RequestAttributes!;
        Assert.Equal("0.5", attributes["gen_ai.request.temperature"]);
        Assert.Equal("10", attributes["gen_ai.request.max_tokens"]);
        Assert.Equal(2, attributes.Count);
        Assert.False(gateway.Contents.TryRead(out _));
    }

    [Fact]
    public async Task Content_is_offered_where_the_policy_says_so()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.WholeStream));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest, TestGateway.StoringKey);
        var answer = await response.Content.ReadAsStringAsync(Ct);

        Assert.True(gateway.Contents.TryRead(out var text));
        Assert.Equal(Assert.Single(gateway.Records()).Id, text.CallId);
        Assert.Equal(Wire.StreamRequest, System.Text.Encoding.UTF8.GetString(text.Request.Span));
        Assert.Equal(answer, System.Text.Encoding.UTF8.GetString(text.Response.Span));
    }

    internal static Route Anthropic(WirePlayer player) =>
        new("fast", [new Target(TestGateway.Http("claude", player, WireFormat.Anthropic), "claude-x")]) { AttemptsPerTarget = 1 };

    internal static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;
}
