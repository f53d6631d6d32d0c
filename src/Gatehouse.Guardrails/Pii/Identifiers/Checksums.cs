namespace Gatehouse.Guardrails.Pii.Identifiers;

/// <summary>
/// Check digits of identifiers. Each method takes the identifier without separators, letters in upper case, of the length that its format
/// demands.
/// </summary>
internal static class Checksums
{
    private static readonly byte[] VerhoeffD =
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 0, 6, 7, 8, 9, 5, 2, 3, 4, 0, 1, 7, 8, 9, 5, 6, 3, 4, 0, 1, 2, 8, 9, 5, 6, 7, 4, 0, 1, 2,
        3, 9, 5, 6, 7, 8,
        5, 9, 8, 7, 6, 0, 4, 3, 2, 1, 6, 5, 9, 8, 7, 1, 0, 4, 3, 2, 7, 6, 5, 9, 8, 2, 1, 0, 4, 3, 8, 7, 6, 5, 9, 3, 2, 1, 0, 4, 9, 8, 7, 6,
        5, 4, 3, 2, 1, 0,
    ];

    private static readonly byte[] VerhoeffP =
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 5, 7, 6, 2, 8, 3, 0, 9, 4, 5, 8, 0, 3, 7, 9, 6, 1, 4, 2, 8, 9, 1, 6, 0, 4, 3, 5, 2, 7,
        9, 4, 5, 3, 1, 2, 6, 8, 7, 0, 4, 2, 8, 6, 5, 7, 3, 9, 0, 1, 2, 7, 9, 3, 8, 0, 6, 4, 1, 5, 7, 0, 4, 6, 9, 1, 3, 2, 5, 8,
    ];

    public static int Digit(char c) => c - '0';

    public static int Number(ReadOnlySpan<char> digits)
    {
        var n = 0;
        foreach (var c in digits)
        {
            n = (n * 10) + (c - '0');
        }

        return n;
    }

    public static bool Luhn(ReadOnlySpan<char> digits) => LuhnSum(digits) % 10 == 0;

    /// <summary>
    /// Sum of digits from the right, every second one doubled; characters that are no digit end in a sum that no identifier has.
    /// </summary>
    public static int LuhnSum(ReadOnlySpan<char> digits)
    {
        var sum = 0;
        for (int i = digits.Length - 1, k = 0; i >= 0; i--, k++)
        {
            var d = digits[i] - '0';
            if ((uint)d > 9)
            {
                return 1;
            }

            sum += (k & 1) == 0 ? d : d > 4 ? (2 * d) - 9 : 2 * d;
        }

        return sum;
    }

    public static bool Verhoeff(ReadOnlySpan<char> digits)
    {
        var c = 0;
        for (int i = digits.Length - 1, k = 0; i >= 0; i--, k++)
        {
            c = VerhoeffD[(c * 10) + VerhoeffP[((k & 7) * 10) + digits[i] - '0']];
        }

        return c == 0;
    }

    public static int Weighted(ReadOnlySpan<char> digits, ReadOnlySpan<byte> weights)
    {
        var sum = 0;
        for (var i = 0; i < weights.Length; i++)
        {
            sum += (digits[i] - '0') * weights[i];
        }

        return sum;
    }

    /// <summary>ISO 7064 MOD 11,10: German tax and VAT numbers.</summary>
    public static bool Iso7064Mod11x10(ReadOnlySpan<char> digits)
    {
        var product = 10;
        for (var i = 0; i < digits.Length - 1; i++)
        {
            var sum = (digits[i] - '0' + product) % 10;
            product = (sum == 0 ? 10 : sum) * 2 % 11;
        }

        return (11 - product) % 10 == digits[^1] - '0';
    }

    /// <summary>ISO 7064 MOD 97,10 with the first four characters moved to the end: IBAN.</summary>
    public static bool Mod97(ReadOnlySpan<char> text)
    {
        var rest = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[(i + 4) % text.Length];
            if (char.IsAsciiDigit(c))
            {
                rest = ((rest * 10) + c - '0') % 97;
            }
            else if (char.IsAsciiLetterUpper(c))
            {
                rest = ((rest * 100) + c - 'A' + 10) % 97;
            }
            else
            {
                return false;
            }
        }

        return rest == 1;
    }

    /// <summary>ICAO 9303: weights 7, 3, 1; letters count from 10; the last character is the check digit.</summary>
    public static bool Icao(ReadOnlySpan<char> text)
    {
        var sum = 0;
        for (var i = 0; i < text.Length - 1; i++)
        {
            var value = char.IsAsciiDigit(text[i]) ? text[i] - '0' : text[i] - 'A' + 10;
            sum += value * ((i % 3) switch { 0 => 7, 1 => 3, _ => 1 });
        }

        return sum % 10 == text[^1] - '0';
    }

    public static bool AllSame(ReadOnlySpan<char> text) => text.IndexOfAnyExcept(text[0]) < 0;

    public static bool IsDate(int year, int month, int day) =>
        month is >= 1 and <= 12 && day >= 1 && day <= DateTime.DaysInMonth(year, month);

    /// <summary>Two digits each of year, month, day; the century is not known, so 29 February passes.</summary>
    public static bool IsShortDate(ReadOnlySpan<char> yymmdd) =>
        IsDate(2000, Number(yymmdd[2..4]), Number(yymmdd[4..6]));
}
