using System.Buffers;

namespace Gatehouse.Guardrails.Secrets;

/// <summary>
/// Values that stand next to a word for a credential: <c>api_key = "…"</c>, <c>Authorization: Bearer …</c>, <c>--user name:…</c>.
/// </summary>
internal static class KeywordScanner
{
    /// <summary>So many letters in a row are no word of prose.</summary>
    public const int LongWord = 16;

    /// <summary>More than a word and the sixty-four characters after it, in which the sign of a value must stand.</summary>
    public const int Reach = 96;

    private const int MaxValue = 512;

    /// <summary>How far after the word the value may start.</summary>
    private const int MaxGap = 36;

    private static readonly SearchValues<string> Words = SearchValues.Create(
        ["passw", "pwd", "secret", "token", "key", "credential", "bearer", "basic ", "access", "private", "auth", "--user", " -u ", "pass=",
            "pass:", "passphrase", "ssws ", "sid", "unseal", "_pat"],
        StringComparison.OrdinalIgnoreCase);

    private static readonly SearchValues<char> Letters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private static readonly SearchValues<char> ValueEnd = SearchValues.Create(" \t\r\n\"'`<>,;()[]{}&\\");

    private static readonly SearchValues<char> Plain = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+/=~%|:!#@$^*?&");

    /// <summary>What may follow the stem and still be the word; then a letter in lower case makes it another word.</summary>
    private static readonly (string Word, string[] Ends)[] Completions =
    [
        ("passphrase", []), ("passw", ["ords", "ord", "d", "ort"]), ("pass", []), ("pwd", []), ("secret", ["s"]), ("token", ["s"]),
        ("key", ["s"]), ("credential", ["s"]), ("bearer", []), ("basic", []),
        ("access", ["key", "token"]), ("private", ["key"]), ("auth", ["orization", "orisation", "entication", "enticate"]), ("ssws", []),
        ("sid", []), ("pat", []), ("unseal", []), ("_pat", []),
    ];

    /// <summary>What may stand right before key or token in one word.</summary>
    private static readonly string[] Owners =
        ["api", "auth", "access", "secret", "private", "license", "licence", "user", "bot", "client", "app", "service", "jwt", "web"];

    private static readonly string[] WordParts = ["-", "_", ".", ":", "=", "secret", "token", "key", "access", "private", "api"];

    /// <summary>After the word they make it the name of something about a credential.</summary>
    private static readonly SearchValues<string> NotTail = SearchValues.Create(
        ["name", "length", "file", "path", "pair", "char", "sign", "size", "type", "count", "code", "event", "store", "vault", "ring",
            "map", "list", "index", "column", "field", "policy", "expir", "url", "uri", "endpoint", "format", "error", "or\"", "meshing",
            "_id", "version", "reset", "confirm", "valid"],
        StringComparison.OrdinalIgnoreCase);

    private static readonly SearchValues<char> Literals = SearchValues.Create("=:\"'`0123456789");

    private static readonly SearchValues<char> Marks = SearchValues.Create("!@#%^&*");

    private static readonly SearchValues<string> NotSecret = SearchValues.Create(
        ["public", "keyboard", "primary", "foreign", "kms_key_id", "key_id", "keyid", "publickey", "author", "token_count", "tokens",
            "keyword", "monkey", "turkey", "keynote", "sidebar", "side", "inside", "outside", "consider", "president", "resid",
            "authenticity", "csrf", "xsrf", "requestverification", "pagetoken", "page_token", "nexttoken", "next_token", "continuation"],
        StringComparison.OrdinalIgnoreCase);

    /// <param name="text">The whole text.</param>
    /// <param name="reach">Its beginning, behind which no value is.</param>
    /// <param name="from">Just after a blank: no word before it has a value.</param>
    /// <param name="findings">Gets what is found.</param>
    public static void Find(ReadOnlySpan<char> text, ReadOnlySpan<char> reach, int from, FindingList findings)
    {
        for (var at = from; at < reach.Length;)
        {
            var next = reach[at..].IndexOfAny(Words);
            if (next < 0)
            {
                return;
            }

            at += next;
            at = FindAt(text, at, findings);
        }
    }

