using System.Buffers;
using static Gatehouse.Guardrails.Pii.Identifiers.Checksums;

namespace Gatehouse.Guardrails.Pii.Identifiers;

/// <summary>Structure and check digits, one method per kind. The format has matched before, so lengths and classes are known.</summary>
internal static class IdentifierChecks
{
    private static readonly SearchValues<char> NotInPostcodes = SearchValues.Create("CIKMOV");

    private const string SpanishLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
    private const string FinnishCheck = "0123456789ABCDEFHJKLMNPRSTUVWXY";
    private const string DocumentLetters = "CFGHJKLMNPRTVWXYZ";
    private const string IndianStates =
        "AN AP AR AS BH BR CG CH DD DL DN GA GJ HP HR JH JK KA KL LA LD MH ML MN MP MZ NL OD OR PB PY RJ SK TN TR TS TG UA UK UP WB";
    private const string MedicareLetters = "ACDEFGHJKMNPQRTUVWXY";

    /// <summary>Luhn, and a prefix that a network issues with that length.</summary>
    public static bool Card(ReadOnlySpan<char> c)
    {
        if (!Luhn(c) || AllSame(c))
        {
            return false;
        }

        var prefix = Number(c[..4]);
        return c.Length switch
        {
            12 or 17 or 18 => IsMaestro(prefix),
            13 => c[0] == '4' || IsMaestro(prefix),
            14 => prefix / 100 is 36 or 38 or 39 || prefix / 10 is >= 300 and <= 305 || IsMaestro(prefix),
            15 => prefix / 100 is 34 or 37 || prefix is 1800 or 2131 or 2014 or 2149 || prefix / 1000 == 1 || IsMaestro(prefix),
            16 => c[0] is '4' or '6' || prefix / 100 is (>= 50 and <= 58) or 35 or 30 or 36 or 38 or 39 || prefix is >= 2200 and <= 2720
                || prefix / 1000 == 9,
            19 => c[0] is '4' or '6' || prefix / 100 == 35 || IsMaestro(prefix),
            _ => false,
        };
    }

