using Gatehouse.Guardrails.Pii.Names;

namespace Gatehouse.Guardrails.Training;

/// <summary>A text with the spans that the name tagger should find.</summary>
/// <param name="Text">The text.</param>
/// <param name="Spans">What to find, in order; the type is that of a <see cref="Tag"/>, or none for what another scanner finds.</param>
internal sealed record TrainingText(string Text, IReadOnlyList<TrainingSpan> Spans)
{
    /// <summary>Only spans of these types are marked in the source; a word that it does not mark may still be of another type.</summary>
    public bool IsPartial { get; init; }
}

/// <param name="Start">In UTF-16 units.</param>
/// <param name="End">Just past it.</param>
/// <param name="Type">Type of the finding, or <see langword="null"/> for a value that another scanner masks.</param>
/// <param name="IsUnknown">Train as if the word lists did not know these words: they will not know most names either.</param>
internal readonly record struct TrainingSpan(int Start, int End, string? Type, bool IsUnknown);
