using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gatehouse.Guardrails.Text;

/// <summary>What a UTF-16 unit is to the word scanner.</summary>
internal enum CharKind : byte
{
    /// <summary>Nothing: combining marks of Latin, soft hyphens, zero-width characters. A word goes on over it.</summary>
    Skip,
    Space,
    Letter,
    Digit,
    Apostrophe,

    /// <summary>A letter of a script that writes no spaces: each is a word of its own.</summary>
    Ideograph,
    Symbol,
    Comma,
    Quote,
    Sentence,
    Newline,
}

/// <summary>Two tables over all UTF-16 units: the folded unit (case, accents and width removed) and its kind. Built once, 192 KB.</summary>
internal static class CharFold
{
    private const string Latin =
        "aaaaaaaceeeeiiiidnooooo ouuuuytsaaaaaaaceeeeiiiidnooooo ouuuuytyaaaaaaccccccccddddeeeeeeeeeegggggggg" +
        "hhhhiiiiiiiiiiiijjkkkllllll  llnnnnnn nnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs b      " +
        " dd      ff             oo             uu                   dddlllnnnaaiioouuuuuuuuuu aaaaaa  ggkkoo" +
        "oo  jdddgg  nnaaaaooaaaaeeeeiiiioooorrrruuuusstt  hh      aaeeooooooooyy                            ";

    private const string LatinAdditional =
        "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppprrrrrrrrssss" +
        "ssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwy s  s aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeee" +
        "iiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy      ";

    private static readonly ushort[] Folded = new ushort[65536];
    private static readonly CharKind[] Kinds = new CharKind[65536];

    static CharFold()
    {
        for (var i = 0; i < 65536; i++)
        {
            var c = Base((char)i);
            Folded[i] = c;
            Kinds[i] = Classify((char)i, c);
        }
    }

    /// <summary>Indexed by UTF-16 unit.</summary>
    public static ReadOnlySpan<ushort> Fold => Folded;

    /// <summary>Indexed by UTF-16 unit.</summary>
    public static ReadOnlySpan<CharKind> Kind => Kinds;

    // The tables have an entry for every UTF-16 unit, so no index can be out of range.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort FoldOf(char c) => Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(Folded), c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CharKind KindOf(char c) => Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(Kinds), c);

    private static char Base(char c)
    {
        if (c < 0x80)
        {
            return char.ToLowerInvariant(c);
        }

        if (c is >= '\uFF01' and <= '\uFF5E')
        {
            return char.ToLowerInvariant((char)(c - 0xFEE0));
        }

        var plain = c switch
        {
            >= '\u00C0' and < '\u0250' => Latin[c - 0xC0],
            >= '\u1E00' and < '\u1F00' => LatinAdditional[c - 0x1E00],
            '\u0451' or '\u0401' => '\u0435',
            '\u0622' or '\u0623' or '\u0625' or '\u0671' => '\u0627',
            '\u0649' or '\u06CC' => '\u064A',
            '\u0629' => '\u0647',
            '\u06A9' => '\u0643',
            '\u2018' or '\u2019' or '\u02BC' => '\'',
            _ => ' ',
        };
        return plain != ' ' ? plain : char.ToLowerInvariant(c);
    }

    private static CharKind Classify(char original, char folded) => folded switch
    {
        '\n' or '\r' or '\u2028' or '\u2029' => CharKind.Newline,
        '.' or '!' or '?' or ';' or '\u3002' or '\u0964' or '\u061F' or '\u06D4' => CharKind.Sentence,
        ',' or ':' or '-' or '\u3001' or '\u060C' or '(' or ')' => CharKind.Comma,
        '"' or '`' or '\u201C' or '\u201D' or '\u201E' or '\u00AB' or '\u00BB' or '\u300C' or '\u300D' => CharKind.Quote,
        '\'' => CharKind.Apostrophe,
        '\u0640' => CharKind.Skip,
        >= '0' and <= '9' => CharKind.Digit,
        >= 'a' and <= 'z' => CharKind.Letter,
        >= '\u0300' and <= '\u036F' => CharKind.Skip,
        >= '\u064B' and <= '\u065F' => CharKind.Skip,
        >= '\u0E00' and <= '\u0EFF' => CharKind.Ideograph,
        >= '\u1000' and <= '\u109F' or >= '\u1780' and <= '\u17FF' => CharKind.Ideograph,
        >= '\u3040' and <= '\u30FF' or >= '\u3400' and <= '\u4DBF' or >= '\u4E00' and <= '\u9FFF' => CharKind.Ideograph,
        _ => CharUnicodeInfo.GetUnicodeCategory(original) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.NonSpacingMark
                or UnicodeCategory.SpacingCombiningMark => CharKind.Letter,
            UnicodeCategory.DecimalDigitNumber => CharKind.Digit,
            UnicodeCategory.Format or UnicodeCategory.EnclosingMark => CharKind.Skip,
            UnicodeCategory.SpaceSeparator or UnicodeCategory.Control or UnicodeCategory.LineSeparator => CharKind.Space,
            _ => CharKind.Symbol,
        },
    };
}
