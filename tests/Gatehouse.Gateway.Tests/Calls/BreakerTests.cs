using System.Diagnostics.Metrics;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class BreakerTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;
    private static readonly BreakerSettings Settings = new(0.5, 2, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10));

    private readonly ManualClock _clock = new();

    [Fact]
    public async Task A_target_that_fails_is_left_out_until_a_probe_finds_it_back()
    {
        await using var shaky = new WirePlayer(e => FailAsync(e), e => FailAsync(e), e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([RouteTo(shaky, good)], _clock);

        Assert.Equal(["p1", "p1", "p1"], [await ServedByAsync(gateway), await ServedByAsync(gateway), await ServedByAsync(gateway)]);
        Assert.Equal(2, shaky.Exchanges.Count);
        Assert.Equal([1, 0], States(gateway).Select(s => s == (int)BreakerState.Open ? 1 : 0));

        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(["p0", "p0"], [await ServedByAsync(gateway), await ServedByAsync(gateway)]);
        Assert.Equal([0, 0], States(gateway));
    }

    [Fact]
    public async Task When_all_rest_the_one_that_has_rested_longest_is_asked()
    {
        await using var first = new WirePlayer(FailAsync, FailAsync, e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var second = new WirePlayer(FailAsync);
        var route = RouteTo(first, second);
        await using var gateway = await TestGateway.StartAsync(
            [route, new Route("first", [route.Targets[0]]) { AttemptsPerTarget = 1 },
                new Route("second", [route.Targets[1]]) { AttemptsPerTarget = 1 }], _clock);
        await FailTwiceAsync(gateway, "first");
        _clock.Advance(TimeSpan.FromSeconds(1));
        await FailTwiceAsync(gateway, "second");

        Assert.Equal("p0", await ServedByAsync(gateway));

        Assert.Equal(2, second.Exchanges.Count);
    }

    [Fact]
    public async Task While_the_only_target_is_probed_other_calls_are_told_why_and_when_to_come_back()
    {
        var (asked, answer) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var player = new WirePlayer(FailAsync, FailAsync, async e =>
        {
            asked.SetResult();
            await answer.Task;
            await e.AnswerAsync(200, Wire.ChatAnswer);
        });
        await using var gateway = await TestGateway.StartAsync([RouteTo(player)], _clock);
        await FailTwiceAsync(gateway, "fast");

        var probe = gateway.ChatAsync(Wire.ChatRequest);
        await asked.Task;
        using var refused = await gateway.ChatAsync(Wire.ChatRequest);
        answer.SetResult();
        using var served = await probe;

        Assert.Equal(503, (int)refused.StatusCode);
        Assert.Equal("targets_resting", await FallbackTests.ErrorCodeAsync(refused));
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
        Assert.Equal(200, (int)served.StatusCode);
        Assert.Contains(gateway.Records(), r => r is { Outcome: CallOutcome.Refused, ErrorCode: "targets_resting", Attempts.Count: 0 });
    }

    [Fact]
    public async Task A_stream_that_probes_lets_the_others_in_at_its_first_content()
    {
        var end = new TaskCompletionSource();
        await using var player = new WirePlayer(
            FailAsync,
            FailAsync,
            async e =>
            {
                await e.BeginStreamAsync();
                await e.EventsAsync(Wire.Role + Wire.Hello);
                await end.Task;
                await e.EventsAsync(Wire.Finish + Wire.Usage + Wire.Done);
                await e.EndStreamAsync();
            },
            e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([RouteTo(player)], _clock);
        await FailTwiceAsync(gateway, "fast");

        using var stream = await gateway.ChatAsync(Wire.StreamRequest);
        Assert.Equal("p0", await ServedByAsync(gateway));
        end.SetResult();

        Assert.Contains("[DONE]", await stream.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(404)]
    [InlineData(429)]
    public async Task The_clients_mistakes_and_limited_rates_open_nothing(int status)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(status, """{"error":{"message":"no"}}"""));
        await using var gateway = await TestGateway.StartAsync([RouteTo(player)], _clock);

        for (var i = 0; i < 5; i++)
        {
            using var response = await gateway.ChatAsync(Wire.ChatRequest);
            Assert.Equal(status, (int)response.StatusCode);
        }

        Assert.Equal([0], States(gateway));
    }

    [Theory]
    [InlineData(500)]
    [InlineData(529)]
    public async Task Retries_stop_when_the_breaker_opens(int status)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(status, """{"error":{"message":"no"}}"""));
        await using var gateway = await TestGateway.StartAsync(
            [RouteTo(player) with { AttemptsPerTarget = 5, RetryDelay = TimeSpan.Zero }], _clock);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.False(response.IsSuccessStatusCode);
        Assert.Equal([(int)BreakerState.Open], States(gateway));
        Assert.Equal(2, player.Exchanges.Count);
    }

    private static Task FailAsync(Exchange exchange) => exchange.AnswerAsync(500, """{"error":{"message":"no"}}""");

    private Route RouteTo(params WirePlayer[] players) => new("fast", [.. players.Select((p, i) =>
        new Target(TestGateway.Http($"p{i}", p, _clock, s => s with { Breaker = Settings }), $"m{i}", 1, i))])
    {
        AttemptsPerTarget = 1,
    };

    private static async Task FailTwiceAsync(TestGateway gateway, string route)
    {
        for (var i = 0; i < 2; i++)
        {
            using var failed = await gateway.ChatAsync(Wire.ChatRequest.Replace("fast", route, StringComparison.Ordinal));
            Assert.False(failed.IsSuccessStatusCode);
        }
    }

    private static async Task<string> ServedByAsync(TestGateway gateway)
    {
        using var response = await gateway.ChatAsync(Wire.ChatRequest);
        Assert.Equal(Wire.ChatAnswer, await response.Content.ReadAsStringAsync(Ct));
        return PassThroughTests.Header(response, "x-gatehouse-served-by")!.Split('/')[0];
    }

    /// <summary>The gauge's values in the order of providers.</summary>
    private static List<int> States(TestGateway gateway)
    {
        var states = new SortedDictionary<string, int>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (ReferenceEquals(instrument.Meter, gateway.Meter) && instrument.Name == TelemetryNames.Breaker)
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<int>((_, value, tags, _) => states[(string)tags[0].Value!] = value);
        listener.Start();
        listener.RecordObservableInstruments();
        return [.. states.Values];
    }
}
