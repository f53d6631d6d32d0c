namespace Gatehouse.Guardrails.Injection;

/// <summary>
/// Bins of what a text looks like as a whole: length, shouting, symbols, unknown words. Each text has one bin of each kind.
/// </summary>
internal static class ShapeFeatures
{
    public const int MaxActive = 9;
    public const int Count = 64;

    /// <summary>Writes the active bins.</summary>
    /// <returns>How many there are.</returns>
    public static int Of(in SignalCounts counts, Span<byte> active)
    {
        var words = Math.Max(counts.Words, 1);
        active[0] = (byte)Math.Min(7, int.Log2(words));
        active[1] = (byte)(8 + Bin(counts.Upper, words, 8, 25));
        active[2] = (byte)(12 + Bin(counts.Mixed, words, 5, 15));
        active[3] = (byte)(16 + Bin(counts.Symbols, words, 15, 40));
        active[4] = (byte)(20 + Bin(words - counts.Known, words, 30, 50));
        active[5] = (byte)(24 + Bin(counts.Singles, words, 15, 50));
        active[6] = (byte)(28 + Bin(counts.Alphanumeric, words, 10, 30));
        active[7] = (byte)(32 + Bin(counts.Concepts, words, 40, 55));
        active[8] = (byte)(36 + Bin(counts.Repeats, words, 10, 40));
        return MaxActive;
    }

    /// <summary>0 below one percent, then one more from each bound on; compared in place of divided.</summary>
    private static int Bin(int part, int whole, int middle, int high)
    {
        var hundred = part * 100L;
        return (hundred >= whole ? 1 : 0) + (hundred >= (middle + 1L) * whole ? 1 : 0) + (hundred >= (high + 1L) * whole ? 1 : 0);
    }
}
