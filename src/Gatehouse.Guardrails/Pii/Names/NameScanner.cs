using System.Buffers;
using System.Runtime.CompilerServices;

namespace Gatehouse.Guardrails.Pii.Names;

/// <summary>
/// Finds people, places, addresses, organisations and job titles with the tagger, and nationalities, honorifics, ages and postal codes by
/// rule.
/// </summary>
internal sealed class NameScanner(float minScore, NameModel model)
{
    private const int WindowTokens = 2048;
    private const int MaxRepeated = 32;
    private const float RepeatedScore = .6f;

    /// <summary>Subtracted from "no name": a missed name costs more than a flagged word.</summary>
    private const float Bias = .8f;

    /// <summary>Turns a margin into a score: one half at zero.</summary>
    private const float Steepness = .25f;

    private readonly NameTagger _tagger = new(Gazetteer.Shared, model);

    public static IReadOnlyList<string> Types { get; } =
        [PiiTypes.Person, PiiTypes.Location, PiiTypes.Address, PiiTypes.Organization, PiiTypes.Title, PiiTypes.Group, PiiTypes.Age,
            PiiTypes.ZipCode];

    /// <param name="text">The whole text.</param>
    /// <param name="findings">Findings of the other scanners from <paramref name="first"/> on are sorted and do not overlap; names give way
    /// to them.</param>
    /// <param name="first">Where this text's findings start.</param>
    [SkipLocalsInit]
    public void Find(ReadOnlySpan<char> text, FindingList findings, int first)
    {
        var tokens = ArrayPool<Token>.Shared.Rent(WindowTokens);
        Span<ushort> places = stackalloc ushort[Math.Min(text.Length, WindowTokens) + 1]; // a token has a character at least
        try
        {
            var others = findings.Count;
            var position = 0;
            while (position < text.Length)
            {
                var count = Tokenizer.Split(text, ref position, tokens.AsSpan(0, WindowTokens));
                var window = tokens.AsSpan(0, count);
                Mask(window, findings.Items[first..others]);
                var telling = places[.._tagger.Prepare(text, window, places)];
                NameRules.Find(text, window, telling, minScore, findings);
                if (_tagger.Run(text, window, telling, Bias))
                {
                    Collect(text, window, findings);
                    Repeat(window, findings);
                }
            }

            if (findings.Count > others)
            {
                findings.ResolveOverlaps(first);
            }
        }
        finally
        {
            ArrayPool<Token>.Shared.Return(tokens);
        }
    }

    /// <summary>Words inside a finding of another scanner are not part of a name.</summary>
    public static void Mask(Span<Token> tokens, ReadOnlySpan<Finding> findings)
    {
        var f = 0;
        foreach (ref var token in tokens)
        {
            while (f < findings.Length && findings[f].End <= token.Start)
            {
                f++;
            }

            if (f == findings.Length)
            {
                return;
            }

            token.IsMasked = findings[f].Start < token.End;
        }
    }

    private void Collect(ReadOnlySpan<char> text, ReadOnlySpan<Token> tokens, FindingList findings)
    {
        for (var i = 0; i < tokens.Length; i++)
        {
            if (tokens[i].Tag == Tag.None)
            {
                continue;
            }

            var start = i;
            var margin = (float)tokens[i].Margin;
            while (i + 1 < tokens.Length && tokens[i + 1].Tag != Tag.None && !Tags.IsStart(tokens[i + 1].Tag))
            {
                margin += tokens[++i].Margin;
            }

            var last = i;
            while (last > start && tokens[last].Shape == Shape.Mark
                && !(text[tokens[last].Start] == '.' && IsAbbreviation(text, tokens[last - 1])))
            {
                last--;
            }

            var score = 1 / (1 + MathF.Exp(-Steepness * margin / (last - start + 1) / model.Scale));
            if (score >= minScore && tokens[start].Shape != Shape.Mark && !IsLoneNumber(tokens, start, last)
                && !NameBounds.IsHeading(text, tokens, start, last))
            {
                var tag = IsFullName(tokens[start..(last + 1)]) ? Tag.PersonStart : tokens[start].Tag;
                if (NameBounds.IsNumberBefore(text, tokens, start))
                {
                    findings.Add(
                        new(DetectorKind.Pii, Tags.RuleOf(tag), Tags.TypeOf(tag), tokens[start - 1].Start,
                            tokens[start - 1].End - tokens[start - 1].Start, Math.Min(score, .95f)));
                }

                var from = tokens[NameBounds.Start(text, tokens, start)].Start;
                findings.Add(
                    new(DetectorKind.Pii, Tags.RuleOf(tag), Tags.TypeOf(tag), from, tokens[last].End - from, Math.Min(score, .95f)));
            }
        }
    }

    /// <summary>Tagged as a place, but a first name that is no place and a last name.</summary>
    private static bool IsFullName(ReadOnlySpan<Token> span) =>
        span is [{ Tag: Tag.LocationStart } first, .., var last]
        && (first.Flags & (WordFlags.First | WordFlags.City | WordFlags.Country)) == WordFlags.First
        && (last.Flags & (WordFlags.Last | WordFlags.Country)) == WordFlags.Last;

    /// <summary>A number that is tagged as an address by itself, with nothing tagged on either side.</summary>
    private static bool IsLoneNumber(ReadOnlySpan<Token> tokens, int start, int last)
    {
        for (var i = start; i <= last; i++)
        {
            if (tokens[i].Shape is not (Shape.Number or Shape.Mark))
            {
                return false;
            }
        }

        var isAfter = start > 0 && tokens[start - 1].Tag != Tag.None && tokens[start - 1].Shape is not (Shape.Number or Shape.Mark);
        var isBefore = last + 1 < tokens.Length && tokens[last + 1].Tag != Tag.None
            && tokens[last + 1].Shape is not (Shape.Number or Shape.Mark);
        return !isAfter && !isBefore && !tokens[start].IsLineStart;
    }

    /// <summary>A person who was found in full is found again by one of the names alone.</summary>
    private void Repeat(ReadOnlySpan<Token> tokens, FindingList findings)
    {
        Span<uint> names = stackalloc uint[MaxRepeated];
        var count = 0;
        foreach (ref readonly var token in tokens)
        {
            if (token.Tag is Tag.PersonStart or Tag.PersonMore && token.Shape is Shape.Capital or Shape.Mixed && token.End - token.Start > 2
                && (token.Flags & WordFlags.Common) == 0 && count < MaxRepeated)
            {
                names[count++] = token.Hash;
            }
        }

        if (count == 0 || minScore > RepeatedScore)
        {
            return;
        }

        foreach (ref readonly var token in tokens)
        {
            if (token.Tag == Tag.None && !token.IsMasked && token.Shape is Shape.Capital or Shape.Mixed
                && names[..count].Contains(token.Hash))
            {
                findings.Add(
                    new(DetectorKind.Pii, "pii.name.repeated", PiiTypes.Person, token.Start, token.End - token.Start, RepeatedScore));
            }
        }
    }

    /// <summary>Inc., Ltd., Jr., an initial: the dot belongs to it.</summary>
    private static bool IsAbbreviation(ReadOnlySpan<char> text, in Token token) =>
        token.Shape == Shape.Initial
            || text[token.Start..token.End] is "Inc" or "Ltd" or "Co" or "Corp" or "Jr" or "Sr" or "St" or "Str" or "inc" or "ltd";
}
