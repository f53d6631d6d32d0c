using Gatehouse.Contracts;

namespace Gatehouse.Guards;

/// <summary>A guarded call with what was found in it.</summary>
/// <param name="Findings">As they were recorded: type, place and score, never the text.</param>
/// <param name="Texts">The texts with findings, where they are stored and the reader may see them.</param>
/// <param name="State">Why there are no texts: <c>stored</c> (there are), <c>not_stored</c>, <c>not_allowed</c>, <c>expired</c> or
/// <c>unreadable</c>.</param>
/// <param name="IsNewPolicy">The marks are of the policy as it is now, which is another revision than the one that judged the call.</param>
public sealed record GuardSample(
    CallSummary Call, string Policy, IReadOnlyList<GuardFinding> Findings, IReadOnlyList<SampleText> Texts, string State, bool IsNewPolicy);

/// <summary>A piece of a text with its findings.</summary>
/// <param name="Index">Which text of the call, from 0.</param>
/// <param name="Start">Where the piece begins in its text, in UTF-16 units.</param>
/// <param name="Marks">In the order of the piece; places are of the piece.</param>
public sealed record SampleText(int Index, string Side, int Start, string Text, bool IsCut, IReadOnlyList<SampleMark> Marks)
{
    /// <summary>A text is not to stand in a log.</summary>
    public override string ToString() => $"{Side} {Index}";
}

/// <summary>A finding in a piece of text.</summary>
/// <param name="At">Where it begins in the whole text, in UTF-16 units.</param>
public sealed record SampleMark(
    int Start, int End, int At, string Detector, string Type, string Rule, string Action, bool Shadow, bool Excepted, double Score);
