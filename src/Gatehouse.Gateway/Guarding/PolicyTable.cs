using System.Collections.Frozen;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Reviews;
using Gatehouse.Gateway.Routing;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding;

/// <summary>The guard policies of one configuration revision, and which of them a call gets. Immutable.</summary>
public sealed class PolicyTable
{
    /// <summary>The name that stands for no policy at all.</summary>
    public const string None = "none";

    public static readonly PolicyTable Empty = new([], None, new Dictionary<DataClassification, string>(), [], default);

    private readonly FrozenDictionary<string, GuardPolicy> _byName;
    private readonly FrozenDictionary<DataClassification, string> _byClassification;
    private readonly FrozenDictionary<Guid, GuardException[]> _bySystem;
    private readonly ReadOnlyMemory<byte> _key;

    /// <param name="policies">Every policy, by its name.</param>
    /// <param name="standard">What a system gets that nothing else is said about.</param>
    /// <param name="byClassification">What systems get by how sensitive their data is, unless somebody chose for them.</param>
    /// <param name="exceptions">Accepted gaps. One that is not yet known to be of a system covers nobody.</param>
    /// <param name="key">Key of hashes and made-up values, of the installation.</param>
    public PolicyTable(
        IEnumerable<GuardPolicy> policies,
        string standard,
        IReadOnlyDictionary<DataClassification, string> byClassification,
        IReadOnlyList<GuardException> exceptions,
        ReadOnlyMemory<byte> key)
    {
        _byName = policies.ToFrozenDictionary(p => p.Name, StringComparer.Ordinal);
        _byClassification = byClassification.ToFrozenDictionary();
        _bySystem = exceptions.Where(e => e.SystemId is not null).GroupBy(e => e.SystemId!.Value)
            .ToFrozenDictionary(g => g.Key, g => g.ToArray());
        _key = key;
        Standard = standard;
        Exceptions = exceptions;
    }

    /// <summary>What a system gets that nothing else is said about.</summary>
    public string Standard { get; }

    public IReadOnlyList<GuardException> Exceptions { get; }

    /// <summary>How many calls may wait for a person.</summary>
    public ReviewLimits Reviews { get; init; } = ReviewLimits.Default;

    public IReadOnlyDictionary<DataClassification, string> ByClassification => _byClassification;

    public IEnumerable<GuardPolicy> Policies => _byName.Values;

    public GuardPolicy? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The same policies with the installation's key.</summary>
    public PolicyTable WithKey(ReadOnlyMemory<byte> key) => WithKey(key, [], Exceptions);

    /// <summary>The same policies with the installation's key, and what governance keeps beside the files.</summary>
    /// <param name="kept">One whose name the configuration has is left out: files are the source where there are files.</param>
    /// <param name="exceptions">In place of the table's own: those of the configuration, now that their systems are known, and granted
    /// ones.</param>
    public PolicyTable WithKey(ReadOnlyMemory<byte> key, IEnumerable<GuardPolicy> kept, IReadOnlyList<GuardException> exceptions) => new(
        [.. _byName.Values, .. kept.Where(p => !_byName.ContainsKey(p.Name))], Standard, _byClassification, exceptions, key)
    {
        Reviews = Reviews,
    };

    /// <summary>Makes the policies of these systems ready for their first call.</summary>
    public void Warm(IEnumerable<Principal> principals)
    {
        foreach (var name in principals.Select(NameFor).Distinct())
        {
            Find(name)?.Warm();
        }
    }

    /// <summary>The name of the policy that applies to a system in an environment.</summary>
    public string NameFor(Principal principal) =>
        principal.GuardPolicy
        ?? (principal.DataClassification is { } data && _byClassification.TryGetValue(data, out var name) ? name : Standard);

    /// <summary>Begins to guard a call.</summary>
    /// <param name="session"><see langword="null"/> when nothing guards it.</param>
    /// <returns>Why the call must be refused: its policy is not there.</returns>
    internal Problem? Begin(Principal principal, TimeProvider clock, out GuardSession? session)
    {
        session = null;
        var name = NameFor(principal);
        if (name == None)
        {
            return null;
        }

        if (!_byName.TryGetValue(name, out var policy))
        {
            return new Problem("guard_policy_unknown", 503,
                $"The guard policy '{name}' of the system '{principal.System}' is not in the configuration: calls are refused until it is, or another is set.");
        }

        session = new GuardSession(policy, _key, ExceptionsOf(principal.SystemId), clock);
        return null;
    }

    /// <summary>The accepted gaps of a system, of the configuration and of governance.</summary>
    public IReadOnlyList<GuardException> ExceptionsOf(Guid systemId) => _bySystem.GetValueOrDefault(systemId) ?? [];
}
