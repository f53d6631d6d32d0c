using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class StreamFaultTests
{
    private const string SecondChoice =
        """data: {"id":"c1","object":"chat.completion.chunk","choices":[{"index":1,"delta":{"content":"Hi"},"finish_reason":null}]}"""
            + "\n\n";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("error event")]
    [InlineData("end without terminator")]
    [InlineData("reset")]
    [InlineData("garbage")]
    public async Task After_content_a_fault_is_an_error_event_and_never_a_success(string fault)
    {
        var seen = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Wire.Role + Wire.Hello);
            await seen.Task;
            switch (fault)
            {
                case "error event":
                    await e.EventsAsync(Wire.ErrorEvent);
                    await e.EndStreamAsync();
                    break;
                case "end without terminator":
                    await e.EndStreamAsync();
                    break;
                case "reset":
                    e.Reset();
                    break;
                default:
                    await e.EventsAsync("data: {broken\n\n");
                    await e.EndStreamAsync();
                    break;
            }
        });
        await using var second = new WirePlayer(e => e.StreamAsync(Wire.WholeStream));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player, second) with { AttemptsPerTarget = 3 }]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Ct));
        var text = "";
        while (!text.Contains("Hello"))
        {
            text += await reader.ReadLineAsync(Ct) + "\n";
        }

        seen.SetResult();
        text += await reader.ReadToEndAsync(Ct);

        Assert.Contains("data: {\"error\":", text);
        Assert.DoesNotContain("finish_reason\":\"stop", text);
        Assert.Empty(second.Exchanges);
        var record = Assert.Single(gateway.Records());
        Assert.Equal((CallOutcome.Failed, 200), (record.Outcome, record.Status));
        Assert.NotNull(record.ErrorCode);
        Assert.NotNull(Assert.Single(record.Attempts).Error);
    }

    [Fact]
    public async Task A_messages_stream_ends_with_an_error_event_of_its_own_format()
    {
        var seen = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Wire.MessageStart + Wire.BlockStart + Wire.BlockDelta);
            await seen.Task;
            await e.EventsAsync(Wire.MessagesError);
            await e.EndStreamAsync();
        });
        var prices = new PriceTable("p1", new Dictionary<string, Price> { ["claude-x"] = new(0.000001m, 0.00001m) });
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player)], prices: prices);

        using var response = await gateway.MessagesAsync(Wire.MessagesStreamRequest);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Ct));
        while ((await reader.ReadLineAsync(Ct))?.Contains("Hello") != true)
        {
        }

        seen.SetResult();
        var rest = await reader.ReadToEndAsync(Ct);

        Assert.Contains("event: error\ndata: {\"type\":\"error\"", rest);
        Assert.DoesNotContain("message_stop", rest);
        var record = Assert.Single(gateway.Records());
        Assert.Equal(new TokenUsage(10, 5, 0, 0, 1, 0), record.Usage); // what was known when it broke
        Assert.Null(record.CostNanos); // more may have been produced than was counted
    }

    [Fact]
    public async Task What_a_failed_attempt_was_billed_is_part_of_the_call()
    {
        await using var broken = new WirePlayer(e => e.StreamAsync(Wire.MessageStart + Wire.MessagesError));
        await using var second = new WirePlayer(e => e.StreamAsync(Wire.WholeMessagesStream));
        var prices = new PriceTable(
            "p1", new Dictionary<string, Price> { ["m0"] = new(0.000001m, 0.00001m), ["m1"] = new(0.000002m, 0.00002m) });
        var route = new Route("fast",
        [
            new Target(TestGateway.Http("p0", broken, WireFormat.Anthropic), "m0"),
            new Target(TestGateway.Http("p1", second, WireFormat.Anthropic), "m1", 1, 1),
        ]) { AttemptsPerTarget = 1 };
        await using var gateway = await TestGateway.StartAsync([route], prices: prices);

        using var response = await gateway.MessagesAsync(Wire.MessagesStreamRequest);
        await response.Content.ReadAsStringAsync(Ct);

        var record = Assert.Single(gateway.Records());
        Assert.Equal([new TokenUsage(10, 5, 0, 0, 1, 0), new TokenUsage(10, 5, 0, 0, 12, 0)], record.Attempts.Select(a => a.Usage!.Value));
        Assert.Equal([0.000025m, 0.00027m], record.Attempts.Select(a => a.CostUsd!.Value));
        Assert.Equal((new TokenUsage(20, 10, 0, 0, 13, 0), 295_000L), (record.Usage!.Value, record.CostNanos!.Value));
    }

    [Fact]
    public async Task A_finished_answer_without_its_terminator_gets_one()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.Role + Wire.Hello + Wire.Finish));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);

        Assert.EndsWith(Wire.Done, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(CallOutcome.Ok, Assert.Single(gateway.Records()).Outcome);
    }

    [Fact]
    public async Task One_finished_choice_of_two_is_not_a_complete_answer()
    {
        await using var player = new WirePlayer(
            e => e.StreamAsync(Wire.Hello + Wire.Hello.Replace("\"index\":0", "\"index\":1") + Wire.Finish));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);

        Assert.Contains("\"error\"", await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("upstream_stream_truncated", Assert.Single(gateway.Records()).ErrorCode);
    }

    [Theory]
    [InlineData("{\"message\":\"overloaded\"}")]
    [InlineData("overloaded")]
    [InlineData("")]
    public async Task An_event_named_error_is_one_whatever_it_says(string data)
    {
        await using var player = new WirePlayer(
            e => e.StreamAsync(Wire.Role + Wire.Hello + $"event: error\ndata: {data}\n\n" + Wire.Finish + Wire.Done));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.Contains("\"error\":{", text);
        Assert.DoesNotContain("[DONE]", text);
        var record = Assert.Single(gateway.Records());
        Assert.Equal((CallOutcome.Failed, "upstream_error"), (record.Outcome, record.ErrorCode));
    }

    [Theory]
    [InlineData(Wire.Role + Wire.Hello + Wire.Usage)]
    [InlineData(SecondChoice + Wire.Hello + Wire.Finish)]
    public async Task A_terminator_does_not_make_an_unfinished_answer_complete(string answer)
    {
        await using var player = new WirePlayer(e => e.StreamAsync(answer + Wire.Done));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.Contains("\"error\":{", text);
        Assert.DoesNotContain("[DONE]", text);
        var record = Assert.Single(gateway.Records());
        Assert.Equal((CallOutcome.Failed, "upstream_stream_truncated"), (record.Outcome, record.ErrorCode));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_message_stop_needs_a_message_delta_before_it(bool translated)
    {
        await using var player = new WirePlayer(
            e => e.StreamAsync(Wire.MessageStart + Wire.BlockStart + Wire.BlockDelta + Wire.BlockStop + Wire.MessageStop));
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player)]);

        using var response = translated
            ? await gateway.ChatAsync(Wire.StreamRequest)
            : await gateway.MessagesAsync(Wire.MessagesStreamRequest);

        Assert.Contains("\"error\":{", await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("upstream_stream_truncated", Assert.Single(gateway.Records()).ErrorCode);
    }

    [Fact]
    public async Task A_terminator_with_blanks_is_one()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.Role + Wire.Hello + Wire.Finish + "data: [DONE] \n\n"));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);
        await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal(CallOutcome.Ok, Assert.Single(gateway.Records()).Outcome);
    }

    [Fact]
    public async Task No_first_byte_in_time_falls_back_and_then_ends_in_504()
    {
        var clock = new ManualClock();
        var (first, second) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var stalled = new WirePlayer(e => AskedAsync(e, first));
        await using var other = new WirePlayer(e => AskedAsync(e, second));
        var route = TestGateway.RouteTo(stalled, other) with { FirstByteTimeout = TimeSpan.FromSeconds(7) };
        await using var gateway = await TestGateway.StartAsync([route], clock);

        var pending = gateway.ChatAsync(Wire.ChatRequest);
        await first.Task;
        clock.Advance(TimeSpan.FromSeconds(7));
        await second.Task;
        clock.Advance(TimeSpan.FromSeconds(7));
        using var response = await pending;

        Assert.Equal(504, (int)response.StatusCode);
        Assert.Equal("upstream_timeout", await FallbackTests.ErrorCodeAsync(response));
        Assert.Equal(14_000_000, Assert.Single(gateway.Records()).DurationMicros);

        static Task AskedAsync(Exchange exchange, TaskCompletionSource asked)
        {
            asked.SetResult();
            return exchange.ClosedByGatewayAsync();
        }
    }

    [Fact]
    public async Task A_provider_that_falls_silent_in_mid_answer_ends_the_stream_with_an_error()
    {
        var clock = new ManualClock();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Wire.Role + Wire.Hello);
            await e.ClosedByGatewayAsync();
        });
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(player) with { IdleTimeout = TimeSpan.FromSeconds(9) }], clock);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);
        await clock.ArmedAsync(TimeSpan.FromSeconds(9));
        clock.Advance(TimeSpan.FromSeconds(9));

        Assert.Contains("upstream_timeout", await response.Content.ReadAsStringAsync(Ct));
    }

    /// <summary>A byte every few seconds kept a call for as long as the provider liked.</summary>
    [Theory]
    [InlineData("/v1/chat/completions", false, "\"code\":\"upstream_timeout\"")]
    [InlineData("/v1/chat/completions", true, "\"code\":\"upstream_timeout\"")]
    [InlineData("/v1/messages", false, "{\"type\":\"error\",\"error\":{\"type\":\"timeout_error\"")]
    [InlineData("/v1/messages", true, "{\"type\":\"error\",\"error\":{\"type\":\"timeout_error\"")]
    public async Task A_provider_that_drips_for_ever_is_ended_by_the_time_for_the_whole_answer(string path, bool streams, string error)
    {
        var clock = new ManualClock();
        var next = new SemaphoreSlim(0);
        await using var player = new WirePlayer(async e =>
        {
            if (streams)
            {
                await e.BeginStreamAsync();
                await e.EventsAsync(Wire.Role + Wire.Hello);
                await next.WaitAsync(Ct);
                await e.EventsAsync(Wire.Hello);
            }
            else
            {
                await e.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{");
                await next.WaitAsync(Ct);
                await e.SendAsync(" ");
            }

            await e.ClosedByGatewayAsync();
        });
        var (idle, total) = (TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(15));
        var route = TestGateway.RouteTo(player) with { IdleTimeout = idle };
        await using var gateway = await TestGateway.StartAsync(
            [streams ? route with { StreamTimeout = total } : route with { TotalTimeout = total }], clock);

        var pending = gateway.PostAsync(path, path == "/v1/messages"
            ? streams ? Wire.MessagesStreamRequest : Wire.MessagesRequest
            : streams ? Wire.StreamRequest : Wire.ChatRequest, ct: Ct);
        await clock.ArmedAsync(idle).WaitAsync(Patience, Ct);
        clock.Advance(TimeSpan.FromSeconds(8));
        next.Release();
        await clock.ArmedAsync(TimeSpan.FromSeconds(7)).WaitAsync(Patience, Ct); // what is left of all
        clock.Advance(TimeSpan.FromSeconds(7));
        using var response = await pending;
        var body = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal(streams ? 200 : 504, (int)response.StatusCode);
        Assert.Contains(error, body);
        Assert.Contains("p0/m0 had not ended its answer after 15 s, the longest that this route allows.", body);
        Assert.Equal("upstream_timeout", Assert.Single(gateway.Records()).ErrorCode);
    }

    [Fact]
    public async Task A_long_wait_for_content_is_filled_with_comments_and_may_still_fall_back()
    {
        var clock = new ManualClock();
        await using var stalled = new WirePlayer(e => e.ClosedByGatewayAsync());
        await using var good = new WirePlayer(e => e.StreamAsync(Wire.WholeStream));
        var route = TestGateway.RouteTo(stalled, good) with { FirstByteTimeout = TimeSpan.FromSeconds(40) };
        await using var gateway = await TestGateway.StartAsync([route], clock);

        var pending = gateway.ChatAsync(Wire.StreamRequest);
        await clock.ArmedAsync(TimeSpan.FromSeconds(15));
        clock.Advance(TimeSpan.FromSeconds(15));
        using var response = await pending; // the head came with the first comment
        await clock.ArmedAsync(TimeSpan.FromSeconds(15));
        clock.Advance(TimeSpan.FromSeconds(25));
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.StartsWith(": keep-alive\n\n", text);
        Assert.EndsWith(Wire.Finish + Wire.Done, text);
        Assert.Equal(CallOutcome.Ok, Assert.Single(gateway.Records()).Outcome);
    }

    [Fact]
    public async Task Signs_of_life_without_an_answer_do_not_prolong_the_wait()
    {
        var clock = new ManualClock();
        await using var unused = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var good = new WirePlayer(e => e.StreamAsync(Wire.WholeStream));
        var pinging = new Provider(TestGateway.Http("p0", unused).Settings, new PingingUpstream(clock), clock);
        var route = new Route("fast", [new Target(pinging, "m0"), new Target(TestGateway.Http("p1", good), "m1", 1, 1)])
        {
            AttemptsPerTarget = 1,
            FirstByteTimeout = TimeSpan.FromSeconds(40),
            IdleTimeout = TimeSpan.FromSeconds(60),
        };
        await using var gateway = await TestGateway.StartAsync([route], clock);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);

        Assert.EndsWith(Wire.Finish + Wire.Done, await response.Content.ReadAsStringAsync(Ct));
        var first = Assert.Single(gateway.Records()).Attempts[0];
        Assert.Equal("p0/m0 sent nothing of its answer in time.", first.Error);
        Assert.InRange(first.EndMicros, 40_000_000, 50_000_000);
    }

    [Fact]
    public async Task The_time_that_a_client_takes_is_not_the_providers()
    {
        var (clock, gate) = (new ManualClock(), new ClientGate());
        var seen = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Wire.Role + Wire.Hello);
            await seen.Task;
            await e.EventsAsync(Wire.Finish + Wire.Done);
            await e.EndStreamAsync();
        });
        var route = TestGateway.RouteTo(player) with { IdleTimeout = TimeSpan.FromSeconds(9) };
        await using var gateway = await TestGateway.StartAsync([route], clock, listen: gate.Listen);

        var pending = gateway.ChatAsync(Wire.StreamRequest);
        await gate.Waiting;
        clock.Advance(TimeSpan.FromSeconds(10));
        gate.Open();
        using var response = await pending;
        seen.SetResult();

        Assert.EndsWith(Wire.Done, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(CallOutcome.Ok, Assert.Single(gateway.Records()).Outcome);
    }

    [Fact]
    public async Task An_abandoned_answer_closes_its_connection_without_waiting_for_the_rest()
    {
        var closed = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Wire.Role);
            await e.ClosedByGatewayAsync();
            closed.SetResult();
        });
        var request = new UpstreamRequest("/chat/completions", "{}"u8.ToArray(), [], TimeSpan.FromSeconds(5));

        await using (var answer = await TestGateway.Http("p0", player).Upstream.SendAsync(request, Ct))
        {
            await answer.Body.ReadAtLeastAsync(new byte[Wire.Role.Length], Wire.Role.Length, cancellationToken: Ct);
        }

        await closed.Task.WaitAsync(TimeSpan.FromSeconds(1.5), Ct); // without bounds of ours it is 2 s
    }

    [Fact]
    public async Task A_client_that_leaves_closes_the_providers_connection_and_is_recorded()
    {
        var closed = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Wire.Role + Wire.Hello);
            await e.ClosedByGatewayAsync();
            closed.SetResult();
        });
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        var response = await gateway.ChatAsync(Wire.StreamRequest);
        response.Dispose();
        await closed.Task.WaitAsync(TimeSpan.FromSeconds(10), Ct);
        await gateway.StopServerAsync();

        var record = Assert.Single(gateway.Records());
        Assert.Equal(CallOutcome.Cancelled, record.Outcome);
        Assert.Equal("m-2026", record.AnsweredModel);
    }

    [Fact]
    public async Task A_client_that_leaves_before_the_first_byte_closes_the_providers_connection_too()
    {
        var (asked, closed) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var player = new WirePlayer(async e =>
        {
            asked.SetResult();
            await e.ClosedByGatewayAsync();
            closed.SetResult();
        });
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player) with { AttemptsPerTarget = 3 }]);
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Ct);

        var pending = gateway.PostAsync("/v1/chat/completions", Wire.ChatRequest, ct: leaving.Token);
        await asked.Task;
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending);
        await closed.Task.WaitAsync(TimeSpan.FromSeconds(10), Ct);
        await gateway.StopServerAsync();

        Assert.Equal(CallOutcome.Cancelled, Assert.Single(gateway.Records()).Outcome);
        Assert.Single(player.Exchanges);
    }

    /// <summary>Answers with a comment every ten seconds, and never with anything else.</summary>
    private sealed class PingingUpstream(ManualClock clock) : IUpstream
    {
        public ValueTask<UpstreamAnswer> SendAsync(UpstreamRequest request, CancellationToken ct) => new(new Answer(new Pings(clock)));

        private sealed class Answer(Pings pings) : UpstreamAnswer
        {
            public override int Status => 200;

            public override Stream Body => pings;

            public override string? Header(string name) => null;

            public override ValueTask DisposeAsync() => pings.DisposeAsync();
        }

        private sealed class Pings(ManualClock clock) : MemoryStream
        {
            public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            {
                cancellationToken.ThrowIfCancellationRequested();
                clock.Advance(TimeSpan.FromSeconds(10));
                ": ping\n\n"u8.CopyTo(buffer.Span);
                return new(": ping\n\n"u8.Length);
            }
        }
    }
}
