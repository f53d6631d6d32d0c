using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Pii.Identifiers;
using Gatehouse.Guardrails.Pii.Names;

namespace Gatehouse.Guardrails.Anonymising;

/// <summary>
/// Makes values of the same form that belong to nobody. The same value gives the same one under the same key. Check digits of cards and
/// IBANs are right; addresses on the network come from the ranges that are kept for examples.
/// </summary>
internal sealed class SyntheticValues(ReadOnlyMemory<byte> key)
{
    private static readonly Lazy<(string[] First, string[] Last, string[] Cities)> Names = new(ReadNames);

    public string For(string type, ReadOnlySpan<char> value)
    {
        var dice = new Dice(key.Span, type, value);
        return type switch
        {
            PiiTypes.Person => Person(value, ref dice),
            PiiTypes.Location => dice.Any(Names.Value.Cities),
            PiiTypes.Email =>
                $"{dice.Any(Names.Value.First).ToLowerInvariant()}.{dice.Next(1000).ToString(CultureInfo.InvariantCulture)}@example.com",
            PiiTypes.Url => $"https://example.com/{dice.Next(1 << 20).ToString("x", CultureInfo.InvariantCulture)}",
            PiiTypes.Ip => value.Contains(':')
                ? $"2001:db8::{dice.Next(1 << 16).ToString("x", CultureInfo.InvariantCulture)}"
                : $"203.0.113.{dice.Next(256).ToString(CultureInfo.InvariantCulture)}",
            PiiTypes.Card => Card(value, ref dice),
            PiiTypes.Iban => Iban(value, ref dice),
            PiiTypes.Organization => $"{dice.Any(Names.Value.Last)} {dice.Any(["Ltd", "Group", "Partners", "Company"])}",
            _ => SameForm(value, ref dice),
        };
    }

    private static string Person(ReadOnlySpan<char> value, ref Dice dice)
    {
        var words = value.Trim().ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i < words.Length; i++)
        {
            words[i] = words[i].TrimEnd('.').Length == 1 ? $"{(char)('A' + dice.Next(26))}."
                : dice.Any(i == words.Length - 1 && i > 0 ? Names.Value.Last : Names.Value.First);
        }

        return string.Join(' ', words);
    }

    private static string Card(ReadOnlySpan<char> value, ref Dice dice)
    {
        // The first digit says the network and stays; the last makes the sum right.
        var made = SameForm(value, ref dice, keep: 1).ToCharArray();
        var last = Array.FindLastIndex(made, char.IsAsciiDigit);
        var digits = made.Where(char.IsAsciiDigit).ToArray();
        for (var check = 0; check < 10; check++)
        {
            digits[^1] = (char)('0' + check);
            if (Checksums.Luhn(digits))
            {
                made[last] = digits[^1];
            }
        }

        return new(made);
    }

    private static string Iban(ReadOnlySpan<char> value, ref Dice dice)
    {
        var made = SameForm(value, ref dice, keep: 4).ToUpperInvariant().ToCharArray();
        var places = Enumerable.Range(0, made.Length).Where(i => char.IsAsciiLetterOrDigit(made[i])).ToArray();
        var compact = places.Select(i => made[i]).ToArray();
        for (var check = 2; check < 99; check++)
        {
            (compact[2], compact[3]) = ((char)('0' + (check / 10)), (char)('0' + (check % 10)));
            if (Checksums.Mod97(compact))
            {
                (made[places[2]], made[places[3]]) = (compact[2], compact[3]);
                break;
            }
        }

        return new(made);
    }

    /// <summary>Digits for digits and letters for letters; what stands between stays.</summary>
    private static string SameForm(ReadOnlySpan<char> value, ref Dice dice, int keep = 0)
    {
        var made = new StringBuilder(value.Length);
        foreach (var c in value)
        {
            if (keep > 0 && char.IsAsciiLetterOrDigit(c))
            {
                keep--;
                made.Append(c);
            }
            else
            {
                made.Append(char.IsAsciiDigit(c)
                    ? (char)('0' + dice.Next(10))
                    : char.IsUpper(c) ? (char)('A' + dice.Next(26)) : char.IsLetter(c) ? (char)('a' + dice.Next(26)) : c);
            }
        }

        return made.ToString();
    }

    private static (string[] First, string[] Last, string[] Cities) ReadNames()
    {
        var lists = Training.NameCorpus.ReadLists(Gazetteer.Lines("words.txt"));
        return (Latin("first"), Latin("last"), Latin("city"));

        string[] Latin(string list) => [.. lists[list].Where(n => n.All(c => char.IsAsciiLetter(c)))];
    }

    /// <summary>Numbers that follow from the key, the type and the value.</summary>
    private struct Dice
    {
        private readonly byte[] _seed;
        private int _rolled;

        public Dice(ReadOnlySpan<byte> key, string type, ReadOnlySpan<char> value) =>
            _seed = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{type}\n{value}"));

        public int Next(int below)
        {
            Span<byte> block = stackalloc byte[32];
            HMACSHA256.HashData(_seed, BitConverter.GetBytes(_rolled++), block);
            return (int)(BitConverter.ToUInt32(block) % (uint)below);
        }

        public string Any(string[] of) => of[Next(of.Length)];
    }
}
