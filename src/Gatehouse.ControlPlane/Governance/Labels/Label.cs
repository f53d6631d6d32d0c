namespace Gatehouse.Governance;

/// <summary>What a person says about a guard's finding.</summary>
public enum LabelVerdict
{
    /// <summary>It is what the guard said.</summary>
    Right,

    /// <summary>It is none: the guard was wrong.</summary>
    FalsePositive,

    /// <summary>It is one, and the guard did not see it.</summary>
    Missed,
}

/// <summary>Where somebody judged a text.</summary>
public enum LabelSource
{
    /// <summary>The review queue.</summary>
    Review,

    /// <summary>A call among the guards' samples.</summary>
    Sample,

    /// <summary>The playground.</summary>
    Playground,
}

/// <summary>A place in a text, in UTF-16 units.</summary>
/// <param name="End">Just past it.</param>
public sealed record LabelSpan(int Start, int End, string Type);

/// <summary>A text to be labelled.</summary>
/// <param name="Detector">The detector that it is about, such as <c>pii</c>.</param>
/// <param name="Type">What the guard found or missed, such as <c>EMAIL_ADDRESS</c>.</param>
/// <param name="Side"><c>input</c>, <c>output</c>, <c>tool_call</c>, <c>tool_result</c> or <c>retrieved</c>.</param>
/// <param name="Spans">The places that the verdict is about; empty where it is about the text as a whole.</param>
public sealed record NewLabel(
    Guid TeamId, string Detector, string Type, string Side, string Text, IReadOnlyList<LabelSpan> Spans, LabelVerdict Verdict,
    LabelSource Source)
{
    public Guid? SystemId { get; init; }

    public Guid? CallId { get; init; }

    /// <summary>Other places of the same text that are right as far as anybody knows: training must not learn that they are none.</summary>
    public IReadOnlyList<LabelSpan> Others { get; init; } = [];

    /// <summary>Whether the text is kept; if not, the label says what was judged and how, and is no development data.</summary>
    public bool KeepsText { get; init; } = true;
}

/// <summary>A labelled text.</summary>
/// <param name="System">The system's name.</param>
/// <param name="Text"><see langword="null"/> for a reader who may not see stored texts, and where none is stored.</param>
/// <param name="Person">Who judged.</param>
/// <param name="ExpiresAt">When it is deleted.</param>
public sealed record Label(
    Guid Id, Guid TeamId, Guid? SystemId, string? System, Guid? CallId, string Detector, string Type, string Side,
    IReadOnlyList<LabelSpan> Spans, LabelVerdict Verdict, LabelSource Source, string Person, DateTimeOffset At, DateTimeOffset ExpiresAt,
    string? Text)
{
    internal IReadOnlyList<LabelSpan> Others { get; init; } = [];

    /// <summary>A text is not to stand in a log.</summary>
    public override string ToString() => $"{Detector} {Type} {Verdict}";
}

/// <summary>Which labels to read; what is not given does not filter.</summary>
/// <param name="Before">Only labels older than this one.</param>
public sealed record LabelFilter(
    Guid? SystemId = null, string? Detector = null, LabelVerdict? Verdict = null, Guid? Before = null, int Limit = 100);
