using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class HealthTests
{
    private static readonly HealthSettings Settings = new("/models", [], TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(1), 2, 1);

    private readonly ManualClock _clock = new();

    [Fact]
    public async Task A_target_that_fails_its_checks_gets_no_calls_until_it_passes_one()
    {
        var status = 200;
        await using var shaky = new WirePlayer(
            e => e.Head.StartsWith("GET", StringComparison.Ordinal) ? e.AnswerAsync(status, "{}") : e.AnswerAsync(200, Wire.ChatAnswer));
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var route = RouteTo(shaky, good, Settings);
        var health = route.Targets[0].Health!;
        await using var gateway = await TestGateway.StartAsync([route], _clock);
        await CheckedAsync(health);
        Assert.StartsWith("GET /v1/models HTTP/1.1\r\n", shaky.Last.Head, StringComparison.Ordinal);
        Assert.Equal("Bearer " + TestGateway.ProviderCredential, shaky.Last.Header("Authorization"));

        status = 503;
        await NextCheckAsync(health);
        Assert.Equal("p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
        await NextCheckAsync(health);
        Assert.Equal((false, "It answered with status 503."), (health.IsHealthy, health.Last!.Error));
        Assert.Equal("p1", await ConditionTests.ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
        status = 200;
        await NextCheckAsync(health);
        Assert.Equal("p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
        Assert.Contains("p0 is unhealthy", gateway.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(TestGateway.ProviderCredential, gateway.Log, StringComparison.Ordinal);
    }

    /// <summary>The next check was due at a time of day that was a day away when the clock had been put right.</summary>
    [Fact]
    public async Task Checks_go_on_when_a_clock_that_ran_ahead_is_put_right()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, "{}"));
        var route = RouteTo(player, player, Settings);
        _clock.Step(TimeSpan.FromDays(1));
        await using var gateway = await TestGateway.StartAsync([route], _clock);
        await CheckedAsync(route.Targets[0].Health!);
        _clock.Step(-TimeSpan.FromDays(1));

        await NextCheckAsync(route.Targets[0].Health!).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task When_every_target_fails_its_checks_the_first_is_asked_for_a_check_may_be_wrong()
    {
        await using var shaky = new WirePlayer(
            e => e.Head.StartsWith("GET", StringComparison.Ordinal) ? e.AnswerAsync(401, "{}") : e.AnswerAsync(200, Wire.ChatAnswer));
        var route = RouteTo(shaky, shaky, Settings with { UnhealthyAfter = 1 });
        await using var gateway = await TestGateway.StartAsync([route], _clock);
        await CheckedAsync(route.Targets[0].Health!);

        Assert.False(route.Targets[0].Health!.IsHealthy);
        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(200, (int)response.StatusCode);
    }

    [Theory]
    [InlineData(WireFormat.OpenAi, 400, true)]
    [InlineData(WireFormat.Anthropic, 200, true)]
    [InlineData(WireFormat.Gemini, 404, false)]
    public async Task A_model_is_called_for_one_token_in_its_own_format_and_judges_its_own_targets_only(
        WireFormat wire, int status, bool isUp)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(status, "{}"));
        var settings = Settings with { Path = null, Models = ["m0"], UnhealthyAfter = 1 };
        var provider = new ProviderFactory(_clock).Create(TestGateway.Http("p0", player, wire).Settings with { Health = settings });
        var route = new Route("fast", [new Target(provider, "m0"), new Target(provider, "m1")]);
        await using var gateway = await TestGateway.StartAsync([route], _clock);
        await CheckedAsync(route.Targets[0].Health!);

        Assert.Equal(isUp, route.Targets[0].Health!.IsHealthy);
        Assert.Null(route.Targets[1].Health);
        Assert.Contains("ping", player.Last.Body, StringComparison.Ordinal);
        Assert.Contains(
            wire == WireFormat.Gemini ? "\"maxOutputTokens\":1" : "\"max_tokens\":1", player.Last.Body, StringComparison.Ordinal);
        Assert.Empty(gateway.Records());
    }

    [Fact]
    public async Task A_check_without_an_answer_in_time_has_failed()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var silent = new WirePlayer(e =>
        {
            asked.TrySetResult();
            return e.ClosedByGatewayAsync();
        });
        await using var other = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var route = RouteTo(silent, other, Settings with { UnhealthyAfter = 1 });
        await using var gateway = await TestGateway.StartAsync([route], _clock);
        await asked.Task;

        _clock.Advance(Settings.Timeout);
        await CheckedAsync(route.Targets[0].Health!);

        Assert.Equal("No answer in time.", route.Targets[0].Health!.Last!.Error);
    }

    [Fact]
    public void It_takes_as_many_results_in_a_row_as_the_settings_say()
    {
        var health = new TargetHealth(Settings with { UnhealthyAfter = 2, HealthyAfter = 3 }, null);
        var states = new[] { true, false, true, false, false, true, true, true, false }.Select(ok =>
        {
            health.Found(ok ? null : "down", _clock.GetUtcNow());
            return health.IsHealthy ? '+' : '-';
        });
        Assert.Equal("++++---++", string.Concat(states));
    }

    private Route RouteTo(WirePlayer first, WirePlayer second, HealthSettings settings) => new("fast",
    [
        new Target(TestGateway.Http("p0", first, _clock, s => s with { Health = settings }), "m0"),
        new Target(TestGateway.Http("p1", second, _clock, s => s with { Health = ReferenceEquals(first, second) ? settings : null }), "m1",
            1, 1),
    ])
    {
        AttemptsPerTarget = 1,
    };

    private static async Task CheckedAsync(TargetHealth health, HealthCheck? before = null)
    {
        while (health.Last is not { } last || ReferenceEquals(last, before))
        {
            await Task.Yield();
        }
    }

    private async Task NextCheckAsync(TargetHealth health)
    {
        var before = health.Last;
        await _clock.ArmedAsync(HealthWorker.Tick);
        _clock.Advance(Settings.Every * 1.1);
        await CheckedAsync(health, before);
    }
}
