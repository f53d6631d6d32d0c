namespace Gatehouse.Guardrails.Injection;

/// <summary>
/// Bins of what a text looks like as a whole: length, shouting, symbols, unknown words, and where they stand. Each text has one bin of each
/// kind.
/// </summary>
internal static class ShapeFeatures
{
    public const int MaxActive = 17;
    public const int Count = 112;

    /// <summary>Where the bins of each kind begin, in the order of the active ones.</summary>
    public static ReadOnlySpan<byte> Kinds =>
    [
        0, 8, 12, Symbols, 20, 24, 28, 32, 36, UnknownRuns, Sentences, SentenceWords, ConceptsByLength, Tails, LineEnds, Quotes,
        UnknownBySymbols,
    ];

    private const int Symbols = 16;
    private const int UnknownRuns = 40;
    private const int Sentences = 46;
    private const int SentenceWords = 52;
    private const int ConceptsByLength = 58;
    private const int Tails = 78;
    private const int LineEnds = 84;
    private const int Quotes = 89;
    private const int UnknownBySymbols = 94;

    /// <summary>How many groups of texts have bounds of their own: lengths, with symbols and without.</summary>
    public const int Groups = Lengths * 2;

    private const int Lengths = 8;

    /// <summary>The group of a text.</summary>
    public static int GroupOf(in SignalCounts counts) => (LengthOf(Math.Max(counts.Words, 1)) * 2) + (counts.Symbols > 0 ? 1 : 0);

    /// <summary>The highest sum of the weights of one bin of each kind that a text of the group may have.</summary>
    public static float Highest(ReadOnlySpan<float> weights, int group)
    {
        var (length, hasSymbols) = (group / 2, group % 2 == 1);
        var sum = weights[length];
        for (var kind = 1; kind < MaxActive; kind++)
        {
            var (from, to) = ((int)Kinds[kind], kind + 1 < MaxActive ? Kinds[kind + 1] : Count);
            var highest = float.MinValue;
            for (var bin = from; bin < to; bin++)
            {
                var isPossible = (from != ConceptsByLength || (bin - from) / 5 == Math.Min(3, length / 2))
                    && (hasSymbols || (from != Symbols || bin == from) && (from != Tails || bin == from + 2)
                        && (from != UnknownBySymbols || (bin - from) % 4 == 0));
                highest = isPossible ? MathF.Max(highest, weights[bin]) : highest;
            }

            sum += highest;
        }

        return sum;
    }

    /// <summary>Writes the active bins.</summary>
    /// <returns>How many there are.</returns>
    public static int Of(in SignalCounts counts, Span<byte> active)
    {
        var words = Math.Max(counts.Words, 1);
        var unknown = words - counts.Known;
        active[0] = (byte)LengthOf(words);
        active[1] = (byte)(8 + Bin(counts.Upper, words, 8, 25));
        active[2] = (byte)(12 + Bin(counts.Mixed, words, 5, 15));
        active[3] = (byte)(Symbols + Bin(counts.Symbols, words, 15, 40));
        active[4] = (byte)(20 + Bin(unknown, words, 30, 50));
        active[5] = (byte)(24 + Bin(counts.Singles, words, 15, 50));
        active[6] = (byte)(28 + Bin(counts.Alphanumeric, words, 10, 30));
        active[7] = (byte)(32 + Bin(counts.Concepts, words, 40, 55));
        active[8] = (byte)(36 + Bin(counts.Repeats, words, 10, 40));
        active[9] = (byte)(UnknownRuns + Bin(counts.LongestUnknownRun, 1, [2, 3, 5, 8, 12]));
        active[10] = (byte)(Sentences + Bin(counts.Sentences, 1, [2, 3, 5, 10, 20]));
        active[11] = (byte)(SentenceWords + Bin(words, Math.Max(counts.Sentences, 1), [4, 8, 12, 18, 26]));
        active[12] = (byte)(ConceptsByLength + (Math.Min(3, int.Log2(words) / 2) * 5)
            + Bin(counts.Concepts * 100L, words, [10, 25, 40, 55]));
        active[13] = (byte)(Tails + Tail(counts));
        active[14] = (byte)(LineEnds + Bin(counts.LineEnds * 200L, words, [1, 6, 16, 40]));
        active[15] = (byte)(Quotes + Bin(counts.Quotes * 200L, words, [1, 6, 16, 30]));
        active[16] = (byte)(UnknownBySymbols + (Bin(unknown * 100L, words, [20, 40, 60]) * 4)
            + Bin(counts.Symbols * 100L, words, [3, 10, 25]));
        return MaxActive;
    }

    private static int LengthOf(int words) => Math.Min(Lengths - 1, int.Log2(words));

    /// <summary>How much denser symbols stand in the last third of a text than before it.</summary>
    private static int Tail(in SignalCounts counts)
    {
        // Twice the last third is as long as what stands before it.
        var more = (3L * counts.TailSymbols) - counts.Symbols;
        return more < 0 ? Bin(-more * 100, counts.Characters, [1, 3]) switch { 0 => 2, 1 => 1, _ => 0 }
            : 2 + Bin(more * 100, Math.Max(counts.Characters, 1), [1, 3, 7]);
    }

    /// <summary>How many bounds a quotient reaches; compared in place of divided.</summary>
    private static int Bin(long part, int whole, ReadOnlySpan<int> bounds)
    {
        var bin = 0;
        foreach (var bound in bounds)
        {
            bin += part >= (long)bound * whole ? 1 : 0;
        }

        return bin;
    }

    /// <summary>0 below one percent, then one more from each bound on; compared in place of divided.</summary>
    private static int Bin(int part, int whole, int middle, int high)
    {
        var hundred = part * 100L;
        return (hundred >= whole ? 1 : 0) + (hundred >= (middle + 1L) * whole ? 1 : 0) + (hundred >= (high + 1L) * whole ? 1 : 0);
    }
}