    /// <summary>The password behind the sign that follows a word for one.</summary>
    /// <param name="text">The whole text.</param>
    /// <param name="sign">Where the sign is.</param>
    /// <param name="onlyMixed">The word has another meaning: a value without a letter or without a digit is none.</param>
    /// <param name="findings">Gets what is found.</param>
    public static void FindPassword(ReadOnlySpan<char> text, int sign, bool onlyMixed, FindingList findings)
    {
        var value = FindValue(text, sign, out var isAssigned, out var isQuoted);
        var candidate = text[value.Start..value.End];
        var word = candidate.TrimEnd("!?.,");
        var isProse = word.Length < candidate.Length && !word.ContainsAnyExcept(Letters);
        if (isProse || (onlyMixed && (!candidate.ContainsAnyInRange('0', '9') || !candidate.ContainsAny(Letters))))
        {
            return;
        }

        if (Score(text, value, "", isPassword: true, isAssigned, isQuoted) is > 0 and var score)
        {
            findings.Add(
                new(DetectorKind.Secrets, "secret.password", FindingTypes.Secret, value.Start, value.End - value.Start, score));
        }
    }

    private static int FindAt(ReadOnlySpan<char> text, int at, FindingList findings)
    {
        if (text[at] is '-' or ' ')
        {
            return FindUser(text, at, findings);
        }

        var keyword = KeywordEnd(text, at);
        if (keyword == 0)
        {
            return at + 3;
        }

        var isPassword = text[at] is 'p' or 'P' && !text[at..].StartsWith("pri", StringComparison.OrdinalIgnoreCase);
        var ahead = text[keyword..Math.Min(text.Length, keyword + (isPassword ? 24 : 64))];
        if (ahead.IndexOfAny(Literals) < 0 && (isPassword || !HasLongWord(ahead)))
        {
            return keyword; // prose about keys and passwords
        }

        var start = at;
        while (start > 0 && at - start < 48 && IsName(text[start - 1]))
        {
            start--;
        }

        var end = keyword;
        while (end < text.Length && end - keyword < 24 && (char.IsAsciiLetterOrDigit(text[end]) || text[end] is '_' or '-'))
        {
            end++;
        }

        var word = text[start..end];
        var isName = text[keyword..end].IndexOfAny(NotTail) < 0 && word.IndexOfAny(NotSecret) < 0;
        var value = isName ? FindValue(text, end, out var isAssigned, out var isQuoted) : FindNone(out isAssigned, out isQuoted);
        var score = Score(text, value, word, isPassword, isAssigned, isQuoted);
        if (score == 0 && !isPassword)
        {
            // serviceTOKENvalue, service-secret-value: the value is the rest of the word.
            value = WithinWord(text, keyword);
            score = Score(text, value, word, isPassword, isAssigned: false, isQuoted: false);
        }

        if (score > 0)
        {
            findings.Add(
                new(DetectorKind.Secrets, isPassword ? "secret.password" : "secret.keyword", FindingTypes.Secret, value.Start,
                    value.End - value.Start, score));
            return value.End;
        }

        return keyword;
    }

    private static bool HasLongWord(ReadOnlySpan<char> text)
    {
        var run = 0;
        foreach (var c in text)
        {
            run = char.IsAsciiLetter(c) ? run + 1 : 0;
            if (run == LongWord)
            {
                return true;
            }
        }

        return false;
    }

    private static (int Start, int End) FindNone(out bool isAssigned, out bool isQuoted)
    {
        (isAssigned, isQuoted) = (false, false);
        return default;
    }

    private static float Score(
        ReadOnlySpan<char> text, (int Start, int End) value, ReadOnlySpan<char> word, bool isPassword, bool isAssigned, bool isQuoted)
    {
        var candidate = text[value.Start..value.End];
        return candidate.Length < 4 || SecretShape.IsPlaceholder(candidate) || SecretShape.IsPublished(candidate)
            || candidate.EndsWith("..") || SecretShape.IsElided(text, value.End) ? 0
            : isPassword ? ScorePassword(word, candidate, isAssigned, isQuoted)
            : ScoreToken(word, candidate, isAssigned, isQuoted);
    }

