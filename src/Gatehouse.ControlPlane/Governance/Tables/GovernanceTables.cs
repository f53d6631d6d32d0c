using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Governance;

/// <summary>
/// What this module publishes, as one revision: the keys of the gateway, names and policies for lists, and who may sign in.
/// </summary>
public sealed class GovernanceTables
{
    public static readonly GovernanceTables Empty = new()
    {
        Revision = 0,
        Keys = new Dictionary<KeyHash, Principal>(),
        Teams = new Dictionary<Guid, string>(),
        Systems = new Dictionary<Guid, AiSystem>(),
    };

    /// <summary>Grows with every change, on every node alike.</summary>
    public required long Revision { get; init; }

    /// <summary>Every key, revoked and expired ones included so that their refusal can say why.</summary>
    public required IReadOnlyDictionary<KeyHash, Principal> Keys { get; init; }

    /// <summary>Names by id.</summary>
    public required IReadOnlyDictionary<Guid, string> Teams { get; init; }

    public required IReadOnlyDictionary<Guid, AiSystem> Systems { get; init; }

    /// <summary>Providers, models and routes that are switched off.</summary>
    public KillSwitches KillSwitches { get; init; } = KillSwitches.None;

    /// <summary>Budgets and limits as the gateway holds calls to them.</summary>
    public IReadOnlyList<LimitRule> Limits { get; init; } = [];

    /// <summary>Circuit breakers of systems that ever opened.</summary>
    public IReadOnlyList<SharedBreaker> Breakers { get; init; } = [];

    /// <summary>Values of stored secrets by name, for the configuration; never shown.</summary>
    public IReadOnlyDictionary<string, string> StoredSecrets { get; init; } = new Dictionary<string, string>();

    /// <summary>The guard policies in force that are kept in the database.</summary>
    public IReadOnlyList<PolicyRevision> GuardPolicies { get; init; } = [];

    /// <summary>Exceptions from guard policies that were approved and are not over.</summary>
    public IReadOnlyList<PolicyException> Exceptions { get; init; } = [];

    internal IReadOnlyDictionary<Guid, KnownPerson> People { get; init; } = new Dictionary<Guid, KnownPerson>();

    internal IReadOnlyDictionary<KeyHash, KnownToken> Tokens { get; init; } = new Dictionary<KeyHash, KnownToken>();

    /// <returns>The policy in force, or <see langword="null"/> when the system is unknown.</returns>
    public EnvironmentPolicy? PolicyOf(Guid systemId, SystemEnvironment environment)
    {
        if (Systems.TryGetValue(systemId, out var system))
        {
            foreach (var policy in system.Environments)
            {
                if (policy.Environment == environment)
                {
                    return policy;
                }
            }
        }

        return null;
    }
}

/// <summary>A person and the stamp that their sessions must carry.</summary>
internal sealed record KnownPerson(Person Person, string Stamp);

/// <summary>Whose token it is.</summary>
internal sealed record KnownToken(Guid PersonId, DateTimeOffset? ExpiresAt);
