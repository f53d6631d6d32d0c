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
    private const int MaxShownChars = 256;

    /// <summary>Shared with every other target of this provider and model; <see langword="null"/> when the provider has none.</summary>
    public CircuitBreaker? Breaker { get; } = Provider.BreakerOf(Model);

    /// <summary>As answers name who served them; made once, and not for each call.</summary>
    internal string ShownName { get; } = Shown(Provider, Model);

    internal static string Shown(Provider provider, string model) =>
        ParameterNames.Shown(string.Concat(provider.Name, "/", model), MaxShownChars);
}

/// <summary>The model name that clients ask for, and how it is served.</summary>
/// <param name="Name">Exact name, or a prefix followed by <c>*</c>.</param>
/// <param name="Targets">In the order of the configuration; at least one.</param>
public sealed record Route(string Name, IReadOnlyList<Target> Targets)
{
    /// <summary>Refuse a parameter that the target's format cannot carry, in place of reporting it. Default off.</summary>
    public bool Strict { get; init; }

    /// <summary>Tries of one target before the next, the first one included. Default 2.</summary>
    public int AttemptsPerTarget { get; init; } = 2;

    /// <summary>First pause before a retry; doubles each time, with full jitter. Default 200 ms.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Longest pause before a retry, <c>Retry-After</c> included: a longer wait moves on to the next target. Default 5 s.</summary>
    public TimeSpan MaxRetryDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Default 5 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>From sending the request to the first byte of the answer's body. Default 120 s.</summary>
    public TimeSpan FirstByteTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Longest pause within an answer. Default 60 s.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);
}
