using System.Buffers;
using System.Runtime.CompilerServices;
using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Secrets;

/// <summary>
/// Finds credentials in four ways, in one pass over each: keys with a provider's prefix inside long unbroken tokens, tokens whose structure
/// can be verified (JWT, PEM), user and password in addresses, and values next to words like <c>secret</c> or <c>password</c>.
/// </summary>
public sealed class SecretDetector : IDetector
{
    /// <summary>Shorter than any form without a prefix that may be letters only.</summary>
    private const int MaxWords = 40;

    private static readonly SearchValues<char> WordCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-/");

    /// <summary>How much of the words and marks that are searched for may come after a sign in them: BEGIN after five dashes.</summary>
    private const int PastSign = 8;

    /// <summary>
    /// A value after a word for a credential, an address or a private key has one of these, or sixteen letters in a row
    /// (<see cref="KeywordScanner"/> tells prose by that): nothing needs to be searched far before the first of them or behind the last,
    /// and most prose has none.
    /// </summary>
    private static readonly SearchValues<char> Signs = SearchValues.Create("-=:\"'`0123456789");

    private static readonly KeyFormat[][] ByFirst = Index();

    /// <summary>The pairs of characters that prefixes begin with, a bit each: prose has few of them.</summary>
    private static readonly ulong[] Beginnings = Pairs();

    private readonly float _minScore;

    /// <param name="minScore">Findings below are dropped. Default 0.5.</param>
    public SecretDetector(float minScore = .5f) => _minScore = minScore;

    /// <summary>The detector with default options.</summary>
    public static SecretDetector Default { get; } = new();

    public DetectorKind Kind => DetectorKind.Secrets;

    public void Find(ReadOnlySpan<char> text, in DetectionContext context, FindingList findings)
    {
        var first = findings.Count;
        FindAll(text, findings);
        if (FoldedText.IsNeeded(text))
        {
            using var folded = FoldedText.Read(text);
            if (folded.IsChanged)
            {
                var second = findings.Count;
                FindAll(folded.Chars, findings);
                folded.ToOriginal(findings, second);
            }
        }

        findings.ResolveOverlaps(first);
        Filter(findings, first);
    }

    private static void FindAll(ReadOnlySpan<char> text, FindingList findings)
    {
        var (from, to) = FindTokens(text, findings);
        from = text.IndexOfAny(Signs) is >= 0 and var sign ? Math.Min(from, sign) : from;
        to = Math.Max(to, text.LastIndexOfAny(Signs) + PastSign);
        if (from < text.Length)
        {
            var reach = text[..Math.Min(text.Length, to)];
            KeywordScanner.Find(text, reach, text[..Math.Max(0, from - KeywordScanner.Reach)].LastIndexOf(' ') + 1, findings);
            PasswordWords.Find(text, reach, findings);
            AddressScanner.Find(text, reach, from, findings);
        }
    }

    private void Filter(FindingList findings, int first)
    {
        var kept = first;
        for (var i = first; i < findings.Count; i++)
        {
            if (findings[i].Score >= _minScore)
            {
                findings.Set(kept++, findings[i]);
            }
        }

        findings.Truncate(kept);
    }

    /// <summary>Looks at every run of at least <see cref="TokenRuns.Least"/> token characters.</summary>
    /// <returns>Where the first run of sixteen or more starts, or the end of the text; and where the last one ends, or 0.</returns>
    private static (int First, int Last) FindTokens(ReadOnlySpan<char> text, FindingList findings)
    {
        var (first, last) = (text.Length, 0);
        for (var at = 0; TokenRuns.Next(text, ref at, out var end); at = end + 1)
        {
            FindInToken(text, at, end, findings);
            if (end - at >= KeywordScanner.LongWord)
            {
                (first, last) = (Math.Min(first, at), end);
            }
        }

        return (first, last);
    }

    private static void FindInToken(ReadOnlySpan<char> text, int start, int end, FindingList findings)
    {
        var bodies = default(Bodies);
        for (var at = start; at + 6 <= end; at++)
        {
            if (at > start && char.IsAsciiLetterOrDigit(text[at - 1]))
            {
                continue;
            }

            var c = text[at];
            if (c >= 128)
            {
                continue;
            }

            if (c == 'e' && text[at..end].StartsWith("eyJ") && FindWebToken(text, at, end, findings) is > 0 and var next)
            {
                at = next;
                continue;
            }

            var found = BeginsPrefix(c, text[at + 1]) ? FindKey(text, at, end, ref bodies, findings) : 0;
            at = found > 0 ? found - 1 : at;
        }

        if (IsWords(text[start..end]))
        {
            return;
        }

        FindShaped(text, start, end, findings);
        FindByService(text, start, end, findings);
        FindResource(text, start, end, findings);
    }

