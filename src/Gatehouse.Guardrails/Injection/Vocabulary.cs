using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gatehouse.Guardrails.Injection;

/// <summary>
/// The common words of the training texts, as bits of their hashes: says whether a decoded text reads better than its surface.
/// </summary>
internal readonly struct Vocabulary(ulong[] bits)
{
    public const int Bits = 1 << 16;

    public ReadOnlySpan<ulong> Words => bits;

    /// <returns>1 when a word of this hash is common, else 0.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Bit(uint hash) =>
        (uint)(Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(bits), (nint)((hash >> 6) & ((Bits / 64) - 1))) >> (int)hash) & 1;

    public bool Contains(ReadOnlySpan<char> word)
    {
        var state = WordHash.Seed;
        foreach (var c in word)
        {
            if (c != '\'')
            {
                state = WordHash.Next(state, Lower(c));
            }
        }

        return Has(WordHash.Word(state));
    }

    /// <summary>Whether a word is common when it is read from its end.</summary>
    public bool ContainsReversed(ReadOnlySpan<char> word)
    {
        var state = WordHash.Seed;
        for (var i = word.Length - 1; i >= 0; i--)
        {
            if (word[i] != '\'')
            {
                state = WordHash.Next(state, Lower(word[i]));
            }
        }

        return Has(WordHash.Word(state));
    }

    private bool Has(uint hash) => Bit(hash) != 0;

    private static uint Lower(char c) => c < 0x80 ? (uint)((uint)(c - 'A') <= 25 ? c | 0x20 : c) : char.ToLowerInvariant(c);
}
