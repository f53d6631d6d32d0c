using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;

namespace Gatehouse.Gateway.Routing;

/// <summary>One model of one provider.</summary>
/// <param name="Model">The provider's name of the model; <c>*</c> passes on the name that the client asked for.</param>
/// <param name="Weight">Share of first attempts among the targets of the same <paramref name="Order"/>.</param>
/// <param name="Order">Targets of a lower order are tried before those of a higher one.</param>
public sealed record Target(Provider Provider, string Model, int Weight = 1, int Order = 0)
{
    /// <summary>The name that stands for every model.</summary>
    public const string AnyModel = "*";

    private const int MaxShownChars = 256;

    /// <summary>Shared with every other target of this provider and model; <see langword="null"/> when the provider has none.</summary>
    public CircuitBreaker? Breaker { get; } = Provider.BreakerOf(Model);

    /// <summary>As answers name who served them; made once, and not for each call.</summary>
    internal string ShownName { get; } = Shown(Provider, Model);

    /// <summary>Shared like <see cref="Breaker"/>; <see langword="null"/> unless a strategy or a limit needs it.</summary>
    public TargetLoad? Load { get; init; }

    /// <summary><see langword="null"/>: takes every call.</summary>
    public TargetConditions? Conditions { get; init; }

    /// <summary>Why no call goes here: a sentence; <see langword="null"/> when it is switched on.</summary>
    public string? Off { get; init; }

    /// <summary>What health checks found; <see langword="null"/> when nobody checks.</summary>
    public TargetHealth? Health { get; } = Provider.HealthOf(Model);

    internal bool IsUnhealthy => Health is { IsHealthy: false };

    /// <summary><c>provider/model</c>.</summary>
    public string Name => $"{Provider.Name}/{Model}";

    internal static string Shown(Provider provider, string model) =>
        ParameterNames.Shown(string.Concat(provider.Name, "/", model), MaxShownChars);
}

/// <summary>The model name that clients ask for, and how it is served.</summary>
/// <param name="Name">Exact name, or a prefix followed by <c>*</c>.</param>
/// <param name="Targets">In the order of the configuration; at least one, at most <see cref="MaxTargets"/>.</param>
public sealed record Route(string Name, IReadOnlyList<Target> Targets)
{
    /// <summary>A set of targets fits into one machine word.</summary>
    public const int MaxTargets = 64;

    public IReadOnlyList<Target> Targets
    {
        get;
        init
        {
            field = value;
            (Open, IsConditional) = (OpenOf(value), IsConditionalOf(value));
        }
    } = Targets;

    /// <summary>Why no call is served: a sentence; <see langword="null"/> when the route is switched on.</summary>
    public string? Off { get; init; }

    /// <summary>
    /// Models that are switched off, of routes with a target for every model: why, by <c>model</c> or <c>provider/model</c>.
    /// </summary>
    public IReadOnlyDictionary<string, string>? ModelsOff { get; init; }

    /// <summary>How a target is picked among those of the same order.</summary>
    public RoutingStrategy Strategy
    {
        get;
        init
        {
            field = value;
            Picker = TargetPicker.Of(value);
        }
    }

    /// <summary>What sends a call on although the target is well. Default: nothing.</summary>
    public FallbackCauses FallbackOn { get; init; }

    /// <summary>When a slow call gets a second attempt; <see langword="null"/>: never.</summary>
    public Hedge? Hedge { get; init; }

    /// <summary>For <see cref="FallbackCauses.LowConfidence"/>.</summary>
    public ConfidenceRule Confidence { get; init; } = ConfidenceRule.Default;

    /// <summary>What becomes of calls when every target is down; <see langword="null"/>: they are refused.</summary>
    public WhenDown? WhenDown { get; init; }

    /// <summary>Where copies of calls go, or <see langword="null"/>.</summary>
    public Mirror? Mirror { get; init; }

    /// <summary>How answers are kept, or <see langword="null"/>.</summary>
    public CachePolicy? Cache { get; init; }

    /// <summary>Refuse a parameter that the target's format cannot carry, in place of reporting it. Default off.</summary>
    public bool Strict { get; init; }

    /// <summary>Tries of one target before the next, the first one included. Default 2.</summary>
    public int AttemptsPerTarget { get; init; } = 2;

    /// <summary>First pause before a retry; doubles each time, with full jitter. Default 200 ms.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// Longest pause before a retry, <c>Retry-After</c> included: a longer wait moves on to the next target. Default 5 s.
    /// </summary>
    public TimeSpan MaxRetryDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Default 5 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>From sending the request to the first byte of the answer's body. Default 120 s.</summary>
    public TimeSpan FirstByteTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Longest pause within an answer. Default 60 s.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// From asking a target to the end of its answer, however steadily it comes; not counted is what passes while others are waited for.
    /// Default 10 minutes.
    /// </summary>
    public TimeSpan TotalTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary><see cref="TotalTimeout"/> of an answer that is streamed. Default 1 hour.</summary>
    public TimeSpan StreamTimeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The targets that are switched on, a bit each.</summary>
    internal ulong Open { get; private init; } = OpenOf(Targets);

    /// <summary>Whether any target takes only some of the calls.</summary>
    internal bool IsConditional { get; private init; } = IsConditionalOf(Targets);

    /// <summary>Every target that calls or copies of them may go to.</summary>
    public IEnumerable<Target> AllTargets => Mirror is { } mirror ? Targets.Append(mirror.Target) : Targets;

    internal TargetPicker Picker { get; private init; } = TargetPicker.Of(RoutingStrategy.Weighted);

    /// <summary>Whether the name stands for every model that begins so.</summary>
    public bool IsPrefix => Name.EndsWith('*');

    /// <summary>The way of a copy: what is switched off for the call is off for it too.</summary>
    internal Route Mirrored(Target to) => new(Name, [to])
    {
        Off = Off,
        ModelsOff = ModelsOff,
        AttemptsPerTarget = 1,
        ConnectTimeout = ConnectTimeout,
        FirstByteTimeout = FirstByteTimeout,
        IdleTimeout = IdleTimeout,
        TotalTimeout = TotalTimeout,
        StreamTimeout = StreamTimeout,
    };

    private static ulong OpenOf(IReadOnlyList<Target> targets)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(targets.Count, MaxTargets);
        var open = 0UL;
        for (var i = 0; i < targets.Count; i++)
        {
            open |= targets[i].Off is null ? 1UL << i : 0;
        }

        return open;
    }

    private static bool IsConditionalOf(IReadOnlyList<Target> targets)
    {
        foreach (var target in targets)
        {
            if (target.Conditions is not null)
            {
                return true;
            }
        }

        return false;
    }
}