    /// <summary>Letters and dashes, perhaps with a stop at the end: no form without a prefix is without a digit or a sign.</summary>
    private static bool IsWords(ReadOnlySpan<char> token) =>
        token.Length < MaxWords && token[..^1].IndexOfAnyExcept(WordCharacters) < 0 && token[^1] is not ('$' or '=' or '~' or '|' or '@');

    /// <summary>A random value right after the name of a service that gives out keys.</summary>
    private static void FindByService(ReadOnlySpan<char> text, int start, int end, FindingList findings)
    {
        var token = text[start..end];
        var divide = token.IndexOfAny('=', ':');
        var name = (divide is > 2 and < 24 ? token[..divide] : Before(text, start)).TrimStart('-');
        name = name.StartsWith("Dsonar") ? name[1..] : name; // a property of Java
        var from = divide is > 2 and < 24 ? start + divide + 1 : start;
        while (from < end && text[from] is '=' or ':' or '/')
        {
            from++;
        }

        var value = text[from..end].TrimEnd(".:");
        if (value.Length is >= 16 and <= 200 && IsOfService(name) && !SecretShape.IsPlaceholder(value) && SecretShape.IsMixed(value)
            && value.IndexOf("//") < 0 && SecretShape.Entropy(value) > 2.6 && !value.Contains('.'))
        {
            Add(findings, "secret.service", from, from + value.Length, .6f);
        }
    }

    /// <summary>The name is a service's, or starts with one: asana_pat, auth0.client_id.</summary>
    private static bool IsOfService(ReadOnlySpan<char> name)
    {
        if (Services.Has(name))
        {
            return true;
        }

        var end = name.IndexOfAny('_', '.', '-');
        return end > 0 && Services.Has(name[..end]);
    }

    /// <summary>The word before, over blanks, quotes and signs of assignment.</summary>
    private static ReadOnlySpan<char> Before(ReadOnlySpan<char> text, int start)
    {
        var end = start;
        while (end > 0 && start - end < 6 && text[end - 1] is ' ' or '=' or ':' or '"' or '\'' or '\t' or ',')
        {
            end--;
        }

        var begin = end;
        while (begin > 0 && end - begin < 32 && (char.IsAsciiLetterOrDigit(text[begin - 1]) || text[begin - 1] is '_' or '.' or '-'))
        {
            begin--;
        }

        return text[begin..end];
    }

    /// <summary>Names of an organisation's own resources at a cloud provider: no key, but what an attacker looks for first.</summary>
    private static void FindResource(ReadOnlySpan<char> text, int start, int end, FindingList findings)
    {
        var token = text[start..end];
        var isResource = (token.IndexOf("arn:aws") >= 0 && token.IndexOf("::aws:") < 0 && token.Length > 20)
            || token.IndexOf(".apps.googleusercontent.com") >= 20
            || token.IndexOf(".s3.amazonaws.com") > 2 || token.IndexOf("s3.amazonaws.com/") >= 0
            || token.IndexOf(".myshopify.com") > 2 || token.IndexOf(".blob.core.windows.net") > 2 || token.IndexOf(".atlassian.net") > 2
            || token.IndexOf(".storage.googleapis.com") > 0 || token.IndexOf(".jfrog.io") > 0 || token.IndexOf(".auth0.com") > 2
            || token.IndexOf(".openai.azure.com") > 2 || token.IndexOf(".search.windows.net") > 2;
        if (isResource)
        {
            Add(findings, "secret.resource", start, end, .5f);
        }
    }

    private static int FindWebToken(ReadOnlySpan<char> text, int at, int end, FindingList findings)
    {
        var header = text[at..Math.Min(end, at + JsonWebToken.MaxHeader)].IndexOf('.');
        if (header < 0 || !JsonWebToken.IsHeader(text.Slice(at, header)))
        {
            return 0;
        }

        var stop = at;
        while (stop < end && (char.IsAsciiLetterOrDigit(text[stop]) || text[stop] is '-' or '_' or '.' or '='))
        {
            stop++;
        }

        while (stop > at && text[stop - 1] == '.' && !text[at..stop].EndsWith(".."))
        {
            stop--;
        }

        if (!JsonWebToken.Is(text[at..stop]))
        {
            return 0;
        }

        Add(findings, "secret.jwt", at, stop, .9f);
        return stop;
    }

    private static bool BeginsPrefix(char first, char second) =>
        second < 128 && (Beginnings[(first << 1) | (second >> 6)] & (1UL << (second & 63))) != 0;

