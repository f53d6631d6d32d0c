using System.Globalization;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Configuration;

/// <summary>Turns the entries of <c>routes</c> into what the gateway calls by.</summary>
/// <param name="providers">By name, the simulator included.</param>
internal sealed class RouteCompiler(GatehouseOptions options, Dictionary<string, Provider> providers)
{
    /// <summary>The names of what a model may lack, as they stand in the file.</summary>
    public static readonly IReadOnlyDictionary<string, ModelFeatures> Features = Enum.GetValues<ModelFeatures>()
        .Where(f => f != ModelFeatures.None).ToDictionary(f => f.ToString().ToLowerInvariant(), StringComparer.Ordinal);

    /// <summary>What a route may fall back on, as it stands in the file.</summary>
    public static readonly IReadOnlyDictionary<string, FallbackCauses> Causes = Enum.GetValues<FallbackCauses>()
        .Where(c => c != FallbackCauses.None)
        .ToDictionary(c => JsonNamingPolicy.SnakeCaseLower.ConvertName(c.ToString()), StringComparer.Ordinal);

    /// <summary>Members of a request that change nothing in an answer of most models.</summary>
    public static readonly IReadOnlyList<string> Ignorable =
        ["user", "safety_identifier", "metadata", "labels", "prompt_cache_key", "service_tier", "seed"];

    public List<Route> Compile()
    {
        // A model that one route measures is measured for every route: its calls are the same calls.
        var measured = options.Routes.Values
            .Where(r => r.Strategy is RoutingStrategy.LowestLatency or RoutingStrategy.LeastBusy || r.Hedge is not null)
            .SelectMany(r => r.Targets.Select(t => (t.Provider, t.Model)))
            .ToHashSet();
        return [.. options.Routes.Select(r => Compile(r.Key, r.Value, measured))];
    }

    private Route Compile(string name, RouteOptions route, HashSet<(string Provider, string Model)> measured)
    {
        var targets = route.Targets.Select(t => Compile(t, measured)).ToArray();
        return new(name, targets)
        {
            Cache = route.Cache is { } cache ? Compile(cache).For(targets, route.Strict) : null,
            Off = route.Enabled ? null : OffReasons.Configured,
            Strategy = route.Strategy,
            Strict = route.Strict,
            AttemptsPerTarget = route.Attempts,
            RetryDelay = route.RetryDelay,
            MaxRetryDelay = route.MaxRetryDelay,
            ConnectTimeout = route.Timeouts.Connect,
            FirstByteTimeout = route.Timeouts.FirstByte,
            IdleTimeout = route.Timeouts.Idle,
            TotalTimeout = WithFirstByte(route.Timeouts.Total, TimeoutOptions.DefaultTotal, route.Timeouts),
            StreamTimeout = WithFirstByte(route.Timeouts.Stream, TimeoutOptions.DefaultStream, route.Timeouts),
            FallbackOn = route.FallbackOn.Aggregate(FallbackCauses.None, (all, cause) => all | Causes[cause]),
            Confidence = new ConfidenceRule(
                route.Confidence.Refusals, route.Confidence.Grounding, route.Confidence.Judge, route.Confidence.Verdict),
            Hedge = route.Hedge is { } hedge ? Compile(hedge) : null,
            WhenDown = route.WhenDown is { } down ? new WhenDown(down.Queue, down.Length) : null,
            Mirror = route.Mirror is { } m ? new Mirror(
                Compile(new TargetOptions { Provider = m.Provider, Model = m.Model }, measured), m.Share, m.Concurrent) : null,
        };
    }

    /// <summary>The default bounds what nobody bounded: it takes nothing away from a long time for the first byte.</summary>
    private static TimeSpan WithFirstByte(TimeSpan total, TimeSpan standard, TimeoutOptions timeouts) =>
        total == standard && timeouts.FirstByte + timeouts.Idle > total ? timeouts.FirstByte + timeouts.Idle : total;

    private static CachePolicy Compile(CacheOptions cache) => new(cache.Ttl)
    {
        Scope = cache.Scope,
        WhenDown = cache.WhenDown ?? TimeSpan.Zero,
        MaxEntryBytes = (int)cache.MaxEntry.Bytes,
        Ignore = cache.Ignore,
        MaxTemperature = cache.When.MaxTemperature,
        Semantic = cache.Semantic is { } semantic ? new SemanticPolicy(
            semantic.Route, semantic.Threshold, semantic.Ttl ?? cache.Ttl) { Timeout = semantic.Timeout } : null,
    };

    /// <summary>Reads <c>p95</c> or a duration.</summary>
    public static bool TryReadAfter(string text, out int percentile, out TimeSpan time)
    {
        (percentile, time) = (0, default);
        return text.StartsWith('p')
            ? int.TryParse(text.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out percentile) && percentile is >= 50 and <= 99
            : Duration.TryParse(text, out time) && time > TimeSpan.Zero;
    }

    private static Hedge Compile(HedgeOptions options)
    {
        _ = TryReadAfter(options.After, out var percentile, out var time);
        return new Hedge(
            percentile > 0 ? null : time, percentile, options.MaxShare, options.MaxCost is { } usd ? Nanos.FromUsd(usd) : null);
    }

    private Target Compile(TargetOptions target, HashSet<(string Provider, string Model)> measured)
    {
        var provider = providers[target.Provider];
        var off = options.Providers.TryGetValue(target.Provider, out var of) && !of.Enabled
            ? OffReasons.Provider(target.Provider)
            : target.Enabled ? null : OffReasons.Configured;
        return new(provider, target.Model, target.Weight, target.Order)
        {
            Off = off,
            Conditions = Conditions(target),
            Load = provider.Settings.Concurrency is not null || measured.Contains((target.Provider, target.Model)) ? provider.LoadOf(
                target.Model) : null,
        };
    }

    private static TargetConditions? Conditions(TargetOptions target)
    {
        var conditions = new TargetConditions
        {
            Lacks = target.Lacks.Aggregate(ModelFeatures.None, (all, name) => all | Features[name]),
            Canary = target.Canary,
            MinRequestBytes = target.When.MinRequest?.Bytes ?? 0,
            MaxRequestBytes = target.When.MaxRequest?.Bytes ?? long.MaxValue,
            Metadata = [.. target.When.Metadata.Select(m =>
                new MetadataCondition(m.Key, m.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)))],
        };
        var none = conditions is { Lacks: ModelFeatures.None, Canary: 0, MinRequestBytes: 0, MaxRequestBytes: long.MaxValue,
            Metadata.Count: 0 };
        return none ? null : conditions;
    }
}

/// <summary>Why something that the file switches off gets no calls.</summary>
internal static class OffReasons
{
    public const string Configured = "'enabled' is false in the configuration.";

    public static string Provider(string name) => $"'providers.{name}.enabled' is false in the configuration.";
}
