namespace Gatehouse.Guardrails.Pii;

/// <summary>What the PII detector looks for.</summary>
public sealed record PiiOptions
{
    /// <summary>Types to report; empty means all. A detector for one type reports all that has its form, whatever else it may be.</summary>
    public IReadOnlyList<string> Types { get; init; } = [];

    /// <summary>Findings below are dropped, from 0 to 1. Default 0.5: what needs a context word is reported only with one.</summary>
    public float MinScore { get; init; } = .5f;

    /// <summary>Values that are never reported, in any case: the organisation's own name, its public telephone number.</summary>
    public IReadOnlyList<string> Allow { get; init; } = [];

    /// <summary>Values that are always reported as type <c>DENIED</c>, in any case, as whole words.</summary>
    public IReadOnlyList<string> Deny { get; init; } = [];

    public IReadOnlyList<CustomRecogniser> Custom { get; init; } = [];

    /// <summary>Find names, places, organisations and addresses in free text with the tagger. Default true.</summary>
    public bool Names { get; init; } = true;
}
