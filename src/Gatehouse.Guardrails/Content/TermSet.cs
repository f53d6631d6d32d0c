using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Content;

/// <summary>
/// Words and phrases found by their folded letters at word boundaries, longest first; a star ends a stem. One pass over a text with a
/// look-up a word, whatever the number of terms.
/// </summary>
internal sealed class TermSet
{
    private const uint Seed = 2166136261;
    private const int MaxWords = 10;

    private readonly Dictionary<uint, int> _whole = [];
    private readonly Dictionary<uint, int> _stems = [];

    // Hashes of the first words of phrases: a text's word that begins none costs one look-up.
    private readonly HashSet<uint> _beginnings = [];

    public void Add(string term, int value)
    {
        var stem = term.EndsWith('*');
        var hash = Seed;
        var words = 0;
        foreach (var word in term.TrimEnd('*').Split([' ', '-'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (words++ > 0)
            {
                _beginnings.Add(hash);
                hash = Space(hash);
            }

            foreach (var c in word)
            {
                hash = Next(hash, c);
            }
        }

        if (words is 0 or > MaxWords)
        {
            throw new ArgumentException($"'{term}' must have one to {MaxWords} words.", nameof(term));
        }

        (stem ? _stems : _whole).TryAdd(hash, value);
    }

    /// <summary>Calls back with the value, start and end of each match; matches do not overlap.</summary>
    public void Find<TState>(ReadOnlySpan<char> text, ref TState state, Match<TState> found)
        where TState : allows ref struct
    {
        var kinds = CharFold.Kind;
        for (var i = 0; i < text.Length;)
        {
            if (kinds[text[i]] is not (CharKind.Letter or CharKind.Digit or CharKind.Ideograph))
            {
                i++;
                continue;
            }

            var (end, value) = At(text, i, out var wordEnd);
            if (value >= 0)
            {
                found(ref state, value, i, end);
                i = end;
            }
            else
            {
                i = wordEnd;
            }
        }
    }

    public delegate void Match<TState>(ref TState state, int value, int start, int end)
        where TState : allows ref struct;

    private (int End, int Value) At(ReadOnlySpan<char> text, int start, out int wordEnd)
    {
        var kinds = CharFold.Kind;
        var (bestEnd, best) = (start, -1);
        var hash = Seed;
        var i = start;
        wordEnd = start;
        for (var word = 0; word < MaxWords; word++)
        {
            for (; i < text.Length
                && kinds[text[i]] is CharKind.Letter or CharKind.Digit or CharKind.Ideograph or CharKind.Skip or CharKind.Apostrophe; i++)
            {
                var ideograph = kinds[text[i]] == CharKind.Ideograph;
                if (ideograph && word == 0 && wordEnd == start && i > start)
                {
                    wordEnd = i;
                }

                hash = Next(hash, text[i]);
                if (_stems.TryGetValue(hash, out var stem) || (ideograph && _whole.TryGetValue(hash, out stem)))
                {
                    best = stem;
                    bestEnd = -1;
                }

                if (i - start > 256)
                {
                    break;
                }
            }

            if (_whole.TryGetValue(hash, out var whole))
            {
                (bestEnd, best) = (i, whole);
            }

            bestEnd = bestEnd < 0 ? i : bestEnd;
            wordEnd = word == 0 && wordEnd == start ? Math.Max(i, start + 1) : wordEnd;
            var next = i;
            while (next < text.Length && next - i < 3 && kinds[text[next]] is CharKind.Space or CharKind.Newline or CharKind.Comma)
            {
                next++;
            }

            if (next == i || !_beginnings.Contains(hash))
            {
                break;
            }

            hash = Space(hash);
            i = next;
        }

        return (bestEnd, best);
    }

    private static uint Next(uint hash, char c) =>
        CharFold.Kind[c] is CharKind.Skip or CharKind.Apostrophe ? hash : (hash ^ CharFold.Fold[c]) * 16777619;

    private static uint Space(uint hash) => (hash ^ 0x2020) * 16777619;
}
