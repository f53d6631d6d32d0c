using Gatehouse.Gateway.Batches;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Configuration;

/// <summary>
/// One revision of the configuration as the gateway runs it: providers, routes, prices and limits, never mixed with another revision.
/// </summary>
public sealed class CompiledConfiguration
{
    /// <summary>Names the content: the same configuration has the same revision on every node and after every start.</summary>
    public required string Revision { get; init; }

    public required RouteTable Routes { get; init; }

    public required PriceTable Prices { get; init; }

    /// <summary>
    /// By name. A provider whose settings did not change is the same object in the next revision, so its connections live on.
    /// </summary>
    public required IReadOnlyDictionary<string, Provider> Providers { get; init; }

    /// <summary>The guard policies and who gets which.</summary>
    public required PolicyTable Policies { get; init; }

    /// <summary>The same policies with their texts and tests.</summary>
    public required IReadOnlyList<PolicyFile> PolicyFiles { get; init; }

    public required int MaxBodyBytes { get; init; }

    public required long MaxBodyMemoryBytes { get; init; }

    public required int MaxAnswerBytes { get; init; }

    public required BatchSettings Batches { get; init; }

    public required Uri? PublicUrl { get; init; }

    public required long MaxCachedAnswerBytes { get; init; }

    public required long MaxCachedVectorBytes { get; init; }

    /// <summary>A model name that a first call can use: the first route, or a small model that it serves.</summary>
    public required string DefaultModel { get; init; }

    /// <summary>By <see cref="ProviderCompiler.Fingerprint"/>.</summary>
    internal IReadOnlyDictionary<string, Provider> ByFingerprint { get; init; } = new Dictionary<string, Provider>();

    /// <summary>The table the gateway reads, with the keys, switches, budgets and limits that Governance knows.</summary>
    /// <param name="policies">The guard policies with the installation's key, and with those that governance keeps.</param>
    public GatewayTable ToTable(KeyTable keys, KillSwitches switches, LimitTable limits, PolicyTable policies) => new()
    {
        Revision = Revision,
        Keys = keys,
        Routes = switches.Apply(Routes),
        Switches = switches,
        Prices = Prices,
        Limits = limits,
        Policies = policies,
        MaxBodyBytes = MaxBodyBytes,
        MaxBodyMemoryBytes = MaxBodyMemoryBytes,
        MaxAnswerBytes = MaxAnswerBytes,
        Batches = Batches,
        PublicUrl = PublicUrl,
        MaxCachedAnswerBytes = MaxCachedAnswerBytes,
        MaxCachedVectorBytes = MaxCachedVectorBytes,
    };
}
