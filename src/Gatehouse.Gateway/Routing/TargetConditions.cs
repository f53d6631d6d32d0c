namespace Gatehouse.Gateway.Routing;

/// <summary>What a request may need of a model.</summary>
[Flags]
public enum ModelFeatures
{
    None = 0,
    Images = 1,
    Audio = 2,
    Files = 4,
    Tools = 8,

    /// <summary>An answer that follows a JSON Schema.</summary>
    Schema = 16,
    Reasoning = 32,
}

/// <summary>Which calls a target takes. Every condition must hold.</summary>
public sealed record TargetConditions
{
    /// <summary>A call that needs any of these passes the target by.</summary>
    public ModelFeatures Lacks { get; init; }

    /// <summary>In bytes of the request's body.</summary>
    public long MinRequestBytes { get; init; }

    public long MaxRequestBytes { get; init; } = long.MaxValue;

    /// <summary>Each name must be in the call's metadata, with one of the values.</summary>
    public IReadOnlyList<MetadataCondition> Metadata { get; init; } = [];

    /// <summary>
    /// The share of users that this target serves first, and nobody else at all; 0 for a target that is no canary. A user stays on the
    /// side that they are on; calls without a user are drawn one by one.
    /// </summary>
    public double Canary { get; init; }
}

/// <summary>A name in the call's metadata and the values that will do.</summary>
public sealed record MetadataCondition(string Name, IReadOnlyList<string> Values);
