using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class CredentialTests
{
    private const string First = "sk-canary-first-000000000000";
    private const string Second = "sk-canary-second-00000000000";

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    private readonly ManualClock _clock = new();

    [Theory]
    [InlineData(401, 600)]
    [InlineData(403, 600)]
    [InlineData(429, 30)]
    public async Task A_refused_or_limited_credential_rests_and_the_next_one_serves_the_same_call(int status, int seconds)
    {
        await using var player = new WirePlayer(e => Sent(e) == First
            ? e.AnswerAsync(status, """{"error":{"message":"no"}}""")
            : e.AnswerAsync(200, Wire.ChatAnswer));
        var route = RouteTo(player);
        await using var gateway = await TestGateway.StartAsync([route], _clock);

        Assert.Equal(200, await StatusAsync(gateway));
        Assert.Equal(200, await StatusAsync(gateway));
        Assert.Equal([First, Second, Second], player.Exchanges.Select(Sent));

        _clock.Advance(TimeSpan.FromSeconds(seconds - 1));
        Assert.Equal(200, await StatusAsync(gateway));
        Assert.Equal(Second, Sent(player.Last));
        var state = status == 429 ? CredentialState.Limited : CredentialState.Refused;
        Assert.Equal(state, route.Targets[0].Provider.Credentials!.StateOf(0).State);

        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(CredentialState.Ready, route.Targets[0].Provider.Credentials!.StateOf(0).State);
        Assert.Equal(200, await StatusAsync(gateway));
        Assert.Equal([First, Second], player.Exchanges.Skip(4).Select(Sent));
    }

    [Fact]
    public async Task A_limited_credential_rests_as_long_as_the_provider_asks()
    {
        await using var player = new WirePlayer(e => Sent(e) == First
            ? e.AnswerAsync(429, """{"error":{"message":"no"}}""", "retry-after: 90")
            : e.AnswerAsync(200, Wire.ChatAnswer));
        var route = RouteTo(player);
        await using var gateway = await TestGateway.StartAsync([route], _clock);

        Assert.Equal(200, await StatusAsync(gateway));

        Assert.Equal((CredentialState.Limited, _clock.GetUtcNow().AddSeconds(90)), route.Targets[0].Provider.Credentials!.StateOf(0));
    }

    /// <summary>It rested until a moment of the day that was a day away when the clock had been put right.</summary>
    [Fact]
    public async Task A_credential_rests_no_longer_when_a_clock_that_ran_ahead_is_put_right()
    {
        await using var player = new WirePlayer(e => Sent(e) == First
            ? e.AnswerAsync(429, """{"error":{"message":"no"}}""")
            : e.AnswerAsync(200, Wire.ChatAnswer));
        var route = RouteTo(player);
        await using var gateway = await TestGateway.StartAsync([route], _clock);
        _clock.Step(TimeSpan.FromDays(1));
        Assert.Equal(200, await StatusAsync(gateway));

        _clock.Step(-TimeSpan.FromDays(1));
        Assert.Equal((CredentialState.Limited, _clock.GetUtcNow().AddSeconds(30)), route.Targets[0].Provider.Credentials!.StateOf(0));
        _clock.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal(CredentialState.Ready, route.Targets[0].Provider.Credentials!.StateOf(0).State);
    }

    [Fact]
    public async Task A_quota_that_is_used_up_rests_like_a_refusal()
    {
        await using var player = new WirePlayer(e => Sent(e) == First
            ? e.AnswerAsync(429, """{"error":{"message":"no","code":"insufficient_quota"}}""")
            : e.AnswerAsync(200, Wire.ChatAnswer));
        var route = RouteTo(player);
        await using var gateway = await TestGateway.StartAsync([route], _clock);

        Assert.Equal(200, await StatusAsync(gateway));

        Assert.Equal(CredentialState.Refused, route.Targets[0].Provider.Credentials!.StateOf(0).State);
    }

    [Fact]
    public async Task When_every_credential_is_refused_each_is_tried_once_and_none_is_shown()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(403, $$$"""{"error":{"message":"{{{First}}} {{{Second}}}"}}"""));
        await using var gateway = await TestGateway.StartAsync([RouteTo(player)], _clock);

        using var response = await gateway.ChatAsync(Wire.ChatRequest, TestGateway.StoringKey);

        Assert.Equal(502, (int)response.StatusCode);
        Assert.Equal([First, Second], player.Exchanges.Select(Sent));
        var record = Assert.Single(gateway.Records());
        Assert.Equal(2, record.Attempts.Count);
        var everything = string.Join('\n', record.Attempts.Select(a => a.Error).Append(record.ErrorMessage).Append(gateway.Log))
            + await response.Content.ReadAsStringAsync(Ct) + response.Headers;
        Assert.DoesNotContain("sk-canary", everything, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_that_quotes_the_second_credential_is_not_passed_on()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(429, """{"error":{"message":"no"}}"""),
            e => e.AnswerAsync(400, $$$"""{"error":{"message":"bad {{{Second}}}"}}"""));
        await using var gateway = await TestGateway.StartAsync([RouteTo(player)], _clock);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.DoesNotContain("sk-canary", await response.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_credential_that_is_replaced_by_another_does_not_speak_against_the_target()
    {
        await using var player = new WirePlayer(e => Sent(e) == First
            ? e.AnswerAsync(401, """{"error":{"message":"no"}}""")
            : e.AnswerAsync(200, Wire.ChatAnswer));
        var route = RouteTo(player, new BreakerSettings(0.1, 1, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10)));
        await using var gateway = await TestGateway.StartAsync([route], _clock);

        Assert.Equal(200, await StatusAsync(gateway));

        Assert.Equal(BreakerState.Closed, route.Targets[0].Breaker!.State);
    }

    private static string Sent(Exchange exchange) => exchange.Header("Authorization")!["Bearer ".Length..];

    private static async Task<int> StatusAsync(TestGateway gateway)
    {
        using var response = await gateway.ChatAsync(Wire.ChatRequest);
        return (int)response.StatusCode;
    }

    private Route RouteTo(WirePlayer player, BreakerSettings? breaker = null)
    {
        var provider = TestGateway.Http("p0", player, _clock, s => s with { ApiKey = First, ApiKeys = [First, Second], Breaker = breaker });
        return new Route("fast", [new Target(provider, "m0")]) { AttemptsPerTarget = 1 };
    }
}
