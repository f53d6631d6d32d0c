using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class ProbeTests
{
    [Fact]
    public async Task A_probe_that_breaks_before_its_attempt_begins_leaves_the_next_one_free()
    {
        var clock = new ManualClock();
        var settings = new ProviderSettings
        {
            Name = "p0", Kind = "openai", Wire = WireFormat.OpenAi, BaseUrl = new("http://127.0.0.1:1/v1"),
            Breaker = new(0.5, 1, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(5)),
        };
        var target = new Target(new ProviderFactory(clock).Create(settings), "m0");
        var breaker = target.Breaker!;
        breaker.Settle(breaker.TryEnter(), AttemptOutcome.Bad);
        clock.Advance(TimeSpan.FromSeconds(5));
        using var call = new Call(new DefaultHttpContext(), new BreakingSurface(), GatewayTable.Empty, clock)
        {
            Route = new("fast", [target]),
            Principal = new(
                Guid.Empty, Guid.Empty, Guid.Empty, "helpdesk", SystemEnvironment.Development, SystemStage.Building, false, null, false),
        };

        await Assert.ThrowsAsync<NotSupportedException>(
            async () => await new RouteCaller(
                new TargetCaller(null!, null!, null!, null!, clock), new HedgeBook(clock), new DownQueue(clock), null!,
                new Chance(new Random(1)), clock).CallAsync(call));

        Assert.Equal(BreakerPass.Probe, breaker.TryEnter());
    }

    private sealed class BreakingSurface : OperationSurface
    {
        public override string Name => "breaking";

        public override WireFormat WireAt(ProviderSettings settings, string model) => throw new NotSupportedException();

        public override string PathAt(Attempt attempt, bool stream) => "/breaking";
    }
}
