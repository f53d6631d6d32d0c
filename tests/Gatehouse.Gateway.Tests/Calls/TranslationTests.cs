using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class TranslationTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_chat_call_is_served_by_an_anthropic_provider()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.MessagesAnswer));
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Ct)).RootElement;
        Assert.Equal("Hi", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
        Assert.Equal(80, answer.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        var asked = JsonDocument.Parse(player.Last.Body).RootElement;
        Assert.Equal("claude-x", asked.GetProperty("model").GetString());
        Assert.True(asked.GetProperty("max_tokens").GetInt32() > 0);
        Assert.Equal("2023-06-01", player.Last.Header("anthropic-version"));
        Assert.Equal(new TokenUsage(10, 40, 10, 20, 7, 0), Assert.Single(gateway.Records()).Usage);
    }

    [Fact]
    public async Task A_chat_stream_is_served_by_an_anthropic_provider()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.WholeMessagesStream));
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.Contains("\"content\":\"Hello\"", text);
        Assert.Contains("\"finish_reason\":\"stop\"", text);
        Assert.EndsWith(Wire.Done, text);
        Assert.DoesNotContain("event:", text);
        Assert.Equal(new TokenUsage(10, 5, 0, 0, 12, 0), Assert.Single(gateway.Records()).Usage);
    }

    [Fact]
    public async Task A_messages_call_is_served_by_an_openai_provider()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.MessagesAsync(Wire.MessagesRequest);

        var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Ct)).RootElement;
        Assert.Equal("Hi", answer.GetProperty("content")[0].GetProperty("text").GetString());
        Assert.Equal("end_turn", answer.GetProperty("stop_reason").GetString());
        Assert.Equal(60, answer.GetProperty("usage").GetProperty("input_tokens").GetInt32());
    }

    [Fact]
    public async Task A_messages_stream_is_served_by_an_openai_provider_with_usage()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.WholeStream));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.MessagesAsync(Wire.MessagesStreamRequest);
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.StartsWith("event: message_start\n", text);
        Assert.Contains("\"text\":\"Hello\"", text);
        Assert.Contains("event: message_stop\n", text);
        Assert.Contains("\"output_tokens\":3", text);
        Assert.Equal(new TokenUsage(9, 0, 0, 0, 3, 0), Assert.Single(gateway.Records()).Usage);
    }

    [Fact]
    public async Task A_translated_stream_that_is_cut_ends_in_an_error_of_the_clients_format()
    {
        var seen = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Wire.MessageStart + Wire.BlockStart + Wire.BlockDelta);
            await seen.Task;
            await e.EndStreamAsync();
        });
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Ct));
        while ((await reader.ReadLineAsync(Ct))?.Contains("Hello") != true)
        {
        }

        seen.SetResult();
        var rest = await reader.ReadToEndAsync(Ct);

        Assert.Contains("data: {\"error\":", rest);
        Assert.DoesNotContain("finish_reason\":\"stop", rest);
    }

    [Fact]
    public async Task A_fallback_may_change_the_format()
    {
        await using var broken = new WirePlayer(e => e.AnswerAsync(503, """{"error":{"message":"down"}}"""));
        await using var claude = new WirePlayer(e => e.StreamAsync(Wire.WholeMessagesStream));
        var route = new Route("fast",
        [
            new Target(TestGateway.Http("p0", broken), "m0"),
            new Target(TestGateway.Http("claude", claude, WireFormat.Anthropic), "claude-x", 1, 1),
        ]) { AttemptsPerTarget = 1 };
        await using var gateway = await TestGateway.StartAsync([route]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);

        Assert.EndsWith(Wire.Done, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("claude/claude-x", PassThroughTests.Header(response, "x-gatehouse-served-by"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_parameter_that_cannot_be_carried_is_reported_or_refused(bool strict)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.MessagesAnswer));
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player) with { Strict = strict }]);

        using var response = await gateway.ChatAsync(
            """{"model":"fast","messages":[{"role":"user","content":"Hi"}],"logit_bias":{"1":2},"frequency_penalty":1}""");

        var record = Assert.Single(gateway.Records());
        if (strict)
        {
            Assert.Equal(400, (int)response.StatusCode);
            Assert.Equal("unsupported_parameter", await FallbackTests.ErrorCodeAsync(response));
            Assert.Empty(player.Exchanges);
            Assert.Equal(CallOutcome.Refused, record.Outcome);
        }
        else
        {
            Assert.Equal(200, (int)response.StatusCode);
            Assert.Contains("logit_bias", PassThroughTests.Header(response, "x-gatehouse-dropped-params"));
            Assert.Contains("frequency_penalty", record.DroppedParameters);
        }
    }

    [Fact]
    public async Task A_head_that_leaves_early_reports_dropped_parameters_too()
    {
        var clock = new ManualClock();
        var go = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await go.Task;
            await e.StreamAsync(Wire.WholeMessagesStream);
        });
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player)], clock);

        var pending = gateway.ChatAsync(
            """{"model":"fast","stream":true,"messages":[{"role":"user","content":"Hi"}],"logit_bias":{"1":2}}""");
        await clock.ArmedAsync(TargetCaller.KeepAliveInterval);
        clock.Advance(TargetCaller.KeepAliveInterval);
        using var response = await pending;
        go.SetResult();

        Assert.StartsWith(": keep-alive", await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("logit_bias", PassThroughTests.Header(response, "x-gatehouse-dropped-params"));
    }

    [Theory]
    [InlineData("logit_bias\":{\"1\":2}")] // cannot be carried, on a strict route
    [InlineData("temperature\":\"hot\"")] // not what the format allows
    public async Task A_target_that_cannot_be_asked_is_passed_over(string parameter)
    {
        var request = "{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"" + parameter + "}";
        await using var claude = new WirePlayer(e => e.AnswerAsync(200, Wire.MessagesAnswer));
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, Wire.ChatAnswer), e => e.AnswerAsync(503, """{"error":{"message":"down"}}"""));
        var unfit = new Target(TestGateway.Http("claude", claude, WireFormat.Anthropic), "claude-x", 1, 1);
        var (before, after) =
            (new Target(TestGateway.Http("p0", player), "m0", 1, 0), new Target(TestGateway.Http("p2", player), "m2", 1, 2));
        var route = new Route("fast", [unfit, after]) { AttemptsPerTarget = 1, Strict = true };
        await using var gateway = await TestGateway.StartAsync([route, route with { Name = "other", Targets = [before, unfit] }]);

        using var good = await gateway.ChatAsync(request);
        using var bad = await gateway.ChatAsync(request.Replace("fast", "other"));

        Assert.Equal("p2/m2", PassThroughTests.Header(good, "x-gatehouse-served-by"));
        Assert.Equal("p0/m0", PassThroughTests.Header(bad, "x-gatehouse-served-by"));
        Assert.Equal((200, 503), ((int)good.StatusCode, (int)bad.StatusCode));
        Assert.Empty(claude.Exchanges);
        Assert.Equal(["p2", "p0"], gateway.Records().Select(r => Assert.Single(r.Attempts).Provider));
        Assert.Equal([CallOutcome.Ok, CallOutcome.Failed], gateway.Records().Select(r => r.Outcome));
    }

    [Fact]
    public async Task A_request_that_its_own_format_does_not_allow_is_the_clients_mistake()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.MessagesAnswer));
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player)]);

        using var response = await gateway.ChatAsync("""{"model":"fast","messages":[{"role":7}]}""");

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Equal(CallOutcome.Refused, Assert.Single(gateway.Records()).Outcome);
        Assert.Empty(player.Exchanges);
    }

    [Fact]
    public async Task An_anthropic_error_reaches_a_chat_client_in_its_own_format()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(400, """{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long"}}"""));
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(400, (int)response.StatusCode);
        var error = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Ct)).RootElement.GetProperty("error");
        Assert.Equal("prompt is too long", error.GetProperty("message").GetString());
        Assert.DoesNotContain("prompt is too long", Assert.Single(gateway.Records()).ErrorMessage);
    }

    [Fact]
    public async Task The_work_of_the_simulator_is_not_our_own_time_though_it_is_done_in_this_process()
    {
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(Simulator(), "simulator")])]);

        for (var i = 0; i < 20; i++) // a first call is compiled on its way, and a busy machine may stop any
        {
            using var response = await gateway.ChatAsync(
                """{"model": "fast", "messages": [{"role": "user", "content": "Hi [simulator: words=9000]"}]}""");
            await response.Content.ReadAsByteArrayAsync(Ct);
        }

        var records = gateway.Records();
        Assert.Equal(20, records.Count);
        Assert.All(records, record => Assert.True(record.OwnMicros > 0));
        Assert.Contains(
            records,
            record => record.OwnMicros < record.Attempts[0].EndMicros - record.Attempts[0].StartMicros);
    }

    [Theory]
    [InlineData("/v1/chat/completions", false)]
    [InlineData("/v1/chat/completions", true)]
    [InlineData("/v1/messages", false)]
    [InlineData("/v1/messages", true)]
    public async Task The_simulator_answers_both_formats(string path, bool stream)
    {
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(Simulator(), "simulator")])]);

        using var response = await gateway.PostAsync(path, stream ? Wire.MessagesStreamRequest : Wire.MessagesRequest, ct: Ct);
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.DoesNotContain("\"error\"", text);
        var record = Assert.Single(gateway.Records());
        Assert.Equal(CallOutcome.Ok, record.Outcome);
        Assert.True(record.Usage!.Value.TotalOutput > 0);
    }

    private static Provider Simulator() => new ProviderFactory(TimeProvider.System).Create(new ProviderSettings
    {
        Name = "simulator",
        Kind = "simulator",
        Wire = WireFormat.OpenAi,
        BaseUrl = new Uri("http://simulator"),
        Simulator = new SimulatorSettings(),
    });
}
