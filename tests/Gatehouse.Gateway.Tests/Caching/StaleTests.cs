using Gatehouse.Contracts;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;

namespace Gatehouse.Gateway.Tests.Caching;

/// <summary>Older answers in place of an error when every target is down.</summary>
public sealed class StaleTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;
    private static readonly CachePolicy Policy = new(TimeSpan.FromMinutes(1)) { WhenDown = TimeSpan.FromHours(24) };

    private readonly ManualClock _clock = new();

    [Fact]
    public async Task An_older_answer_is_served_and_called_one_when_every_target_failed()
    {
        await using var player = Dies();
        await using var other = new WirePlayer(e => e.AnswerAsync(503, "{}"));
        await using var gateway = await StartAsync(player, other);
        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        _clock.Advance(TimeSpan.FromHours(5));

        using var second = await gateway.ChatAsync(Calls.Wire.ChatRequest);

        Assert.Equal(200, (int)second.StatusCode);
        Assert.Equal(Calls.Wire.ChatAnswer, await second.Content.ReadAsStringAsync(Ct));
        Assert.Equal(
            ("stale", "cache", "18000", "2"),
            (Cache(second), Header(second, "x-gatehouse-served-by"), Header(second, "age"), Header(second, "x-gatehouse-attempts")));
        var record = gateway.Records()[1];
        Assert.Equal((CallOutcome.Ok, CacheUse.Stale, 0L, null), (record.Outcome, record.Cache, record.CostNanos, record.Provider));
        Assert.Equal([500, 503], record.Attempts.Select(a => a.Status));
        Assert.All(record.Attempts, a => Assert.NotNull(a.ErrorCode));
    }

    [Fact]
    public async Task A_stream_too()
    {
        await using var player = new WirePlayer(
            e => e.StreamAsync(Calls.Wire.WholeStream), e => e.StreamAsync(Calls.Wire.Role + Calls.Wire.ErrorEvent));
        await using var gateway = await StartAsync(player);
        using var first = await gateway.ChatAsync(Calls.Wire.StreamRequest);
        var text = await first.Content.ReadAsStringAsync(Ct);
        _clock.Advance(TimeSpan.FromHours(5));

        using var second = await gateway.ChatAsync(Calls.Wire.StreamRequest);

        Assert.Equal(text, await second.Content.ReadAsStringAsync(Ct));
        Assert.Equal("stale", Cache(second));
    }

    [Fact]
    public async Task It_is_served_while_the_targets_rest()
    {
        await using var player = Dies();
        var provider = TestGateway.Http(
            "p0", player, _clock, s =>
                s with { Breaker = new BreakerSettings(0.5, 1, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30)) });
        await using var gateway = await TestGateway.StartAsync(
            [new Route("fast", [new Target(provider, "m0")]) { Cache = Policy, AttemptsPerTarget = 1 }], _clock);
        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        _clock.Advance(TimeSpan.FromHours(5));
        using var second = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        using var third = await gateway.ChatAsync(Calls.Wire.ChatRequest);

        Assert.Equal(("stale", "stale"), (Cache(second), Cache(third)));
    }

    [Fact]
    public async Task Not_when_it_is_too_old()
    {
        await using var player = Dies();
        await using var gateway = await StartAsync(player);
        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        _clock.Advance(TimeSpan.FromHours(25));

        using var late = await gateway.ChatAsync(Calls.Wire.ChatRequest);

        Assert.Equal(500, (int)late.StatusCode);
        Assert.Equal("miss", Cache(late));
    }

    [Theory]
    [InlineData("max-age=3600")]
    [InlineData("no-cache")]
    [InlineData("no-store")]
    public async Task Not_to_a_caller_who_wants_it_fresh(string wish)
    {
        await using var player = Dies();
        await using var gateway = await StartAsync(player);
        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        _clock.Advance(TimeSpan.FromHours(5));

        using var second = await gateway.ChatWithAsync(Calls.Wire.ChatRequest, "cache-control", wish);

        Assert.Equal(500, (int)second.StatusCode);
    }

    [Fact]
    public async Task Not_when_the_request_is_at_fault()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, Calls.Wire.ChatAnswer), e => e.AnswerAsync(400, """{"error":{"message":"no such tool"}}"""));
        await using var gateway = await StartAsync(player);
        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        _clock.Advance(TimeSpan.FromHours(5));

        using var second = await gateway.ChatAsync(Calls.Wire.ChatRequest);

        Assert.Equal(400, (int)second.StatusCode);
    }

    private static WirePlayer Dies() => new(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer), e => e.AnswerAsync(500, "{}"));

    private static string? Cache(HttpResponseMessage response) => ExactCacheTests.Cache(response);

    private static string? Header(HttpResponseMessage response, string name) => ExactCacheTests.Header(response, name);

    private Task<TestGateway> StartAsync(params WirePlayer[] players) =>
        TestGateway.StartAsync([TestGateway.RouteTo(players) with { Cache = Policy }], _clock);
}