    public static bool AbaRouting(ReadOnlySpan<char> c) =>
        Number(c[..2]) is <= 12 or (>= 21 and <= 32) or (>= 61 and <= 72) or 80
        && Weighted(c, [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 == 0 && !AllSame(c);

    public static bool Ssn(ReadOnlySpan<char> c) =>
        !c.StartsWith("000") && !c.StartsWith("666") && c[3..5] is not "00" && c[5..] is not "0000" && !AllSame(c)
            && c is not ("123456789" or "078051120" or "987654321");

    public static bool Itin(ReadOnlySpan<char> c) =>
        Number(c[3..5]) is (>= 50 and <= 65) or (>= 70 and <= 88) or (>= 90 and <= 92) or (>= 94 and <= 99);

    public static bool Npi(ReadOnlySpan<char> c) => c[0] is '1' or '2' && (LuhnSum(c) + 24) % 10 == 0 && !AllSame(c);

    public static bool Mbi(ReadOnlySpan<char> c)
    {
        // C A AN N A AN N A A N N with C from 1 to 9, A a letter without S, L, O, I, B, Z.
        ReadOnlySpan<char> shape = "CAXNAXNAANN";
        for (var i = 0; i < 11; i++)
        {
            var isLetter = MedicareLetters.Contains(c[i]);
            var isDigit = char.IsAsciiDigit(c[i]);
            if (!(shape[i] switch { 'C' => isDigit && c[i] != '0', 'A' => isLetter, 'X' => isLetter || isDigit, _ => isDigit }))
            {
                return false;
            }
        }

        return true;
    }

    public static bool Dea(ReadOnlySpan<char> c)
    {
        var d = c[2..];
        var sum = Digit(d[0]) + Digit(d[2]) + Digit(d[4]) + (2 * (Digit(d[1]) + Digit(d[3]) + Digit(d[5])));
        return "ABCDEFGHJKLMPRSTUX".Contains(c[0]) && sum % 10 == Digit(d[6]);
    }

    public static bool CanadaSin(ReadOnlySpan<char> c) => c[0] is not ('0' or '8') && Luhn(c) && !AllSame(c);

    public static bool AustraliaAbn(ReadOnlySpan<char> c) =>
        c[0] != '0' && (Weighted(c, [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10) % 89 == 0;

    public static bool AustraliaAcn(ReadOnlySpan<char> c) => (10 - (Weighted(c, [8, 7, 6, 5, 4, 3, 2, 1]) % 10)) % 10 == Digit(c[8]);

    public static bool AustraliaTfn(ReadOnlySpan<char> c) => Weighted(c, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 == 0 && !AllSame(c);

    public static bool AustraliaMedicare(ReadOnlySpan<char> c) =>
        c[0] is >= '2' and <= '6' && Weighted(c, [1, 3, 7, 9, 1, 3, 7, 9]) % 10 == Digit(c[8]);

    public static bool Aadhaar(ReadOnlySpan<char> c)
    {
        var palindrome = true;
        for (var i = 0; i < 6; i++)
        {
            palindrome &= c[i] == c[11 - i];
        }

        return c[0] >= '2' && !palindrome && Verhoeff(c);
    }

    public static bool Pan(ReadOnlySpan<char> c) => "ABCFGHJLPTKSE".Contains(c[3]) || c[4] == c[0];

    public static bool LoosePan(ReadOnlySpan<char> c)
    {
        var digits = 0;
        foreach (var x in c)
        {
            digits += char.IsAsciiDigit(x) ? 1 : 0;
        }

        return digits is >= 4 and < 10;
    }

    public static bool Gstin(ReadOnlySpan<char> c) => Number(c[..2]) is (>= 1 and <= 38) or 97 or 99 && c[12] != '0';

    public static bool IndianPlate(ReadOnlySpan<char> c) => IndianStates.Contains(c[..2], StringComparison.Ordinal);

    public static bool KoreanResident(ReadOnlySpan<char> c) => IsShortDate(c) && c[6] is >= '1' and <= '4';

    public static bool KoreanForeigner(ReadOnlySpan<char> c) => IsShortDate(c) && c[6] is >= '5' and <= '8';

    public static bool KoreanBusiness(ReadOnlySpan<char> c)
    {
        var sum = Weighted(c, [1, 3, 7, 1, 3, 7, 1, 3]) + (Digit(c[8]) * 5) + (Digit(c[8]) * 5 / 10);
        return (10 - (sum % 10)) % 10 == Digit(c[9]);
    }

    public static bool KoreanPassport(ReadOnlySpan<char> c) => "MSRGD".Contains(c[0]) && c.Length == 9;

    /// <summary>The letter at the end is the check; a series of its own for each century, and for foreigners.</summary>
    public static bool SingaporeNric(ReadOnlySpan<char> c)
    {
        var letters = c[0] switch
        {
            'S' or 'T' => "JZIHGFEDCBA",
            'F' or 'G' => "XWUTRQPNMLK",
            'M' => "XWUTRQPNJLK",
            _ => "",
        };
        var offset = c[0] is 'T' or 'G' ? 4 : c[0] == 'M' ? 3 : 0;
        return letters.Length > 0 && letters[(Weighted(c[1..], [2, 7, 6, 5, 4, 3, 2]) + offset) % 11] == c[8];
    }

    public static bool SingaporeUen(ReadOnlySpan<char> c) => c.Length != 10 || char.IsAsciiDigit(c[0]) || char.IsAsciiLetter(c[3]);

    public static bool ThaiNational(ReadOnlySpan<char> c)
    {
        var province = Number(c[1..3]);
        var known = province is (>= 10 and <= 27) or (>= 30 and <= 58) or (>= 60 and <= 67) or (>= 70 and <= 77) or (>= 80 and <= 86)
            or (>= 90 and <= 96) and not (28 or 29 or 59);
        return c[0] is >= '1' and <= '8' && known
            && (11 - (Weighted(c, [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 10 == Digit(c[12]);
    }

    public static bool TurkishNational(ReadOnlySpan<char> c)
    {
        var odd = Digit(c[0]) + Digit(c[2]) + Digit(c[4]) + Digit(c[6]) + Digit(c[8]);
        var even = Digit(c[1]) + Digit(c[3]) + Digit(c[5]) + Digit(c[7]);
        var tenth = (((odd * 7) - even) % 10 + 10) % 10;
        return c[0] != '0' && tenth == Digit(c[9]) && (odd + even + tenth) % 10 == Digit(c[10]);
    }

    public static bool TurkishPlate(ReadOnlySpan<char> c) => Number(c[..2]) is >= 1 and <= 81 && c.IndexOfAny("QWX") < 0;

    public static bool TurkishPhone(ReadOnlySpan<char> c) => (c.Length == 12 ? c[2] : c[0] == '0' ? c[1] : c[0]) is >= '2' and <= '5';

    public static bool SouthAfrica(ReadOnlySpan<char> c) => IsShortDate(c) && c[10] is >= '0' and <= '2' && Luhn(c);

    public static bool GermanPractice(ReadOnlySpan<char> c) =>
        Number(c[..2]) is 1 or 2 or 3 or 6 or 7 or 17 or 20 or 21 or 35 or 38 or 46 or 47 or 48 or 49 or 50 or 51 or 52 or 55 or 58 or 60
            or 61 or 63 or 64
            or 71 or 72 or 73 or 74 or 78 or 79 or 83 or 85 or 88 or 91 or 93 or 94 or 95 or 98 or 99;

    public static bool GermanPhysician(ReadOnlySpan<char> c) => (10 - (Weighted(c, [4, 9, 4, 9, 4, 9]) % 10)) % 10 == Digit(c[6]);

    public static bool GermanHealth(ReadOnlySpan<char> c)
    {
        Span<char> digits = stackalloc char[10];
        var letter = c[0] - 'A' + 1;
        (digits[0], digits[1]) = ((char)('0' + (letter / 10)), (char)('0' + (letter % 10)));
        c[1..9].CopyTo(digits[2..]);
        return DigitSums(digits, [1, 2, 1, 2, 1, 2, 1, 2, 1, 2]) % 10 == Digit(c[9]);
    }

    public static bool GermanPension(ReadOnlySpan<char> c)
    {
        Span<char> digits = stackalloc char[12];
        c[..8].CopyTo(digits);
        var letter = c[8] - 'A' + 1;
        (digits[8], digits[9]) = ((char)('0' + (letter / 10)), (char)('0' + (letter % 10)));
        c[9..11].CopyTo(digits[10..]);
        var day = Number(c[2..4]);
        return Number(c[4..6]) is >= 1 and <= 12 && day is >= 1 and <= 81
            && DigitSums(digits, [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]) % 10 == Digit(c[11]);
    }

    public static bool GermanIdCard(ReadOnlySpan<char> c) => IsGermanDocument(c) && (c.Length == 10 ? Icao(c) : Icao(c[..9]));

    public static bool GermanPassport(ReadOnlySpan<char> c) => IsGermanDocument(c) && Icao(c);

    public static bool GermanTaxId(ReadOnlySpan<char> c)
    {
        Span<byte> seen = stackalloc byte[10];
        foreach (var d in c[..10])
        {
            if (++seen[d - '0'] > 3)
            {
                return false;
            }
        }

        return c[0] != '0' && Iso7064Mod11x10(c);
    }

    /// <summary>Letter by the number MOD 23; X, Y and Z in front count as 0, 1 and 2.</summary>
    public static bool SpanishLetter(ReadOnlySpan<char> c)
    {
        var number = c[0] is >= 'X' and <= 'Z' ? ((c[0] - 'X') * 10_000_000) + Number(c[1..^1]) : Number(c[..^1]);
        return SpanishLetters[number % 23] == c[^1];
    }

    public static bool Finnish(ReadOnlySpan<char> c)
    {
        var century = c.Length == 11 ? c[6] : '-';
        var serial = c[^4..^1];
        return (c.Length == 10 || "ABCDEFYXWVU".Contains(century))
            && serial.IndexOfAnyExceptInRange('0', '9') < 0
            && IsDate(2000, Number(c[2..4]), Number(c[..2]))
            && FinnishCheck[(int)(((long)Number(c[..6]) * 1000) + Number(serial)) % 31] == c[^1];
    }

    public static bool ItalianFiscal(ReadOnlySpan<char> c)
    {
        // Digits of year, day and place may be letters (omocodia): L M N P Q R S T U V stand for 0 to 9.
        foreach (var i in (ReadOnlySpan<int>)[6, 7, 9, 10, 12, 13, 14])
        {
            if (!char.IsAsciiDigit(c[i]) && !"LMNPQRSTUV".Contains(c[i]))
            {
                return false;
            }
        }

        return "ABCDEHLMPRST".Contains(c[8]);
    }

    public static bool ItalianLicence(ReadOnlySpan<char> c) => c[0] != 'U' || c[1] != '1' || c[2..9].IndexOfAny("AEIOQ") < 0;

    public static bool Pesel(ReadOnlySpan<char> c) =>
        (10 - (Weighted(c, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10 == Digit(c[10]) && Number(c[2..4]) % 20 is >= 1 and <= 12
            && Number(c[4..6]) is >= 1 and <= 31;

    /// <summary>A co-ordination number has 60 added to the day.</summary>
    public static bool SwedishPerson(ReadOnlySpan<char> c)
    {
        var year = c.Length == 12 ? Number(c[..4]) : 2000;
        var shortForm = c[^10..];
        var day = Number(shortForm[4..6]);
        return year is >= 1840 and <= 2100 && IsDate(year, Number(shortForm[2..4]), day > 60 ? day - 60 : day) && Luhn(shortForm);
    }

    public static bool SwedishCompany(ReadOnlySpan<char> c) => c[2] >= '2' && Luhn(c);

    public static bool Nhs(ReadOnlySpan<char> c)
    {
        var check = 11 - (Weighted(c, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11);
        return (check == 11 ? 0 : check) == Digit(c[9]) && !AllSame(c);
    }

    public static bool Nino(ReadOnlySpan<char> c) =>
        !"DFIQUV".Contains(c[0]) && !"DFIQUVO".Contains(c[1]) && c[..2] is not ("BG" or "GB" or "KN" or "NK" or "NT" or "TN" or "ZZ")
            && c[8] is >= 'A' and <= 'D';

    public static bool Postcode(ReadOnlySpan<char> c)
    {
        if (c is "GIR0AA")
        {
            return true;
        }

        return !"QVX".Contains(c[0])
            && (!char.IsAsciiLetter(c[1]) || !"IJZ".Contains(c[1]))
            && c[^2..].IndexOfAny(NotInPostcodes) < 0;
    }

    public static bool BritishLicence(ReadOnlySpan<char> c)
    {
        var name = c[..5];
        var end = name.IndexOf('9');
        var letters = end < 0 ? name : name[..end];
        return letters.Length > 0 && letters.IndexOfAnyExceptInRange('A', 'Z') < 0 && (end < 0 || AllSame(name[end..]))
            && (Number(c[6..8]) % 50) is >= 1 and <= 12 && Number(c[8..10]) is >= 1 and <= 31
            && (c[11] == '9' || char.IsAsciiLetter(c[11]))
            && (c[12] == '9' || char.IsAsciiLetter(c[12])) | char.IsAsciiLetterOrDigit(c[12]);
    }

    public static bool BritishPlate(ReadOnlySpan<char> c) =>
        Number(c[2..4]) is (>= 2 and <= 29) or (>= 51 and <= 79) && c[..2].IndexOfAny("IQZ") < 0 && c[4..].IndexOfAny("IQ") < 0;

    public static bool BritishOldPlate(ReadOnlySpan<char> c)
    {
        var year = char.IsAsciiDigit(c[1]) ? c[0] : c[^1];
        return !"IOQUZ".Contains(year) && c.IndexOfAny("IQ") < 0;
    }

    private static bool IsMaestro(int prefix) => prefix / 100 is 50 or (>= 56 and <= 58) || prefix / 1000 == 6;

    private static bool IsGermanDocument(ReadOnlySpan<char> c)
    {
        if (!DocumentLetters.Contains(c[0]))
        {
            return false;
        }

        foreach (var x in c)
        {
            if (!char.IsAsciiDigit(x) && !DocumentLetters.Contains(x))
            {
                return false;
            }
        }

        return true;
    }

    private static int DigitSums(ReadOnlySpan<char> digits, ReadOnlySpan<byte> weights)
    {
        var sum = 0;
        for (var i = 0; i < weights.Length; i++)
        {
            var product = (digits[i] - '0') * weights[i];
            sum += (product / 10) + (product % 10);
        }

        return sum;
    }
}
