using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class HedgeTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;
    private static readonly TimeSpan After = TimeSpan.FromMilliseconds(70);
    private static readonly PriceTable Prices = new(
        "r", new Dictionary<string, Price> { ["m0"] = new(1e-6m, 1e-6m), ["m1"] = new(1e-6m, 1e-6m), ["m2"] = new(1e-6m, 1e-6m) });

    private readonly ManualClock _clock = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Theory]
    [InlineData(Wire.ChatRequest, "")]
    [InlineData(Wire.StreamRequest, "")]
    [InlineData(Wire.StreamRequest, "began")]
    public async Task A_slow_first_target_is_outrun_and_its_connection_closed_before_the_answer(string body, string first)
    {
        await using var slow = new WirePlayer(async e =>
        {
            if (first == "began")
            {
                await e.BeginStreamAsync();
                await e.EventsAsync(Wire.Role);
            }

            await HangAsync(e);
        });
        await using var good = new WirePlayer(e => AnswerAsync(e, body));
        await using var gateway = await StartAsync(slow, good);

        var call = gateway.ChatAsync(body);
        await _asked.Task;
        await _clock.ArmedAsync(After);
        _clock.Advance(After);
        using var response = await call;
        await _closed.Task;

        Assert.Equal("p1/m1", PassThroughTests.Header(response, "x-gatehouse-served-by"));
        Assert.Equal("2", PassThroughTests.Header(response, "x-gatehouse-attempts"));
        Assert.Contains(body == Wire.ChatRequest ? "Hi" : "Hello", await response.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        var record = Assert.Single(gateway.Records());
        Assert.Equal((CallOutcome.Ok, "p1", "m1"), (record.Outcome, record.Provider, record.Model));
        Assert.Equal([("p0", "hedge_lost"), ("p1", null)], record.Attempts.Select(a => (a.Provider, a.ErrorCode)));
    }

    [Theory]
    [InlineData(Wire.ChatRequest)]
    [InlineData(Wire.StreamRequest)]
    public async Task A_first_target_that_is_first_after_all_serves_and_stands_first_in_the_record(string body)
    {
        await using var slow = new WirePlayer(async e =>
        {
            _asked.SetResult();
            await _go.Task;
            await AnswerAsync(e, body);
        });
        await using var second = new WirePlayer(async e =>
        {
            _go.SetResult();
            await HangAsync(e);
        });
        await using var gateway = await StartAsync(slow, second);

        var call = gateway.ChatAsync(body);
        await _asked.Task;
        await _clock.ArmedAsync(After);
        _clock.Advance(After);
        using var response = await call;
        await _closed.Task;
        await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal("p0/m0", PassThroughTests.Header(response, "x-gatehouse-served-by"));
        var record = Assert.Single(gateway.Records());
        Assert.Equal(("p0", "m0"), (record.Provider, record.Model));
        Assert.Equal([("p0", null), ("p1", "hedge_lost")], record.Attempts.Select(a => (a.Provider, a.ErrorCode)));
    }

    [Fact]
    public async Task A_quick_first_target_is_asked_alone()
    {
        await using var quick = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var second = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await StartAsync(quick, second);

        Assert.Equal("p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));

        Assert.Empty(second.Exchanges);
        Assert.Null(Assert.Single(Assert.Single(gateway.Records()).Attempts).ErrorCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task One_that_fails_leaves_the_race_to_the_other_and_when_both_do_the_next_target_is_asked(bool both)
    {
        await using var slow = new WirePlayer(async e =>
        {
            _asked.SetResult();
            await _go.Task;
            await e.AnswerAsync(both ? 500 : 200, both ? "{}" : Wire.ChatAnswer);
        });
        await using var second = new WirePlayer(async e =>
        {
            await e.AnswerAsync(503, "{}");
            _go.SetResult();
        });
        await using var third = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await StartAsync(slow, second, third);

        var call = gateway.ChatAsync(Wire.ChatRequest);
        await _asked.Task;
        await _clock.ArmedAsync(After);
        _clock.Advance(After);

        Assert.Equal(both ? "p2" : "p0", await ConditionTests.ServedByAsync(call));
        var record = Assert.Single(gateway.Records());
        Assert.Equal(both ? ["p0", "p1", "p2"] : ["p0", "p1"], record.Attempts.Select(a => a.Provider));
        Assert.Equal([both, true], record.Attempts.Take(2).Select(a => a.ErrorCode is not null));
    }

    [Fact]
    public async Task When_the_client_goes_away_both_connections_close_and_both_are_in_the_record()
    {
        var other = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var slow = new WirePlayer(HangAsync);
        await using var second = new WirePlayer(async e =>
        {
            _go.SetResult();
            await e.ClosedByGatewayAsync();
            other.SetResult();
        });
        var gateway = await StartAsync(slow, second);
        using var abort = new CancellationTokenSource();

        var call = gateway.PostAsync("/v1/chat/completions", Wire.ChatRequest, ct: abort.Token);
        await _asked.Task;
        await _clock.ArmedAsync(After);
        _clock.Advance(After);
        await _go.Task;
        await abort.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Task.WhenAll(_closed.Task, other.Task);
        await gateway.StopServerAsync();

        var record = Assert.Single(gateway.Records());
        Assert.Equal(CallOutcome.Cancelled, record.Outcome);
        Assert.Equal(["p0", "p1"], record.Attempts.Select(a => a.Provider));
        await gateway.DisposeAsync();
    }

    /// <summary>The second attempt said that the client had gone away.</summary>
    [Fact]
    public async Task When_the_server_is_stopped_both_attempts_say_so_and_no_breaker_counts_them()
    {
        await using var slow = new WirePlayer(HangAsync);
        await using var second = new WirePlayer(async e =>
        {
            _go.SetResult();
            await e.ClosedByGatewayAsync();
        });
        Target[] targets = [.. ((WirePlayer[])[slow, second]).Select((player, i) => new Target(
            TestGateway.Http(
                $"p{i}", player, _clock, s => s with { Breaker = new(0.5, 1, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10)) }),
            $"m{i}", 1, i))];
        await using var gateway = await TestGateway.StartAsync(
            [Hedged(TestGateway.RouteTo(slow, second) with { Targets = targets })], _clock, Prices);

        var call = gateway.ChatAsync(Wire.ChatRequest);
        await _asked.Task;
        await _clock.ArmedAsync(After);
        _clock.Advance(After);
        await _go.Task;
        await gateway.CutAsync();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => call);

        var record = Assert.Single(gateway.Records());
        Assert.Equal((CallOutcome.Failed, "server_stopped", 503), (record.Outcome, record.ErrorCode, record.Status));
        Assert.Equal([("p0", "server_stopped"), ("p1", "server_stopped")], record.Attempts.Select(a => (a.Provider, a.ErrorCode)));
        Assert.All(targets, t => Assert.Equal(BreakerState.Closed, t.Breaker!.State));
    }

    [Fact]
    public async Task A_target_that_rests_or_has_no_place_free_is_not_asked_as_well()
    {
        await using var slow = new WirePlayer(HangAsync);
        await using var resting = new WirePlayer(e => e.AnswerAsync(500, "{}"));
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var route = TestGateway.RouteTo(slow, resting, good);
        var shaky = TestGateway.Http(
            "p1", resting, _clock, s => s with { Breaker = new(0.5, 1, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10)) });
        route = Hedged(route with { Targets = [route.Targets[0], new Target(shaky, "m1", 1, 1), route.Targets[2]] });
        await using var gateway = await TestGateway.StartAsync(
            [route, new Route("shaky", [route.Targets[1]]) { AttemptsPerTarget = 1 }], _clock);
        using var failed = await gateway.ChatAsync(Wire.ChatRequest.Replace("fast", "shaky", StringComparison.Ordinal));

        var call = gateway.ChatAsync(Wire.ChatRequest);
        await _asked.Task;
        await _clock.ArmedAsync(After);
        _clock.Advance(After);

        Assert.Equal("p2", await ConditionTests.ServedByAsync(call));
        Assert.Single(resting.Exchanges);
    }

    [Fact]
    public async Task The_request_at_fault_ends_the_race()
    {
        await using var slow = new WirePlayer(HangAsync);
        await using var strict = new WirePlayer(e => e.AnswerAsync(400, """{"error":{"message":"no","type":"invalid_request_error"}}"""));
        await using var gateway = await StartAsync(slow, strict);

        var call = gateway.ChatAsync(Wire.ChatRequest);
        await _asked.Task;
        await _clock.ArmedAsync(After);
        _clock.Advance(After);
        using var response = await call;
        await _closed.Task;

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Equal(["hedge_lost", "invalid_request_error"], Assert.Single(gateway.Records()).Attempts.Select(a => a.ErrorCode));
    }

    [Fact]
    public async Task A_response_is_hedged_and_the_one_that_was_first_is_kept()
    {
        await using var slow = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(Wire.Role);
            await HangAsync(e);
        });
        await using var good = new WirePlayer(e => e.StreamAsync(Wire.WholeStream));
        await using var gateway = await StartAsync(slow, good);

        var call = gateway.PostAsync("/v1/responses", """{"model":"fast","stream":true,"input":"Hello"}""", TestGateway.StoringKey, Ct);
        await _asked.Task;
        await _clock.ArmedAsync(After);
        _clock.Advance(After);
        using var response = await call;
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.Contains("response.completed", text, StringComparison.Ordinal);
        Assert.Single(text.Split('\n'), l => l == "event: response.created");
        Assert.Single(gateway.Responses.All);
    }

    [Fact]
    public void The_share_bounds_second_attempts_and_so_does_money_while_they_are_under_way()
    {
        var meter = new HedgeMeter(_clock);
        var hedge = new Hedge(After, 95, 0.1, 100);
        Assert.True(meter.TryTake(hedge, 60, out var first)); // one for a start
        Assert.False(meter.TryTake(hedge, 1, out _));
        Came(30);
        Assert.False(meter.TryTake(hedge, 60, out _)); // the other may cost 60 yet
        meter.Settle(first, 10);
        Assert.True(meter.TryTake(hedge, 60, out var second));
        Assert.True(meter.TryTake(hedge, 30, out var third));
        meter.Settle(second, 60);
        Assert.False(meter.TryTake(hedge, 1, out _));
        _clock.Advance(TimeSpan.FromDays(1));
        Came(30);
        Assert.True(meter.TryTake(hedge, 100, out _));
        meter.Settle(third, 0); // of the day before
        Assert.False(meter.TryTake(hedge, 1, out _));

        void Came(int calls)
        {
            for (var i = 0; i < calls; i++)
            {
                meter.Came(hedge);
            }
        }
    }

    [Fact]
    public void A_budget_must_cover_the_worst_case_of_both()
    {
        var table = new GatewayTable { Revision = "r", Keys = KeyTable.Empty, Routes = RouteTable.Empty, Prices = Prices };
        var target = new Target(TestGateway.Http("p0", new Uri("http://127.0.0.1:1/v1")), "m0");
        using var call = new Call(new DefaultHttpContext(), new ChatSurface(), table, _clock) { Route = new("fast", [target]) };
        call.Body.Write("""{"model":"fast","messages":[]}"""u8);
        var worst = WorstCase.Money(call, out _);
        var rule = new LimitRule(
            new Guid(1, 0, 0, new byte[8]), "r", new CallScope(null, null, null, null, null), Measure.Money, LimitPeriod.Total,
            long.MaxValue, true, UnknownPrice.Refuse);
        var allowance = new AllowanceBook(_clock).Find(rule, "");
        allowance.Window.Grant((2 * worst) - 1, 0, 0);
        var holds = new Holds([allowance]);

        Assert.True(holds.TryTake(allowance.Window, Measure.Money, worst));
        Assert.True(holds.TryCover(call));
        Assert.False(holds.TryCover(call, underWay: 1));
        allowance.Window.Grant(1, 0, 0);
        Assert.True(holds.TryCover(call, underWay: 1));
        Assert.Equal(2 * worst, allowance.Window.Underway);
        holds.Release();
        Assert.Equal(0, allowance.Window.Underway);
    }

    [Fact]
    public void A_percentile_is_of_the_last_answers_and_needs_enough_of_them()
    {
        var load = new TargetLoad(null, _clock);
        Assert.Null(load.Percentile(true, 95));
        for (var i = 1; i <= 19; i++)
        {
            load.Observe(true, i);
        }

        Assert.Null(load.Percentile(true, 95));
        load.Observe(true, 20);
        Assert.Equal((19, 10, null), (load.Percentile(true, 95), load.Percentile(true, 50), load.Percentile(false, 95)));
        for (var i = 0; i < 200; i++)
        {
            load.Observe(true, 1000);
        }

        Assert.Equal(1000, load.Percentile(true, 1));
    }

    private static Task AnswerAsync(Exchange exchange, string body) =>
        body == Wire.ChatRequest ? exchange.AnswerAsync(200, Wire.ChatAnswer) : exchange.StreamAsync(Wire.WholeStream);

    private async Task HangAsync(Exchange exchange)
    {
        _asked.TrySetResult();
        await exchange.ClosedByGatewayAsync();
        _closed.TrySetResult();
    }

    private static Route Hedged(Route route) => route with { Hedge = new Hedge(After, 95, 1, null) };

    private Task<TestGateway> StartAsync(params WirePlayer[] players) =>
        TestGateway.StartAsync([Hedged(TestGateway.RouteTo(players))], _clock, Prices);
}
