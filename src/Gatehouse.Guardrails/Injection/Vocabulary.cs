namespace Gatehouse.Guardrails.Injection;

/// <summary>The common words of the training texts, as bits of their hashes: says whether a decoded text reads better than its surface.</summary>
internal readonly struct Vocabulary(ulong[] bits)
{
    public const int Bits = 1 << 16;

    public ReadOnlySpan<ulong> Words => bits;

    public bool Contains(ReadOnlySpan<char> word)
    {
        var state = WordHash.Seed;
        foreach (var c in word)
        {
            if (c != '\'')
            {
                state = WordHash.Next(state, char.ToLowerInvariant(c));
            }
        }

        var hash = WordHash.Word(state);
        return (bits[(hash >> 6) & ((Bits / 64) - 1)] & (1UL << (int)(hash & 63))) != 0;
    }
}
