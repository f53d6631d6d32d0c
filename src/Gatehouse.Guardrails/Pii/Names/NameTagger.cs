namespace Gatehouse.Guardrails.Pii.Names;

/// <summary>
/// Tags the words of a text from left to right. Only words that may be part of a name are scored: most of a clean text costs a look-up.
/// </summary>
internal sealed class NameTagger(Gazetteer words, NameModel model)
{
    private static readonly uint[] Prose =
        [.. "the i we you he she it they this that please what how why when where who can could is are if my our your his her thanks and but do does let see also".Split(' ').Select(w => Tokenizer.HashOf(w))];

    /// <summary>Looks up what is known of each word.</summary>
    /// <param name="telling">Gets the places of all words that may be part of a name or of a group; most words of most texts are not.</param>
    /// <returns>How many there are.</returns>
    public int Prepare(ReadOnlySpan<char> text, Span<Token> tokens, Span<ushort> telling)
    {
        // Plain words and marks come and go as no branch foresees, so they are passed over without one.
        var others = 0;
        for (var i = 0; i < tokens.Length; i++)
        {
            ref var token = ref tokens[i];
            var plain = (token.Shape == Shape.Lower ? 1 : 0) & words.Plain(token.Hash);
            token.Flags = (WordFlags)(plain * (int)WordFlags.Common);
            telling[others] = (ushort)i;
            others += (token.Shape == Shape.Mark ? 0 : 1) & (plain ^ 1);
        }

        var count = 0;
        for (var k = 0; k < others; k++)
        {
            var i = telling[k];
            ref var token = ref tokens[i];
            token.Flags = words.Of(token);
            telling[count] = i;
            count += token.Shape == Shape.Lower && TellsNothing(text, tokens, i) ? 0 : 1;
        }

        return count;
    }

    /// <summary>
    /// Of a word in lower case: a plain one, or one that no list knows and that is neither the plural of a group nor after an honorific.
    /// </summary>
    private static bool TellsNothing(ReadOnlySpan<char> text, ReadOnlySpan<Token> tokens, int at) =>
        tokens[at].Flags == WordFlags.Common
            || (tokens[at].Flags == WordFlags.None && text[tokens[at].End - 1] != 's'
                && !(at > 1 && tokens[at - 1].Shape == Shape.Mark && (tokens[at - 2].Flags & WordFlags.Honorific) != 0));

    /// <returns>Whether anything was tagged.</returns>
    public bool Run(ReadOnlySpan<char> text, Span<Token> tokens, ReadOnlySpan<ushort> telling, float bias)
    {
        Span<uint> features = stackalloc uint[NameFeatures.Count];
        Span<short> scores = stackalloc short[NameModel.Lanes];
        var handicap = (short)(bias * model.Scale);
        var (any, next) = (false, 0);
        foreach (var at in telling)
        {
            // What follows a tagged word may belong to it, whatever it is.
            for (var i = Math.Max(at, next); i < tokens.Length && (i == at || tokens[i - 1].Tag != Tag.None); i++)
            {
                next = i + 1;
                if (StartsProse(tokens[i]) || !IsCandidate(tokens, i))
                {
                    continue;
                }

                NameFeatures.Of(text, tokens, i, features);
                model.Sum(features, scores);
                scores[0] -= handicap;
                var before = i > 0 ? tokens[i - 1].Tag : Tag.None;
                var best = Best(scores, tokens[i].IsLineStart && before is not (Tag.AddressStart or Tag.AddressMore) ? Tag.None : before);
                var tag = NameBounds.Correct(text, tokens, i, (Tag)best);
                tokens[i].Tag = tag;
                tokens[i].Margin = (short)(tag == Tag.None ? scores[0] : tag == (Tag)best ? scores[best] - scores[0] : 0);
                any |= tag != Tag.None;
            }
        }

        return any;
    }

    /// <summary>A pronoun or the like at the start of a line ends an address that came before: the next line is prose.</summary>
    private static bool StartsProse(in Token token) =>
        token.IsLineStart && token.Shape is Shape.Lower or Shape.Capital or Shape.Initial && Prose.Contains(token.Hash);

    /// <summary>Worth scoring: not a plain word of the language, or right after something that was tagged.</summary>
    public static bool IsCandidate(ReadOnlySpan<Token> tokens, int at)
    {
        ref readonly var token = ref tokens[at];
        if (token.IsMasked)
        {
            return false;
        }

        if ((at > 0 && tokens[at - 1].Tag != Tag.None) || NameBounds.IsAfterHonorific(tokens, at))
        {
            return true;
        }

        const WordFlags Telling = WordFlags.Street | WordFlags.Unit | WordFlags.Job | WordFlags.Country;
        const WordFlags Known = WordFlags.First | WordFlags.Last | WordFlags.City;
        switch (token.Shape)
        {
            case Shape.Mark or Shape.Code:
                return false;
            case Shape.Upper when (token.Flags & WordFlags.Common) != 0 && (token.Flags & (Known | Telling)) == 0:
                return false;
            case Shape.Lower:
                return token.End - token.Start > 2
                    && ((token.Flags & Telling) != 0 || ((token.Flags & WordFlags.Common) == 0 && (token.Flags & Known) != 0));
            case Shape.Number:
                return at + 1 < tokens.Length
                    && (tokens[at + 1].Shape is Shape.Number or Shape.Capital or Shape.Upper or Shape.Mixed or Shape.Initial
                        || (tokens[at + 1].Flags & (Telling | Known)) != 0);
            case Shape.Capital or Shape.Initial or Shape.Upper when token.IsSentenceStart && (token.Flags & WordFlags.Common) != 0:
                const WordFlags Named = WordFlags.First | WordFlags.Last | WordFlags.City | WordFlags.Country | WordFlags.Job
                    | WordFlags.Unit;
                return (token.Flags & Named) != 0
                    || (at + 1 < tokens.Length && tokens[at + 1].Shape is Shape.Capital or Shape.Upper or Shape.Mixed or Shape.Initial);
            default:
                return true;
        }
    }

    /// <summary>The best tag that may follow the one before: a later word only after a word of the same span.</summary>
    public static int Best(ReadOnlySpan<short> scores, Tag before)
    {
        var best = 0;
        var more = (int)Tags.More(before);
        for (var tag = 1; tag < Tags.Count; tag++)
        {
            if (scores[tag] > scores[best] && ((tag & 1) == 1 || tag == more))
            {
                best = tag;
            }
        }

        return best;
    }
}
