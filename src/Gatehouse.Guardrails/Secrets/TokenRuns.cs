using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Gatehouse.Guardrails.Secrets;

/// <summary>Finds the long unbroken runs of characters that keys are made of. Prose has next to none.</summary>
internal static class TokenRuns
{
    /// <summary>Shorter runs hold no key with a prefix.</summary>
    public const int Least = 12;

    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+/=~$|:@";
    private const int Block = 64;

    private static readonly SearchValues<char> Characters = SearchValues.Create(Alphabet);

    // A character is in the alphabet when the entries of its low and its high half share a bit: one bit for each high half from 2 to 7.
    private static readonly Vector128<byte> ByLow = Halves(c => (c & 15, 1 << (c >> 4)));
    private static readonly Vector128<byte> ByHigh = Halves(c => (c >> 4, 1 << (c >> 4)));

    /// <param name="text">The whole text.</param>
    /// <param name="at">Where to look from; then where the run starts.</param>
    /// <param name="end">Just past the run.</param>
    /// <returns>Whether there is one.</returns>
    public static bool Next(ReadOnlySpan<char> text, ref int at, out int end)
    {
        at = Start(text, at);
        if (at < 0)
        {
            end = 0;
            return false;
        }

        var length = text[at..].IndexOfAnyExcept(Characters);
        end = length < 0 ? text.Length : at + length;
        return true;
    }

    /// <summary>
    /// Four vectors of sixteen characters become a mask of sixty-four bits, in which a bit that is left after shifting the mask over itself
    /// starts a run of twelve. Blocks overlap by what a run may reach into the next.
    /// </summary>
    private static int Start(ReadOnlySpan<char> text, int at)
    {
        ref var first = ref Unsafe.As<char, ushort>(ref MemoryMarshal.GetReference(text));
        for (; at + Block <= text.Length; at += Block - Least + 1)
        {
            var mask = Mask(ref first, at) | ((ulong)Mask(ref first, at + 16) << 16) | ((ulong)Mask(ref first, at + 32) << 32)
                | ((ulong)Mask(ref first, at + 48) << 48);
            var two = mask & (mask >> 1);
            var four = two & (two >> 2);
            var twelve = four & (four >> 4) & (four >> 8);
            if (twelve != 0)
            {
                return at + BitOperations.TrailingZeroCount(twelve);
            }
        }

        return Tail(text, at);
    }

    /// <summary>The same a step at a time: nearly every look is one step back to a space and a jump.</summary>
    private static int Tail(ReadOnlySpan<char> text, int at)
    {
        while (at + Least <= text.Length)
        {
            var back = text.Slice(at, Least).LastIndexOfAnyExcept(Characters);
            if (back < 0)
            {
                return at;
            }

            at += back + 1;
        }

        return -1;
    }

    private static uint Mask(ref ushort first, int at)
    {
        // Beyond 255 a character saturates to 255, whose high half has no entry.
        var bytes = Vector128.NarrowWithSaturation(
            Vector128.LoadUnsafe(ref first, (nuint)at), Vector128.LoadUnsafe(ref first, (nuint)at + 8));
        var low = Vector128.Shuffle(ByLow, bytes & Vector128.Create((byte)15));
        var high = Vector128.Shuffle(ByHigh, (bytes.AsUInt16() >> 4).AsByte() & Vector128.Create((byte)15));
        return ~Vector128.Equals(low & high, Vector128<byte>.Zero).ExtractMostSignificantBits() & 0xFFFF;
    }

    private static Vector128<byte> Halves(Func<char, (int At, int Bit)> of)
    {
        var table = new byte[16];
        foreach (var c in Alphabet)
        {
            var (at, bit) = of(c);
            table[at] |= (byte)bit;
        }

        return Vector128.Create(table);
    }
}