    private static int FindKey(ReadOnlySpan<char> text, int at, int end, ref Bodies bodies, FindingList findings)
    {
        foreach (var format in ByFirst[text[at]])
        {
            if (!text[at..end].StartsWith(format.Prefix))
            {
                continue;
            }

            var body = at + format.Prefix.Length;
            var limit = Math.Min(end, body + format.Most + 1);
            ref var known = ref bodies[(int)format.Alphabet];
            known = known.From <= body && body <= known.To ? known : (body, body);
            var stop = Math.Min(known.To, limit);
            while (stop < limit && SecretShape.Fits(text.Slice(stop, 1), format.Alphabet))
            {
                stop++;
            }

            known.To = Math.Max(known.To, stop);

            while (stop > body && text[stop - 1] is '.' or '/' or '-' && stop - body > format.Least)
            {
                stop--;
            }

            var length = stop - body;
            var isFile = at > 0 && text[at - 1] == '.' && stop < end && text[stop] == '.';
            if (length < format.Least || length > format.Most || (stop < end && char.IsAsciiLetterOrDigit(text[stop])) || isFile
                || SecretShape.IsElided(text, stop))
            {
                continue;
            }

            var key = text[at..stop];
            if ((format.Check is { } check && !check(key)) || IsDull(key[format.Prefix.Length..], format) || SecretShape.IsPublished(key))
            {
                continue;
            }

            Add(findings, format.Rule, at, stop, .9f);
            return stop;
        }

        return 0;
    }

    /// <summary>A body of words or of one character stands for a key in documents.</summary>
    private static bool IsDull(ReadOnlySpan<char> body, KeyFormat format)
    {
        if (SecretShape.IsPlaceholder(body) && format.Prefix != "AKC")
        {
            return format.Prefix is not ("tvly-" or "AP");
        }

        if (body.Length < 20 || format.Alphabet == KeyAlphabet.Hex)
        {
            return format.Alphabet == KeyAlphabet.Hex && SecretShape.Entropy(body) < 2;
        }

        var hasDigit = body.IndexOfAnyInRange('0', '9') >= 0;
        var hasUpper = body.IndexOfAnyInRange('A', 'Z') >= 0;
        var hasLower = body.IndexOfAnyInRange('a', 'z') >= 0;
        return (!hasDigit && hasUpper != hasLower && format.Alphabet is not (KeyAlphabet.LowerBase36 or KeyAlphabet.UpperBase36)
            && SecretShape.Entropy(body) < 4) || SecretShape.Entropy(body) < 1.5;
    }

    /// <summary>Formats without a prefix that no other text has.</summary>
    private static void FindShaped(ReadOnlySpan<char> text, int start, int end, FindingList findings)
    {
        var token = text[start..end];
        var tilde = token.IndexOf("Q~");
        if (tilde >= 2 && char.IsAsciiDigit(token[tilde - 1]))
        {
            // Microsoft Entra client secret: three characters, a digit, Q~, 31 to 34 more.
            var from = tilde - 4 >= 0 ? tilde - 4 : 0;
            var to = tilde + 2;
            while (to < token.Length && (char.IsAsciiLetterOrDigit(token[to]) || token[to] is '-' or '_' or '.' or '~'))
            {
                to++;
            }

            if (to - tilde is >= 33 and <= 36)
            {
                Add(findings, "secret.azure.client-secret", start + from, start + to, .85f);
            }
        }

        // Telegram: eight to ten digits, a colon, AA and 33 more. Facebook: digits, a bar, 27 more.
        foreach (var mark in (ReadOnlySpan<char>)[':', '|'])
        {
            var at = token.IndexOf(mark);
            if (at is >= 8 and <= 17 && token[..at].IndexOfAnyExceptInRange('0', '9') < 0)
            {
                var body = token[(at + 1)..].TrimEnd(".:/=");
                if (body.Length is >= 26 and <= 36 && SecretShape.Fits(body, KeyAlphabet.Word) && SecretShape.Entropy(body) > 3)
                {
                    Add(findings, mark == ':' ? "secret.telegram.token" : "secret.facebook.token", start, start + at + 1 + body.Length,
                        .85f);
                }
            }
        }

        FindAnchored(text, start, end, findings);
        FindDotted(text, start, end, findings);
        if (token.StartsWith("$") || token.IndexOf("$2") >= 0 || token.IndexOf("$6$") >= 0 || token.IndexOf("$5$") >= 0
            || token.IndexOf("$1$") >= 0)
        {
            FindPasswordHash(text, start, end, findings);
        }
    }

