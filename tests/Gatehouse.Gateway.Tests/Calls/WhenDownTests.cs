using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class WhenDownTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    private readonly ManualClock _clock = new();

    [Theory]
    [InlineData(Wire.ChatRequest)]
    [InlineData(Wire.StreamRequest)]
    public async Task A_call_waits_for_a_target_to_come_back_and_is_told(string body)
    {
        await using var shaky = new WirePlayer(
            FailAsync, FailAsync, e => body == Wire.ChatRequest ? e.AnswerAsync(200, Wire.ChatAnswer) : e.StreamAsync(Wire.WholeStream));
        await using var gateway = await StartAsync(shaky, new WhenDown(TimeSpan.FromSeconds(30), 10));

        var call = gateway.ChatAsync(body);
        await AdvanceUntilAsync(call);
        using var response = await call;

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("when_down", PassThroughTests.Header(response, DownQueue.Header));
        Assert.Equal("p0/m0", PassThroughTests.Header(response, "x-gatehouse-served-by"));
        await response.Content.ReadAsStringAsync(Ct);
        var record = Assert.Single(gateway.Records());
        Assert.Equal((CallOutcome.Ok, 3), (record.Outcome, record.Attempts.Count));
        Assert.True(long.Parse(record.RequestAttributes!["gatehouse.queued_ms"]) >= 500);
    }

    [Fact]
    public async Task While_the_target_rests_nobody_hammers_it_and_the_first_call_after_its_rest_probes_it()
    {
        await using var shaky = new WirePlayer(FailAsync, e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await StartAsync(shaky, new WhenDown(TimeSpan.FromSeconds(60), 10), rests: true);

        var call = gateway.ChatAsync(Wire.ChatRequest);
        await StepAsync(call, TimeSpan.FromSeconds(9));
        Assert.Single(shaky.Exchanges);
        await AdvanceUntilAsync(call);

        Assert.Equal("p0", await ConditionTests.ServedByAsync(call));
        Assert.Equal(2, shaky.Exchanges.Count);
    }

    [Fact]
    public async Task When_time_is_over_the_caller_gets_the_last_error_and_when_to_come_back()
    {
        await using var down = new WirePlayer(FailAsync);
        await using var gateway = await StartAsync(down, new WhenDown(TimeSpan.FromSeconds(2), 10));

        var call = gateway.ChatAsync(Wire.ChatRequest);
        await AdvanceUntilAsync(call);
        using var response = await call;

        Assert.Equal(503, (int)response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Equal("when_down", PassThroughTests.Header(response, DownQueue.Header));
        Assert.Equal("upstream_overloaded", await FallbackTests.ErrorCodeAsync(response));
        Assert.True(down.Exchanges.Count is >= 2 and <= 4);
    }

    [Fact]
    public async Task A_line_that_is_full_refuses_at_once()
    {
        await using var down = new WirePlayer(FailAsync);
        await using var gateway = await StartAsync(down, new WhenDown(TimeSpan.FromSeconds(2), 1));

        var waiting = gateway.ChatAsync(Wire.ChatRequest);
        await _clock.ArmedAsync(DownQueue.Look);
        using var refused = await gateway.ChatAsync(Wire.ChatRequest);
        Assert.Equal(503, (int)refused.StatusCode);
        Assert.False(refused.Headers.Contains(DownQueue.Header));
        Assert.NotNull(refused.Headers.RetryAfter);
        await AdvanceUntilAsync(waiting);
        using var ended = await waiting;
        Assert.Equal(503, (int)ended.StatusCode);

        var next = gateway.ChatAsync(Wire.ChatRequest); // the place is free again
        await _clock.ArmedAsync(DownQueue.Look);
        await AdvanceUntilAsync(next);
        Assert.True((await next).Headers.Contains(DownQueue.Header));
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    public async Task What_time_does_not_mend_is_not_waited_for(int status)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(status, """{"error":{"message":"no","type":"x"}}"""));
        await using var gateway = await StartAsync(player, new WhenDown(TimeSpan.FromSeconds(2), 1));

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Single(player.Exchanges);
        Assert.False(response.Headers.Contains(DownQueue.Header));
    }

    [Fact]
    public async Task A_client_that_goes_away_leaves_its_place()
    {
        await using var down = new WirePlayer(FailAsync);
        var gateway = await StartAsync(down, new WhenDown(TimeSpan.FromSeconds(2), 1));
        using var abort = new CancellationTokenSource();

        var call = gateway.PostAsync("/v1/chat/completions", Wire.ChatRequest, ct: abort.Token);
        await _clock.ArmedAsync(DownQueue.Look);
        await abort.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await gateway.StopServerAsync();

        Assert.Equal(CallOutcome.Cancelled, Assert.Single(gateway.Records()).Outcome);
        await gateway.DisposeAsync();
    }

    private static Task FailAsync(Exchange exchange) => exchange.AnswerAsync(503, "{}");

    private Task<TestGateway> StartAsync(WirePlayer player, WhenDown whenDown, bool rests = false)
    {
        var provider = TestGateway.Http(
            "p0", player, _clock, s => rests ? s with { Breaker = new(0.5, 1, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10)) } : s);
        return TestGateway.StartAsync(
            [new Route("fast", [new Target(provider, "m0")]) { AttemptsPerTarget = 1, WhenDown = whenDown }], _clock);
    }

    private async Task StepAsync(Task call, TimeSpan time)
    {
        for (var gone = TimeSpan.Zero; gone < time && !call.IsCompleted; gone += DownQueue.Look)
        {
            await Task.WhenAny(call, _clock.ArmedAsync(DownQueue.Look));
            _clock.Advance(DownQueue.Look);
        }
    }

    private Task AdvanceUntilAsync(Task call) => StepAsync(call, TimeSpan.FromMinutes(2));
}
