using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Configuration;

/// <summary>One target of a route as lists show it.</summary>
/// <param name="Model"><c>*</c> passes on the name that the client asked for.</param>
public sealed record TargetView(string Provider, string Model, int Weight, int Order)
{
    public string? Region { get; init; }

    /// <summary>What calls must not need: <c>images</c>, <c>tools</c> …</summary>
    public IReadOnlyList<string> Lacks { get; init; } = [];

    /// <summary>Share of users that it serves first; 0 when it is no canary.</summary>
    public double Canary { get; init; }

    /// <summary>Why it gets no calls; <see langword="null"/> when it is switched on.</summary>
    public string? Off { get; init; }

    /// <summary>
    /// What the checks of the node that answers found: <c>healthy</c> or <c>unhealthy</c>; <see langword="null"/> when nobody checks.
    /// </summary>
    public string? Health { get; init; }

    /// <summary>Why the last check failed; <see langword="null"/> when it did not.</summary>
    public string? HealthError { get; init; }
}

/// <summary>One route as lists show it.</summary>
public sealed record RouteView(string Name, bool Strict, IReadOnlyList<TargetView> Targets)
{
    /// <summary><c>weighted</c>, <c>ordered</c>, <c>lowest_latency</c>, <c>lowest_cost</c> or <c>least_busy</c>.</summary>
    public string Strategy { get; init; } = "weighted";

    /// <summary>Why it refuses calls; <see langword="null"/> when it is switched on.</summary>
    public string? Off { get; init; }

    /// <summary>How long answers are kept, such as <c>10m</c>; <see langword="null"/> when none are.</summary>
    public string? CacheTtl { get; init; }
}

/// <summary>The routes of the configuration in force, and what people switched off. Every signed-in person may see them.</summary>
public sealed class RouteViews(ConfigurationState state, Snapshot<GatewayTable> table)
{
    public IReadOnlyList<RouteView> List(Person who)
    {
        ArgumentNullException.ThrowIfNull(who);
        return [.. table.Current.Switches.Apply(state.Current.Compiled.Routes).Routes.Select(
            r => new RouteView(
                r.Name, r.Strict, [.. r.Targets.Select(View)]) { Strategy = Definition.Format(r.Strategy), Off = r.Off,
                    CacheTtl = r.Cache is { } cache ? Duration.Format(cache.Ttl) : null })];
    }

    private static TargetView View(Target target) => new(target.Provider.Name, target.Model, target.Weight, target.Order)
    {
        Region = target.Provider.Settings.Region,
        Lacks = [.. RouteCompiler.Features.Where(f => (target.Conditions?.Lacks ?? 0).HasFlag(f.Value)).Select(f => f.Key)],
        Canary = target.Conditions?.Canary ?? 0,
        Off = target.Off,
        Health = target.Health is { } health ? health.IsHealthy ? "healthy" : "unhealthy" : null,
        HealthError = target.Health?.Last?.Error,
    };
}
