using System.Diagnostics.Metrics;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class ConcurrencyTests
{
    private readonly ManualClock _clock = new();
    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task A_full_target_is_passed_over_while_another_is_left()
    {
        await using var slow = new WirePlayer(HoldAsync);
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [new Route("fast", [Limited(slow, 10), new Target(TestGateway.Http("p1", good), "m1", 1, 1)])], _clock);

        var held = gateway.ChatAsync(Wire.ChatRequest);
        await _asked.Task;

        Assert.Equal("p1", await ConditionTests.ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
        _go.SetResult();
        Assert.Equal("p0", await ConditionTests.ServedByAsync(held));
    }

    [Theory]
    [InlineData(Wire.ChatRequest)]
    [InlineData(Wire.StreamRequest)]
    public async Task With_nowhere_else_to_go_a_call_waits_for_its_place(string body)
    {
        await using var slow = new WirePlayer(
            HoldAsync, e => body == Wire.ChatRequest ? e.AnswerAsync(200, Wire.ChatAnswer) : e.StreamAsync(Wire.WholeStream));
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [Limited(slow, 10)])], _clock);
        var held = gateway.ChatAsync(Wire.ChatRequest);
        await _asked.Task;

        var queued = new TaskCompletionSource();
        using var listener = OnQueued(gateway, () => queued.TrySetResult());
        var waiting = gateway.ChatAsync(body);
        await queued.Task;
        Assert.Single(slow.Exchanges);
        _go.SetResult();

        Assert.Equal(["p0", "p0"], [await ConditionTests.ServedByAsync(held), await ConditionTests.ServedByAsync(waiting)]);
    }

    [Fact]
    public async Task Without_a_place_in_time_or_in_the_queue_the_caller_is_told_to_come_back()
    {
        await using var slow = new WirePlayer(HoldAsync);
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [Limited(slow, 1)])], _clock);
        var held = gateway.ChatAsync(Wire.ChatRequest);
        await _asked.Task;

        var late = gateway.ChatAsync(Wire.ChatRequest);
        await _clock.ArmedAsync(TimeSpan.FromSeconds(5));
        using var crowded = await gateway.ChatAsync(Wire.ChatRequest);
        _clock.Advance(TimeSpan.FromSeconds(5));
        using var timedOut = await late;

        foreach (var refused in new[] { crowded, timedOut })
        {
            Assert.Equal(503, (int)refused.StatusCode);
            Assert.Equal("target_busy", await FallbackTests.ErrorCodeAsync(refused));
            Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
        }

        _go.SetResult();
        Assert.Equal("p0", await ConditionTests.ServedByAsync(held));
        Assert.Equal("p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
    }

    [Fact]
    public async Task A_client_that_leaves_gives_its_place_back()
    {
        var left = new TaskCompletionSource();
        await using var slow = new WirePlayer(
            async e =>
            {
                _asked.SetResult();
                await e.ClosedByGatewayAsync();
                left.SetResult();
            },
            e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [Limited(slow, 1)])], _clock);
        using var leaving = new CancellationTokenSource();
        var abandoned = gateway.PostAsync("/v1/chat/completions", Wire.ChatRequest, ct: leaving.Token);
        await _asked.Task;

        await leaving.CancelAsync();
        await left.Task;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);

        Assert.Equal("p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
    }

    private async Task HoldAsync(Exchange exchange)
    {
        _asked.TrySetResult();
        await _go.Task;
        await exchange.AnswerAsync(200, Wire.ChatAnswer);
    }

    private static MeterListener OnQueued(TestGateway gateway, Action then)
    {
        var meter = gateway.Meter;
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (ReferenceEquals(instrument.Meter, meter) && instrument.Name == TelemetryNames.Queued)
                {
                    l.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, _, _, _) => then());
        listener.Start();
        return listener;
    }

    private Target Limited(WirePlayer player, int queue)
    {
        var provider = TestGateway.Http("p0", player, _clock, s => s with { Concurrency = new(1, queue, TimeSpan.FromSeconds(5)) });
        return new Target(provider, "m0") { Load = provider.LoadOf("m0") };
    }
}
