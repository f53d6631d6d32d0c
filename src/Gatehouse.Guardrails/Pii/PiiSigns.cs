using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Gatehouse.Guardrails.Pii;

/// <summary>What a text has without which whole scanners find nothing.</summary>
[Flags]
internal enum PiiSign
{
    None = 0,

    /// <summary>A digit: identifiers, telephone numbers and dates.</summary>
    Digit = 1,

    /// <summary>An at sign, a dot or a colon with something right behind it, or two dashes as a hardware address has them.</summary>
    Network = 2,

    /// <summary>The end of a weekday's name.</summary>
    Day = 4,
}

/// <summary>Looks for all signs in one pass: most prose has none, and is read once in place of once a scanner.</summary>
internal static class PiiSigns
{
    private const int Block = 32;

    /// <summary>How far a sign reaches behind its first character.</summary>
    private const int Reach = 3;

    public static PiiSign Of(ReadOnlySpan<char> text)
    {
        var (at, signs) = (0, PiiSign.None);
        if (text.Length >= Block + Reach)
        {
            ref var first = ref Unsafe.As<char, ushort>(ref MemoryMarshal.GetReference(text));
            var (digits, network, days) = (Vector256<byte>.Zero, Vector256<byte>.Zero, Vector256<byte>.Zero);
            var last = text.Length - Block - Reach;
            for (; ; at = Math.Min(at + Block, last))
            {
                var here = Narrow(ref first, at);
                var next = Narrow(ref first, at + 1);
                var fromZero = here - Vector256.Create((byte)'0');
                digits |= Vector256.Equals(Vector256.Min(fromZero, Vector256.Create((byte)9)), fromZero);
                var isBlank = Vector256.Equals(Vector256.Min(next, Vector256.Create((byte)' ')), next);
                network |= Vector256.AndNot(Is(here, '.') | Is(here, ':'), isBlank) | Is(here, '@')
                    | (Is(here, '-') & Is(Narrow(ref first, at + 3), '-'));
                days |= IsLetter(here, 'd') & IsLetter(next, 'a') & IsLetter(Narrow(ref first, at + 2), 'y');
                if (at == last)
                {
                    break;
                }
            }

            at = text.Length - Reach;
            signs = (digits == Vector256<byte>.Zero ? 0 : PiiSign.Digit) | (network == Vector256<byte>.Zero ? 0 : PiiSign.Network)
                | (days == Vector256<byte>.Zero ? 0 : PiiSign.Day);
        }

        for (; at < text.Length; at++)
        {
            signs |= At(text, at);
        }

        return signs;
    }

    /// <summary>The same for one character.</summary>
    public static PiiSign At(ReadOnlySpan<char> text, int at)
    {
        var next = at + 1 < text.Length ? text[at + 1] : ' ';
        return text[at] switch
        {
            >= '0' and <= '9' => PiiSign.Digit,
            '@' => PiiSign.Network,
            '.' or ':' => next > ' ' ? PiiSign.Network : PiiSign.None,
            '-' => at + 3 < text.Length && text[at + 3] == '-' ? PiiSign.Network : PiiSign.None,
            'd' or 'D' => at + 2 < text.Length && (next | 0x20) == 'a' && (text[at + 2] | 0x20) == 'y' ? PiiSign.Day : PiiSign.None,
            _ => PiiSign.None,
        };
    }

    /// <summary>Characters as bytes; those beyond 255 become 255, which is no sign and no blank.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Narrow(ref ushort first, int at) => Vector256.NarrowWithSaturation(
        Vector256.LoadUnsafe(ref first, (nuint)at), Vector256.LoadUnsafe(ref first, (nuint)at + (Block / 2)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Is(Vector256<byte> characters, char c) => Vector256.Equals(characters, Vector256.Create((byte)c));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> IsLetter(Vector256<byte> characters, char c) => Is(characters | Vector256.Create((byte)0x20), c);
}
