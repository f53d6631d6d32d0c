using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Gatehouse.Guardrails.Text;

/// <summary>
/// Reads a word of ASCII letters at once: its length, its capitals and the FNV-1a hash of each of its beginnings in lower case. The readers
/// of words (signals of injection, names) meet such a word nine times in ten; they go letter by letter where this one gives up.
/// </summary>
internal static class AsciiWord
{
    /// <summary>Longer words are not read.</summary>
    public const int Most = 15;

    /// <summary>What must be readable from the start of a word.</summary>
    public const int Room = 16;

    private const uint Seed = 2166136261;
    private const uint Prime = 16777619;

    /// <summary>
    /// Reads the word that starts at <paramref name="start"/>. Sixteen characters are narrowed to bytes, folded and compared in one go, so
    /// the length costs no branch; the hashes of eight beginnings are made whether they are needed or not, so neither do they.
    /// </summary>
    /// <param name="text">Has <see cref="Room"/> characters from <paramref name="start"/> on, and a letter there.</param>
    /// <param name="start">Where the word starts.</param>
    /// <param name="hashes">Gets at each index the hash of that many letters, up to the length of the word at least.</param>
    /// <param name="upper">One bit for each letter that is a capital.</param>
    /// <returns>The length, or 0 when the word may go on over a digit, an apostrophe or a character beyond ASCII, or is longer than
    /// <see cref="Most"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Read(ReadOnlySpan<char> text, int start, ref Beginnings hashes, out uint upper)
    {
        var length = Read(text, start, out var folded, out upper);
        if (length == 0)
        {
            return 0;
        }

        Hash(folded.AsUInt64().ToScalar(), Seed, 0, ref hashes);
        if (length > 8)
        {
            Hash(folded.AsUInt64().GetElement(1), hashes[8], 8, ref hashes);
        }

        return length;
    }

    /// <summary>The same without hashes.</summary>
    /// <param name="folded">Gets the letters in lower case; what comes after them is not cleared.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Read(ReadOnlySpan<char> text, int start, out Vector128<byte> folded, out uint upper)
    {
        ref var first = ref Unsafe.As<char, ushort>(ref Unsafe.Add(ref MemoryMarshal.GetReference(text), start));

        // Beyond 255 a character saturates to 255, which is no letter either.
        var bytes = Vector128.NarrowWithSaturation(Vector128.LoadUnsafe(ref first), Vector128.LoadUnsafe(ref first, 8));
        folded = bytes | Vector128.Create((byte)0x20);
        var isLetter = Vector128.LessThanOrEqual(folded - Vector128.Create((byte)'a'), Vector128.Create((byte)25));
        var length = BitOperations.TrailingZeroCount(~isLetter.ExtractMostSignificantBits());
        upper = 0;
        if (length > Most)
        {
            return 0;
        }

        var next = Unsafe.Add(ref first, length);
        if (next is >= 0x80 or '\'' || (uint)(next - '0') <= 9)
        {
            return 0;
        }

        upper = (isLetter & Vector128.Equals(bytes & Vector128.Create((byte)0x20), Vector128<byte>.Zero)).ExtractMostSignificantBits()
            & ((1u << length) - 1);
        return length;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Hash(ulong letters, uint state, int at, ref Beginnings hashes)
    {
        hashes[at + 1] = state = (state ^ (byte)letters) * Prime;
        hashes[at + 2] = state = (state ^ (byte)(letters >> 8)) * Prime;
        hashes[at + 3] = state = (state ^ (byte)(letters >> 16)) * Prime;
        hashes[at + 4] = state = (state ^ (byte)(letters >> 24)) * Prime;
        hashes[at + 5] = state = (state ^ (byte)(letters >> 32)) * Prime;
        hashes[at + 6] = state = (state ^ (byte)(letters >> 40)) * Prime;
        hashes[at + 7] = state = (state ^ (byte)(letters >> 48)) * Prime;
        hashes[at + 8] = (state ^ (byte)(letters >> 56)) * Prime;
    }

    /// <summary>Hashes of the beginnings of a word, by their length.</summary>
    [InlineArray(Most + 2)]
    public struct Beginnings
    {
        private uint _first;
    }
}