    /// <summary>Where the word for a credential ends, or 0 when it is part of another word: token in tiktoken, key in keyboard.</summary>
    private static int KeywordEnd(ReadOnlySpan<char> text, int at)
    {
        foreach (var (word, ends) in Completions)
        {
            if ((text[at] | 32) != (word[0] | 32) || !text[at..].StartsWith(word, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            var end = at + word.Length;
            foreach (var completion in ends)
            {
                if (text[end..].StartsWith(completion, StringComparison.OrdinalIgnoreCase))
                {
                    end += completion.Length;
                    break;
                }
            }

            var goesOn = end < text.Length && char.IsAsciiLetterLower(text[end])
                && (char.IsAsciiLetterLower(text[end - 1]) || word is "sid");
            var isPart = at > 0 && char.IsAsciiLetter(text[at - 1]) && char.IsAsciiLetterLower(text[at])
                && word is "key" or "token" or "sid" or "auth" or "pat " or "access"
                && !EndsWithAny(text[Math.Max(0, at - 7)..at], Owners) && !Services.Has(LettersBefore(text, at));
            return goesOn || isPart ? 0 : end;
        }

        return 0;
    }

    /// <summary>The value after the word: over blanks, quotes, and one of = : => , ( is.</summary>
    private static (int Start, int End) FindValue(ReadOnlySpan<char> text, int from, out bool isAssigned, out bool isQuoted)
    {
        (isAssigned, isQuoted) = (false, false);
        var at = from;
        var limit = Math.Min(text.Length, from + MaxGap);
        var words = 0;
        while (at < limit)
        {
            var c = text[at];
            if (c is '=' or ':' or '>')
            {
                isAssigned = true;
            }
            else if (c is '"' or '\'' or '`')
            {
                if (isAssigned && at + 1 < text.Length && text[at + 1] == c)
                {
                    return (from, from); // an empty literal
                }

                isQuoted = true;
            }
            else if (c is not (' ' or '\t' or ',' or '(' or '[' or '{' or '\\' or '\n' or '\r' or '|' or '.' or '/' or '#'))
            {
                if (text[at..].StartsWith("value=", StringComparison.OrdinalIgnoreCase))
                {
                    at += 5;
                    continue;
                }

                var stop = text[at..Math.Min(text.Length, at + MaxValue)].IndexOfAny(ValueEnd);
                var end = stop < 0 ? Math.Min(text.Length, at + MaxValue) : at + stop;
                if (stop == 0)
                {
                    return (at, at);
                }

                // A short plain word between name and value: "token is …", "Bearer", "SECRET KEY …", a user name.
                var isFiller = end - at <= 10 && words < 3 && !isQuoted
                    && (text[at..end].IndexOfAnyExceptInRange('A', 'z') < 0 || end - at <= 2);
                if (!isFiller || end >= limit)
                {
                    return (at, end);
                }

                if (isAssigned && end < text.Length && text[end] is '\n' or '\r' or ';' || (isAssigned && end >= text.Length))
                {
                    return (at, end);
                }

                words++;
                at = end;
                continue;
            }

            at++;
        }

        return (from, from);
    }

    private static (int Start, int End) WithinWord(ReadOnlySpan<char> text, int keyword)
    {
        var start = keyword;
        for (var more = true; more && start < text.Length && start - keyword < MaxGap;)
        {
            more = false;
            foreach (var part in WordParts)
            {
                if (text[start..].StartsWith(part, StringComparison.OrdinalIgnoreCase))
                {
                    start += part.Length;
                    more = true;
                }
            }
        }

        var end = start;
        while (end < text.Length && end - start < MaxValue
            && (char.IsAsciiLetterOrDigit(text[end]) || text[end] is '-' or '_' or '.' or '~' or '=' or '+' or '/'))
        {
            end++;
        }

        return end - start >= 12 ? (start, end) : (keyword, keyword);
    }

    private static float ScorePassword(ReadOnlySpan<char> word, ReadOnlySpan<char> value, bool isAssigned, bool isQuoted)
    {
        if (value.Length > 128 || value.IndexOfAnyExcept(Plain) >= 0 || IsCode(value))
        {
            return 0;
        }

        var isMixed = (value.IndexOfAnyInRange('0', '9') >= 0 && value.IndexOfAnyInRange('A', 'z') >= 0) || value.IndexOfAny(Marks) >= 0;
        if (!isAssigned)
        {
            return isQuoted && value.Length >= 5 && !IsDictionary(value) ? .55f : isMixed && value.Length >= 6 ? .55f : 0;
        }

        return isMixed ? .8f : value.Length >= 6 && (isQuoted || word.Length <= 24) && !IsDictionary(value) ? .6f : 0;
    }

    private static float ScoreToken(ReadOnlySpan<char> word, ReadOnlySpan<char> value, bool isAssigned, bool isQuoted)
    {
        value = value.TrimEnd(".:");
        if (value.Length < 8 || IsCode(value) || value.IndexOfAnyExcept(Plain) >= 0)
        {
            return 0;
        }

        if (value.Length == 23 && value[6] == '.' && SecretShape.IsMixed(value) && SecretShape.Fits(value[..6], KeyAlphabet.LowerBase36)
            && SecretShape.Fits(value[7..], KeyAlphabet.LowerBase36))
        {
            return .7f; // of a cluster's bootstrap
        }

        var entropy = SecretShape.Entropy(value);
        if (EndsAsName(value))
        {
            return 0; // another name, not a value
        }

        if (value.Contains('.') && !Contains(word, "bearer") && (entropy < 3.9 || SecretShape.Changes(value) < 4))
        {
            return 0; // a file, a member
        }

        if (!SecretShape.IsMixed(value))
        {
            var isNumber = value.Length >= 20 && value.IndexOfAnyExceptInRange('0', '9') < 0;
            var isRandom = value.Length >= 20 && entropy > 3.8 && value.IndexOfAny("-_./") < 0;
            return isNumber || isRandom || (value.Length >= 32 && SecretShape.IsHex(value)) ? .6f : 0;
        }

        var isWeak = Contains(word, "sid") || Contains(word, "auth") || Contains(word, "access") || Contains(word, "private");
        if (SecretShape.IsUuid(value))
        {
            return Contains(word, "id") ? 0 : .6f;
        }

        if (value.IndexOf("://") >= 0 || value.Count('.') > 2
            || (value.Count('/') > 3 && !(value.Length >= 60 && entropy > 4.8 && !value.Contains('.'))))
        {
            return 0;
        }

        var least = isAssigned || isQuoted ? 10 : isWeak ? 16 : 12;
        return value.Length >= least && (entropy >= 2.6 || (value.Length >= 24 && entropy >= 1.9)) ? (isAssigned ? .75f : .6f) : 0;
    }

    private static bool EndsAsName(ReadOnlySpan<char> value) =>
        value.EndsWith("_Key") || value.EndsWith("_key") || value.EndsWith("_Token") || value.EndsWith("_token")
            || value.EndsWith("_secret");

    /// <summary>curl -u name:password.</summary>
    private static int FindUser(ReadOnlySpan<char> text, int at, FindingList findings)
    {
        var start = at + (text[at] == '-' ? 6 : 4);
        var isCurl = text[Math.Max(0, at - 160)..at].IndexOf("curl", StringComparison.OrdinalIgnoreCase) >= 0;
        if (!isCurl || start >= text.Length)
        {
            return at + 3;
        }

        while (start < text.Length && text[start] is ' ' or '=' or '"' or '\'')
        {
            start++;
        }

        var rest = text[start..Math.Min(text.Length, start + 160)];
        var stop = rest.IndexOfAny(" \t\n\"'");
        var pair = stop < 0 ? rest : rest[..stop];
        var divide = pair.IndexOf(':');
        if (divide > 0 && stop > 0 && stop + 2 < rest.Length && rest[stop] is '"' or '\'' && rest[stop + 1] == ':')
        {
            return at + 3;
        }

        if (divide > 0 && pair.Length - divide > 4 && !SecretShape.IsPlaceholder(pair) && pair.IndexOf("${") < 0
            && pair[divide + 1] is not ('$' or '<' or '{') && pair[(divide + 1)..] is not ("password" or "pass")
            && !SecretShape.IsNamedPair(pair[..divide], pair[(divide + 1)..]))
        {
            findings.Add(new(DetectorKind.Secrets, "secret.curl.user", FindingTypes.Secret, start, pair.Length, .7f));
            return start + pair.Length;
        }

        return at + 3;
    }

    /// <summary>An expression and no literal: a call, a member, a path, a placeholder of a template.</summary>
    private static bool IsCode(ReadOnlySpan<char> value) =>
        value.Contains('(') || value.IndexOf("::") >= 0 || value.IndexOf("->") >= 0 || value.IndexOf("://") >= 0
            || value[0] is '/' or '.' or '-' or '+'
        || (value.IndexOfAny("./") >= 0 && !SecretShape.IsMixed(value)) || value[^1] == '=' && !SecretShape.IsMixed(value)
        || value[0] == '#'
        || (value.Contains('-') && value.IndexOfAnyExceptInRange('-', 'z') < 0 && value.IndexOfAnyInRange('0', '9') < 0
            && !value.Contains('_'))
            || value.StartsWith("sha", StringComparison.OrdinalIgnoreCase) && value.Length > 6 && value[3] is '1' or '2' or '3' or '5'
                && !value.Contains('~');

    private static bool IsDictionary(ReadOnlySpan<char> value) =>
        value is "password" or "required" or "string" or "false" or "true" or "none" or "null" or "optional" or "secret" or "hidden"
            or "invalid" or "incorrect" or "forgot" or "reset" or "username" or "default";

    private static ReadOnlySpan<char> LettersBefore(ReadOnlySpan<char> text, int at)
    {
        var start = at;
        while (start > 0 && at - start < 32 && char.IsAsciiLetter(text[start - 1]))
        {
            start--;
        }

        return text[start..at];
    }

    private static bool EndsWithAny(ReadOnlySpan<char> text, string[] ends)
    {
        foreach (var end in ends)
        {
            if (text.EndsWith(end, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Contains(ReadOnlySpan<char> word, string part) => word.Contains(part, StringComparison.OrdinalIgnoreCase);

    private static bool IsName(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.';
}
