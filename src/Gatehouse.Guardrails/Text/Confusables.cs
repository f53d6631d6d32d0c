namespace Gatehouse.Guardrails.Text;

/// <summary>
/// Letters that look like other letters. Folding by compatibility is one thing, look-alikes of another script quite another: those only
/// inside Latin words.
/// </summary>
internal static class Confusables
{
    private const string CyrillicFrom = "авекмнорстухѕіјԛԝԁӏгпьһүґАВЕКМНОРСТУХЅІЈԚԜӀЬҮҐ";
    private const string CyrillicTo = "abekmhopctyxsijqwdlrnbhyrABEKMHOPCTYXSIJQWIbYr";
    private const string GreekFrom = "αβγεζηικμνορστυχωϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧ";
    private const string GreekTo = "abyeznikuvopstuxwcjABEZHIKMNOPTYX";
    private const string OtherFrom = "ɑɡɩıʏօսոհցքᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡᴢ";
    private const string OtherTo = "agiiyounhgpabcdefghijklmnoprstuvwz";

    // Letters of other styles in the basic plane: double-struck, script, raised and lowered.
    private const string StyledFrom =
        "ªºℂℊℋℌℍℎℐℑℒℓℕℙℚℛℜℝℤℨKℬℭℯℰℱℳℴℹⅅⅆⅇⅈⅉᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ";

    private const string StyledTo =
        "aoCgHHHhIILlNPQRRRZZKBCeEFMoiDdeijABDEGHIJKLMNOPRTUVWabcdefghijklmnoprstuvwxyzaehijklmnoprstuvx";

    private static readonly char[] Table = Build(0xABFF, (CyrillicFrom, CyrillicTo), (GreekFrom, GreekTo), (OtherFrom, OtherTo));
    private static readonly char[] StyledTable = Build(0x2C7E, (StyledFrom, StyledTo));

    /// <returns>The Latin letter that <paramref name="c"/> looks like, or 0.</returns>
    public static char LookAlike(char c) => c < Table.Length ? Table[c] : '\0';

    /// <summary>The plain text of a compatibility character of the basic plane; empty when it has none.</summary>
    public static ReadOnlySpan<char> Compatible(char c, Span<char> scratch)
    {
        switch (c)
        {
            case >= '\uFF01' and <= '\uFF5E':
                scratch[0] = (char)(c - 0xFEE0);
                return scratch[..1];
            case '\u3000' or '\u00A0' or '\u202F' or '\u205F' or (>= '\u2000' and <= '\u200A'):
                scratch[0] = ' ';
                return scratch[..1];
            case >= '\u24B6' and <= '\u24CF':
                scratch[0] = (char)('A' + c - '\u24B6');
                return scratch[..1];
            case >= '\u24D0' and <= '\u24E9':
                scratch[0] = (char)('a' + c - '\u24D0');
                return scratch[..1];
            case >= '\u249C' and <= '\u24B5':
                scratch[0] = (char)('a' + c - '\u249C');
                return scratch[..1];
            case >= '\uFB00' and <= '\uFB06':
                return (c - '\uFB00') switch { 0 => "ff", 1 => "fi", 2 => "fl", 3 => "ffi", 4 => "ffl", _ => "st" };
            default:
                scratch[0] = c < StyledTable.Length ? StyledTable[c] : '\0';
                return scratch[..(scratch[0] == 0 ? 0 : 1)];
        }
    }

    /// <returns>The letter or digit of a styled one beyond the basic plane, or 0.</returns>
    public static char Styled(int rune) => rune switch
    {
        >= 0x1D400 and <= 0x1D6A3 => Letter((rune - 0x1D400) % 52),
        >= 0x1D7CE and <= 0x1D7FF => (char)('0' + ((rune - 0x1D7CE) % 10)),
        >= 0x1F110 and <= 0x1F129 => (char)('A' + rune - 0x1F110),
        >= 0x1F130 and <= 0x1F149 => (char)('A' + rune - 0x1F130),
        >= 0x1F150 and <= 0x1F169 => (char)('A' + rune - 0x1F150),
        >= 0x1F170 and <= 0x1F189 => (char)('A' + rune - 0x1F170),
        _ => '\0',
    };

    private static char Letter(int index) => (char)(index < 26 ? 'A' + index : 'a' + index - 26);

    private static char[] Build(int length, params ReadOnlySpan<(string From, string To)> letters)
    {
        var table = new char[length];
        foreach (var (from, to) in letters)
        {
            for (var i = 0; i < from.Length; i++)
            {
                table[from[i]] = to[i];
            }
        }

        return table;
    }
}
