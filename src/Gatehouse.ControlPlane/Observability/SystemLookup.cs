using Gatehouse.Contracts;

namespace Gatehouse.Observability;

/// <summary>What this module asks Governance: names for lists, and how long a system's traces live. Safe from any thread.</summary>
/// <param name="NameOf">The system's name, or <see langword="null"/> when it is unknown.</param>
/// <param name="PolicyOf">The policy in force, or <see langword="null"/> when the system is unknown.</param>
public sealed record SystemLookup(Func<Guid, string?> NameOf, Func<Guid, SystemEnvironment, EnvironmentPolicy?> PolicyOf)
{
    /// <summary>Where no policy is known any more (the system is gone), traces live this long.</summary>
    private const int DefaultRetentionDays = 30;

    public int RetentionDays(Guid system, SystemEnvironment environment) =>
        PolicyOf(system, environment)?.RetentionDays ?? DefaultRetentionDays;
}
