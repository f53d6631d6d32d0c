namespace Gatehouse.Guardrails.Pii.Names;

/// <summary>Where names end and begin whatever the weights say: at a sentence's end, before plain words, with their particles.</summary>
internal static class NameBounds
{
    private static readonly uint[] Particles = Hashes("van von de del della di da dos du la le ten ter el al bin ibn af av");

    // Words that go on after a particle: van der, von den, de las.
    private static readonly uint[] Articles = Hashes("der den las los la le");

    // Not words of another meaning in languages that put them before names: "de Ana" is of Ana, "von Otto" from Otto.
    private static readonly uint[] Leading = Hashes("van ten ter bin ibn");

    private static readonly uint[] Connectors = Hashes("of and for the in at on de des du la le und et y & + to with by");

    private static readonly uint Former = Tokenizer.HashOf("ex");

    private static readonly uint And = Tokenizer.HashOf("and");

    private static readonly uint[] Abbreviations = Hashes("inc ltd co corp jr sr st str bros mr mrs ms dr prof messrs gov sen rep gen capt");

    /// <summary>The tag of a word, given the tags of those before.</summary>
    public static Tag Correct(ReadOnlySpan<char> text, ReadOnlySpan<Token> tokens, int at, Tag tag)
    {
        if (at == 0)
        {
            return tag;
        }

        if (tag == Tag.None && IsAfterHonorific(tokens, at))
        {
            return Tag.PersonStart;
        }

        ref readonly var token = ref tokens[at];
        ref readonly var before = ref tokens[at - 1];
        if (token.Shape == Shape.Mark)
        {
            return tag is Tag.PersonMore or Tag.OrganizationMore or Tag.LocationMore && EndsSentence(text, token, before) ? Tag.None : tag;
        }

        if (before.Tag is Tag.PersonStart or Tag.PersonMore && before.Shape != Shape.Mark && !token.IsLineStart)
        {
            if (token.Shape == Shape.Lower && (IsParticle(token) || (IsParticle(before) && Articles.Contains(token.Hash)))
                && HasNameAfter(tokens, at))
            {
                return Tag.PersonMore;
            }

            if (before.Shape == Shape.Lower && (IsParticle(before) || Articles.Contains(before.Hash))
                && token.Shape is Shape.Capital or Shape.Mixed)
            {
                return Tag.PersonMore;
            }
        }

        // ex-Beatle, ex-Soviet: what somebody was once.
        if (tag == Tag.PersonStart && at > 1 && text[before.Start] == '-' && tokens[at - 2].Hash == Former && at + 1 < tokens.Length
            && tokens[at + 1].Shape is Shape.Capital or Shape.Mixed)
        {
            return Tag.None;
        }

        // In lower case, a plain word of the language is no name; "will" and "rose" have more flags than that.
        var isPlain = token.Shape == Shape.Lower && token.Flags == WordFlags.Common;
        return (tag == Tag.PersonMore && isPlain && !IsParticle(token) && !Articles.Contains(token.Hash))
            || (tag == Tag.OrganizationMore && isPlain && before.Shape is Shape.Capital or Shape.Mixed or Shape.Upper or Shape.Number
                && !Connectors.Contains(token.Hash))
            || (tag == Tag.AddressMore && token.Hash == And && text[before.Start] == ',')
            ? Tag.None : tag;
    }

    /// <summary>
    /// Where a span begins that starts at <paramref name="start"/>: a particle before a person's name and the words for a corner belong to
    /// it.
    /// </summary>
    public static int Start(ReadOnlySpan<char> text, ReadOnlySpan<Token> tokens, int start)
    {
        switch (tokens[start].Tag)
        {
            case Tag.PersonStart when tokens[start].Shape == Shape.Capital:
                return start > 0 && IsFree(text, tokens, start - 1) && tokens[start - 1].Shape == Shape.Lower
                    && Leading.Contains(tokens[start - 1].Hash) ? start - 1 : start;
            case Tag.AddressStart:
                var isCorner = start > 2 && IsFree(text, tokens, start - 1) && IsFree(text, tokens, start - 2)
                    && IsFree(text, tokens, start - 3)
                    && text[tokens[start - 3].Start..tokens[start - 1].End].Equals("the corner of", StringComparison.OrdinalIgnoreCase);
                return isCorner ? start - 3 : start;
            default:
                return start;
        }
    }

    /// <summary>
    /// A number right before an address is part of it: of a building, a box, or the postal code that some countries put first. Tagged as an
    /// address by itself, it was dropped as a lone number.
    /// </summary>
    public static bool IsNumberBefore(ReadOnlySpan<char> text, ReadOnlySpan<Token> tokens, int start) =>
        start > 0 && tokens[start].Tag == Tag.AddressStart && tokens[start - 1].Shape == Shape.Number && IsBeside(text, tokens, start - 1)
            && (tokens[start - 1].Tag == Tag.None
                || (tokens[start].Shape == Shape.Number && (start == 1 || tokens[start - 2].Tag == Tag.None)));

    /// <summary>A line of plain words with a colon at its end is a heading.</summary>
    public static bool IsHeading(ReadOnlySpan<char> text, ReadOnlySpan<Token> tokens, int start, int last)
    {
        if (!tokens[start].IsLineStart || last + 1 >= tokens.Length || text[tokens[last + 1].Start] != ':'
            || (last + 2 < tokens.Length && !tokens[last + 2].IsLineStart))
        {
            return false;
        }

        foreach (ref readonly var token in tokens[start..(last + 1)])
        {
            if ((token.Flags & WordFlags.Common) == 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Not part of anything else, and one blank before the next word.</summary>
    private static bool IsFree(ReadOnlySpan<char> text, ReadOnlySpan<Token> tokens, int at) =>
        tokens[at].Tag == Tag.None && IsBeside(text, tokens, at);

    private static bool IsBeside(ReadOnlySpan<char> text, ReadOnlySpan<Token> tokens, int at) =>
        !tokens[at].IsMasked && tokens[at + 1].Start == tokens[at].End + 1 && text[tokens[at].End] == ' ';

    /// <summary>A stop after a word that is no abbreviation.</summary>
    private static bool EndsSentence(ReadOnlySpan<char> text, in Token mark, in Token before) =>
        text[mark.Start] is '.' or '!' or '?' && (mark.End == text.Length || char.IsWhiteSpace(text[mark.End]))
            && before.End - before.Start > 2 && !Abbreviations.Contains(before.Hash);

    private static bool HasNameAfter(ReadOnlySpan<Token> tokens, int at)
    {
        for (var i = at + 1; i < Math.Min(tokens.Length, at + 3); i++)
        {
            if (tokens[i].IsMasked || tokens[i].IsLineStart || tokens[i].Shape is not (Shape.Capital or Shape.Mixed or Shape.Lower))
            {
                return false;
            }

            if (tokens[i].Shape != Shape.Lower)
            {
                return true;
            }

            if (!IsParticle(tokens[i]))
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>dr. hurst: without a capital, the honorific and its stop say that it is a name.</summary>
    public static bool IsAfterHonorific(ReadOnlySpan<Token> tokens, int at) =>
        at > 1 && tokens[at].Shape == Shape.Lower && tokens[at].Flags != WordFlags.Common && tokens[at - 1].IsMasked
            && tokens[at - 1].Shape == Shape.Mark && tokens[at - 2].Shape == Shape.Lower
            && (tokens[at - 2].Flags & WordFlags.Honorific) != 0;

    private static bool IsParticle(in Token token) => Particles.Contains(token.Hash);

    private static uint[] Hashes(string words) => [.. words.Split(' ').Select(w => Tokenizer.HashOf(w))];
}
