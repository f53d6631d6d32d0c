namespace Gatehouse.Contracts;

/// <summary>Where a system runs; a key belongs to one.</summary>
public enum SystemEnvironment
{
    Development,
    Staging,
    Production,
}

/// <summary>Where a system is in its life. Calls of a retired system are refused.</summary>
public enum SystemStage
{
    Proposed,
    Building,
    Live,
    Retired,
}

/// <summary>A tenant: owns systems, keys, budgets and knowledge.</summary>
/// <param name="Name">Lower-case name, unique in the installation: letters, digits and hyphens.</param>
public sealed record Team(Guid Id, string Name, DateTimeOffset CreatedAt);

/// <summary>An AI system in the inventory: the unit of governance.</summary>
/// <param name="Name">Lower-case name, unique in its team.</param>
/// <param name="Owner">The person who answers for it: a name or an e-mail address.</param>
public sealed record AiSystem(
    Guid Id,
    Guid TeamId,
    string Team,
    string Name,
    string Purpose,
    string Owner,
    SystemStage Stage,
    IReadOnlyList<EnvironmentPolicy> Environments,
    DateTimeOffset CreatedAt)
{
    /// <summary>
    /// Where its data must stay: calls go only to providers whose region is this or within it; <see langword="null"/>: anywhere.
    /// </summary>
    public string? Residency { get; init; }

    /// <summary>
    /// How sensitive its data is: calls go only to providers that may receive it; <see langword="null"/>: nobody has said.
    /// </summary>
    public DataClassification? DataClassification { get; init; }
}

/// <summary>What applies to a system in one environment.</summary>
/// <param name="StoreContent">Whether prompt and answer text is kept with the trace. Off unless someone turns it on.</param>
/// <param name="RetentionDays">How long traces (and their text) are kept, in days; the ledger is kept for good.</param>
public sealed record EnvironmentPolicy(SystemEnvironment Environment, bool StoreContent, int RetentionDays)
{
    /// <summary>
    /// The guard policy that was chosen, or <c>none</c>; <see langword="null"/>: nobody has chosen, and the configuration's default
    /// applies.
    /// </summary>
    public string? GuardPolicy { get; init; }
}

/// <summary>A key without its secret.</summary>
/// <param name="Prefix">The visible beginning of the key, enough to recognise it and too little to use it.</param>
public sealed record ApiKey(
    Guid Id,
    Guid SystemId,
    string System,
    SystemEnvironment Environment,
    string Name,
    string Prefix,
    string CreatedBy,
    DateTimeOffset CreatedAt,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? RevokedAt);

/// <summary>A key just made, with the secret that is shown this once.</summary>
public sealed record CreatedKey(ApiKey Key, string Secret);