    /// <summary>Azure DevOps: 76, AZDO, 4 more. TrueNAS: a number, 64 more. MaxMind: six, 29, and _mmk.</summary>
    private static void FindAnchored(ReadOnlySpan<char> text, int start, int end, FindingList findings)
    {
        var token = text[start..end];
        var mark = token.Length >= 84 ? token.IndexOf("AZDO") : -1;
        if (mark >= 76 && mark + 8 <= token.Length && (mark == 76 || !char.IsAsciiLetterOrDigit(token[mark - 77]))
            && SecretShape.Fits(token.Slice(mark - 76, 84), KeyAlphabet.Base62))
        {
            Add(findings, "secret.azure.devops", start + mark - 76, start + mark + 8, .9f);
        }

        var dash = token.IndexOf('-');
        if (dash is > 0 and < 5 && token.Length == dash + 65 && token[..dash].IndexOfAnyExceptInRange('0', '9') < 0
            && SecretShape.Fits(token[(dash + 1)..], KeyAlphabet.Base62) && SecretShape.IsMixed(token[(dash + 1)..]))
        {
            Add(findings, "secret.truenas.key", start, end, .8f);
        }

        if (token.Length == 40 && token.EndsWith("_mmk"))
        {
            Add(findings, "secret.maxmind.key", start, end, .9f);
        }
    }

    /// <summary>Discord: three parts of 23 to 28, 6 and 27 to 38. Zoho: 1000, two of 32 hex digits.</summary>
    private static void FindDotted(ReadOnlySpan<char> text, int start, int end, FindingList findings)
    {
        Span<Range> parts = stackalloc Range[5];
        var token = text[start..end].TrimStart("=:");
        start = end - token.Length;
        var count = token.Split(parts, '.');
        if (count == 3)
        {
            var a = token[parts[0]];
            var b = token[parts[1]];
            var c = token[parts[2]];
            if (a.Length is >= 23 and <= 28 && b.Length == 6 && c.Length is >= 27 and <= 38 && a[0] is 'M' or 'N' or 'O'
                && SecretShape.Fits(a, KeyAlphabet.Word) && SecretShape.Fits(b, KeyAlphabet.Word) && SecretShape.Fits(c, KeyAlphabet.Word))
            {
                Add(findings, "secret.discord.token", start, end, .85f);
            }
            else if (a is "1000" && b.Length == 32 && c.Length == 32 && SecretShape.IsHex(b) && SecretShape.IsHex(c))
            {
                Add(findings, "secret.zoho.token", start, end, .85f);
            }
        }

        var atlas = token.IndexOf(".atlasv1.");
        if (atlas == 14 && token.Length >= 70)
        {
            Add(findings, "secret.hashicorp.token", start, end, .9f);
        }
    }

    /// <summary>crypt(3): an algorithm, perhaps a cost, a salt and the hash.</summary>
    private static void FindPasswordHash(ReadOnlySpan<char> text, int start, int end, FindingList findings)
    {
        var token = text[start..end];
        var at = token.IndexOf('$');
        var hash = token[at..];
        var isHash = hash.Length >= 25 && hash.Count('$') is >= 3 and <= 6
            && (hash.StartsWith("$2a$") || hash.StartsWith("$2b$") || hash.StartsWith("$2y$") || hash.StartsWith("$1$")
                || hash.StartsWith("$5$") || hash.StartsWith("$6$")
                || hash.StartsWith("$argon2") || hash.StartsWith("$krb5") || hash.StartsWith("$y$") || hash.StartsWith("$pbkdf2"));
        if (isHash)
        {
            Add(findings, "secret.password-hash", start + at, end, .8f);
        }
    }

    private static void Add(FindingList findings, string rule, int start, int end, float score) =>
        findings.Add(new(DetectorKind.Secrets, rule, FindingTypes.Secret, start, end - start, score));

    /// <summary>Formats by the code of their first character, longer prefixes first.</summary>
    private static KeyFormat[][] Index()
    {
        var index = new KeyFormat[128][];
        for (var c = 0; c < 128; c++)
        {
            index[c] = [.. KeyFormats.All.Where(f => f.Prefix[0] == c).OrderByDescending(f => f.Prefix.Length)];
        }

        return index;
    }

    private static ulong[] Pairs()
    {
        var pairs = new ulong[128 * 2];
        foreach (var format in KeyFormats.All)
        {
            var (first, second) = (format.Prefix[0], format.Prefix[1]);
            pairs[(first << 1) | (second >> 6)] |= 1UL << (second & 63);
        }

        return pairs;
    }

    /// <summary>
    /// For each alphabet a stretch of the token that is known to be of it: keys may be thousands of characters long, and a token may have a
    /// beginning of one at every sixth.
    /// </summary>
    [InlineArray((int)KeyAlphabet.Token + 1)]
    private struct Bodies
    {
        private (int From, int To) _first;
    }
}
