namespace Gatehouse.Guardrails;

/// <summary>The family of detectors that made a finding.</summary>
public enum DetectorKind
{
    Pii,
    Secrets,
    Injection,
    Exfiltration,
    Content,
}

/// <summary>Something that a detector saw in a text: where, what, by which rule and how sure. Never holds the text itself.</summary>
/// <param name="Detector">The family of the detector.</param>
/// <param name="Rule">Stable id of the rule that matched, for example <c>pii.card.luhn</c>; a constant, so findings allocate
/// nothing.</param>
/// <param name="Type">What it is, for example <c>CREDIT_CARD</c>; see <see cref="FindingTypes"/>.</param>
/// <param name="Start">Offset in UTF-16 units from the start of the text given to the detector.</param>
/// <param name="Length">Length in UTF-16 units; never splits a surrogate pair.</param>
/// <param name="Score">Confidence from 0 to 1.</param>
public readonly record struct Finding(DetectorKind Detector, string Rule, string Type, int Start, int Length, float Score)
{
    /// <summary>Offset just past the finding, in UTF-16 units.</summary>
    public int End => Start + Length;

    public bool Overlaps(in Finding other) => Start < other.End && other.Start < End;
}
