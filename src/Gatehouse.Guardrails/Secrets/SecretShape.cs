using System.Buffers;
using System.Collections.Frozen;

namespace Gatehouse.Guardrails.Secrets;

/// <summary>How random a string looks, and whether it only stands for a secret.</summary>
internal static class SecretShape
{
    /// <summary>Keys that Google publishes in the samples of Firebase: everybody's, so nobody's secret.</summary>
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Published = FrozenSet.Create(
        StringComparer.Ordinal, "AIzaSyAnLA7NfeLquW1tJFpx_eQCxoX-oo6YyIs", "AIzaSyANUvH9H9BsUccjsu2pCmEkOPjjaXeDQgY",
        "AIzaSyA4UrcGxgwQFTfaI3no3t7Lt1sjmdnP5sQ", "AIzaSyA8vmApnrHNFE0bApF4hoZ11srVL_n0nvY").GetAlternateLookup<ReadOnlySpan<char>>();

    private static readonly SearchValues<string> Placeholders = SearchValues.Create(
        [
            "${", "{{", "$(", "<%", "%s", "%{", "xxxxx", "*****", ".....", "#####", "your-", "your_", "yourtoken", "yourkey", "your ",
            "placeholder", "changeme", "change_me", "redacted", "insert-", "<your", "getenv", "process.env", "os.environ",
            "-here", "_here", "notareal", "notreal", "tokenhere", "keyhere", "secrethere", "stringhere", "todo", "undefined", "null,",
            "example-", "config.", "self.", "this.", "env.", "env[", "secrets.", "params.", "input(", "_post[", "request.", "settings.",
            "options.", "var.",
        ],
        StringComparison.OrdinalIgnoreCase);

    /// <summary>Letters and digits, not a word with a number at its end.</summary>
    public static bool IsMixed(ReadOnlySpan<char> text)
    {
        var (letters, digits, changes) = (0, 0, 0);
        var was = 0;
        foreach (var c in text)
        {
            var kind = char.IsAsciiDigit(c) ? 1 : char.IsAsciiLetter(c) ? 2 : 0;
            digits += kind == 1 ? 1 : 0;
            letters += kind == 2 ? 1 : 0;
            changes += kind != 0 && was != 0 && kind != was ? 1 : 0;
            was = kind == 0 ? was : kind;
        }

        return letters > 0 && digits > 0 && (changes > 1 || digits >= 6);
    }

    /// <summary>How often letters and digits take turns.</summary>
    public static int Changes(ReadOnlySpan<char> text)
    {
        var changes = 0;
        for (var i = 1; i < text.Length; i++)
        {
            changes += char.IsAsciiDigit(text[i]) != char.IsAsciiDigit(text[i - 1]) && char.IsAsciiLetterOrDigit(text[i])
                && char.IsAsciiLetterOrDigit(text[i - 1]) ? 1 : 0;
        }

        return changes;
    }

    /// <summary>Whether a key stands in the documents of who gives such keys out.</summary>
    public static bool IsPublished(ReadOnlySpan<char> key) => Published.Contains(key);

    public static bool IsPlaceholder(ReadOnlySpan<char> text) =>
        text.IndexOfAny(Placeholders) >= 0 || text[0] is '$' or '<' or '{' or '[' or '%' or '@' or '(' or '*';

    /// <summary>Ten characters of the alphabet in its order: abcdefghij, 1234567890.</summary>
    public static bool HasSequence(ReadOnlySpan<char> text)
    {
        var run = 1;
        for (var i = 1; i < text.Length; i++)
        {
            run = text[i] == text[i - 1] + 1 ? run + 1 : 1;
            if (run == 10)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Left out after its beginning: dots, asterisks or signs stand for the rest.</summary>
    public static bool IsElided(ReadOnlySpan<char> text, int end)
    {
        var rest = text[end..Math.Min(text.Length, end + 4)].TrimStart('-');
        return rest.StartsWith("..") || rest.StartsWith("##") || rest.StartsWith("**") || rest.StartsWith("\u2026");
    }

    /// <summary>Words that say what belongs there: user and password, username and token.</summary>
    public static bool IsNamedPair(ReadOnlySpan<char> user, ReadOnlySpan<char> password) =>
        user is "user" or "username" or "name" or "login" or "USER" or "USERNAME"
        && password is "password" or "pass" or "passwd" or "pw" or "token" or "PASSWORD" or "TOKEN" or "api_key" or "apikey" or "api_token";

    /// <summary>Shannon entropy of the characters, in bits.</summary>
    public static double Entropy(ReadOnlySpan<char> text)
    {
        Span<int> counts = stackalloc int[128];
        counts.Clear();
        var total = 0;
        foreach (var c in text)
        {
            if (c < 128)
            {
                counts[c]++;
                total++;
            }
        }

        var entropy = 0.0;
        foreach (var count in counts)
        {
            if (count > 0)
            {
                var p = (double)count / total;
                entropy -= p * Math.Log2(p);
            }
        }

        return entropy;
    }

    public static bool IsUuid(ReadOnlySpan<char> text)
    {
        if (text.Length != 36)
        {
            return false;
        }

        for (var i = 0; i < 36; i++)
        {
            if (i is 8 or 13 or 18 or 23 ? text[i] != '-' : !char.IsAsciiHexDigit(text[i]))
            {
                return false;
            }
        }

        return true;
    }

    public static bool IsHex(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiHexDigit(c))
            {
                return false;
            }
        }

        return true;
    }

    public static bool Fits(ReadOnlySpan<char> text, KeyAlphabet alphabet)
    {
        foreach (var c in text)
        {
            var fits = alphabet switch
            {
                KeyAlphabet.Base62 => char.IsAsciiLetterOrDigit(c),
                KeyAlphabet.Hex => char.IsAsciiHexDigit(c),
                KeyAlphabet.LowerBase36 => char.IsAsciiDigit(c) || char.IsAsciiLetterLower(c),
                KeyAlphabet.UpperBase36 => char.IsAsciiDigit(c) || char.IsAsciiLetterUpper(c),
                KeyAlphabet.Base64 => char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '=' or '-' or '_' or ',',
                KeyAlphabet.Token => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or '=' or '+',
                _ => char.IsAsciiLetterOrDigit(c) || c is '-' or '_',
            };
            if (!fits)
            {
                return false;
            }
        }

        return true;
    }
}
