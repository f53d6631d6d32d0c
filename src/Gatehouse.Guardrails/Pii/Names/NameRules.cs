namespace Gatehouse.Guardrails.Pii.Names;

/// <summary>Short closed lists around words: honorifics, nationalities and beliefs, ages, postal codes by name.</summary>
internal static class NameRules
{
    private static readonly ContextWords ZipWords = new("zip", "postal code", "postcode", "post code", "plz", "zipcode");

    /// <param name="telling">The places of the words to look at.</param>
    public static void Find(ReadOnlySpan<char> text, Span<Token> tokens, ReadOnlySpan<ushort> telling, float minScore, FindingList findings)
    {
        foreach (var i in telling)
        {
            ref var token = ref tokens[i];
            if (token.IsMasked)
            {
                continue;
            }

            if (token.Shape == Shape.Number)
            {
                FindNumber(text, tokens, i, minScore, findings);
            }
            else if ((token.Flags & WordFlags.Honorific) != 0)
            {
                FindHonorific(text, tokens, i, minScore, findings);
            }
            else if (token.End - token.Start > 3
                && (token.Shape is Shape.Capital or Shape.Upper || (token.Shape == Shape.Lower && (token.Flags & WordFlags.Common) == 0)))
            {
                FindGroup(text, token, minScore, findings);
            }
        }
    }

    private static void FindHonorific(ReadOnlySpan<char> text, Span<Token> tokens, int at, float minScore, FindingList findings)
    {
        var hasDot = at + 1 < tokens.Length && tokens[at + 1].Start == tokens[at].End && text[tokens[at].End] == '.';
        var next = at + (hasDot ? 2 : 1);
        var isBeforeName = next < tokens.Length && !tokens[next].IsLineStart
            && (tokens[next].Shape is Shape.Capital or Shape.Mixed or Shape.Initial or Shape.Upper
                || (hasDot && tokens[at].Shape == Shape.Lower && tokens[next].Shape == Shape.Lower));
        var isWritten = tokens[at].Shape == Shape.Capital || (hasDot && tokens[at].Shape == Shape.Lower);
        if (!isBeforeName || !isWritten || minScore > .8f)
        {
            return;
        }

        tokens[at].IsMasked = true;
        if (hasDot)
        {
            tokens[at + 1].IsMasked = true;
        }

        findings.Add(
            new(DetectorKind.Pii, "pii.title.honorific", PiiTypes.Title, tokens[at].Start,
                tokens[hasDot ? at + 1 : at].End - tokens[at].Start, .8f));
    }

    private static void FindGroup(ReadOnlySpan<char> text, in Token token, float minScore, FindingList findings)
    {
        var word = text[token.Start..token.End];
        var isGroup = (token.Flags & WordFlags.Group) != 0
            || (word[^1] is 's' or 'S' && ((Gazetteer.Shared[Tokenizer.HashOf(word[..^1])] & WordFlags.Group) != 0
                || (word.Length > 6 && word.EndsWith("es", StringComparison.OrdinalIgnoreCase)
                    && (Gazetteer.Shared[Tokenizer.HashOf(word[..^2])] & WordFlags.Group) != 0)));
        if (!isGroup || minScore > .7f
            || (token.Shape == Shape.Lower
                && ((token.Flags & WordFlags.Common) != 0 || word is "poles" or "polish" or "turkey" or "thais")))
        {
            return;
        }

        findings.Add(new(DetectorKind.Pii, "pii.group", PiiTypes.Group, token.Start, token.End - token.Start, .7f));
    }

    private static void FindNumber(ReadOnlySpan<char> text, Span<Token> tokens, int at, float minScore, FindingList findings)
    {
        ref var token = ref tokens[at];
        var length = token.End - token.Start;
        if (length is 2 or 3 && IsAge(text, tokens, at))
        {
            token.IsMasked = true;
            if (minScore <= .75f)
            {
                findings.Add(new(DetectorKind.Pii, "pii.age", PiiTypes.Age, token.Start, length, .75f));
            }
        }
        else if (length is >= 3 and <= 6 && minScore <= .7f && Context.HasBefore(text, token.Start, ZipWords)
            && text[Math.Max(0, token.Start - 20)..token.Start].IndexOf('\n') < 0)
        {
            var last = at;
            if (at + 1 < tokens.Length && tokens[at + 1].Shape is Shape.Number or Shape.Upper && tokens[at + 1].Start == token.End + 1
                && tokens[at + 1].End - tokens[at + 1].Start <= 3)
            {
                last = at + 1;
            }
            else if (at + 2 < tokens.Length && text[tokens[at + 1].Start] == '-' && tokens[at + 2].Shape == Shape.Number
                && tokens[at + 2].Start == token.End + 1)
            {
                last = at + 2;
            }

            for (var i = at; i <= last; i++)
            {
                tokens[i].IsMasked = true;
            }

            findings.Add(new(DetectorKind.Pii, "pii.zip", PiiTypes.ZipCode, token.Start, tokens[last].End - token.Start, .7f));
        }
    }

    private static bool IsAge(ReadOnlySpan<char> text, ReadOnlySpan<Token> tokens, int at)
    {
        if (Identifiers.Checksums.Number(text[tokens[at].Start..tokens[at].End]) > 119)
        {
            return false;
        }

        var before = text[Math.Max(0, tokens[at].Start - 14)..tokens[at].Start].TrimEnd(" :");
        if (EndsWithAny(before, "age of", "aged", " age", "turned", "turning", "age is", "turns")
            || before.Equals("age", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        var after = text[tokens[at].End..Math.Min(text.Length, tokens[at].End + 14)];
        return StartsWithAny(after, " years old", "-year-old", " year old", " yo ", " y/o", " years of age", "-years-old");
    }

    private static bool EndsWithAny(ReadOnlySpan<char> text, params ReadOnlySpan<string> ends)
    {
        foreach (var end in ends)
        {
            if (text.EndsWith(end, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool StartsWithAny(ReadOnlySpan<char> text, params ReadOnlySpan<string> starts)
    {
        foreach (var start in starts)
        {
            if (text.StartsWith(start, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}
