using System.Buffers;

namespace Gatehouse.Guardrails.Secrets;

/// <summary>User and password in an address, webhooks, and private keys between their BEGIN and END lines.</summary>
internal static class AddressScanner
{
    private const int MaxAuthority = 256;
    private const int LeastKey = 40;

    private static readonly SearchValues<string> Starts = SearchValues.Create(["://", "-----BEGIN"], StringComparison.Ordinal);

    private static readonly SearchValues<char> AuthorityEnd = SearchValues.Create("/ \t\r\n\"'<>`?#\\");

    private static readonly SearchValues<char> Hosts = SearchValues.Create(" \t\r\n\"'<>`)");

    private static readonly SearchValues<string> Webhooks = SearchValues.Create(
        [
            "hooks.slack.com/", "discord.com/api/webhooks/", "discordapp.com/api/webhooks/", "outlook.office.com/webhook",
            "webhook.office.com/webhook", "hooks.zapier.com/hooks/", "chat.googleapis.com/v1/spaces/", "api.telegram.org/bot",
            "maker.ifttt.com/trigger", "thingsboard.cloud/api/v1/",
        ],
        StringComparison.OrdinalIgnoreCase);

    /// <param name="text">The whole text.</param>
    /// <param name="reach">Its beginning, behind which no address and no key starts.</param>
    /// <param name="from">Where the first may start.</param>
    /// <param name="findings">Gets what is found.</param>
    public static void Find(ReadOnlySpan<char> text, ReadOnlySpan<char> reach, int from, FindingList findings)
    {
        for (var at = from; at < reach.Length;)
        {
            var next = reach[at..].IndexOfAny(Starts);
            if (next < 0)
            {
                return;
            }

            at += next;
            at = text[at] == ':' ? FindCredentials(text, at, findings) : FindPrivateKey(text, at, findings);
        }
    }

    private static int FindCredentials(ReadOnlySpan<char> text, int colon, FindingList findings)
    {
        var start = colon;
        while (start > 0 && colon - start < 24 && (char.IsAsciiLetterOrDigit(text[start - 1]) || text[start - 1] is '+' or '-' or '.'))
        {
            start--;
        }

        var host = colon + 3;
        var rest = text[host..Math.Min(text.Length, host + MaxAuthority)];
        var stop = rest.IndexOfAny(AuthorityEnd);
        var authority = stop < 0 ? rest : rest[..stop];
        var at = authority.LastIndexOf('@');
        if (start == colon)
        {
            return host;
        }

        if (at > 0)
        {
            var user = authority[..at];
            var divide = user.IndexOf(':');
            var password = divide < 0 ? user : user[(divide + 1)..];
            var isBare = divide < 0 && (user.Length < 16 || !SecretShape.IsMixed(user));
            if (password.Length >= 3 && !isBare && !SecretShape.IsPlaceholder(password)
                && !(divide > 0 && SecretShape.IsPlaceholder(user[..divide])) && !IsMasked(password) && !user.Contains('$')
                && !user.Contains('{'))
            {
                findings.Add(
                    new(DetectorKind.Secrets, "secret.address.password", FindingTypes.Secret, start, host + authority.Length - start, .8f));
                return host + authority.Length;
            }
        }

        var url = text[host..Math.Min(text.Length, host + MaxAuthority)];
        var end = url.IndexOfAny(Hosts);
        url = end < 0 ? url : url[..end];
        if (url.IndexOfAny(Webhooks) >= 0 && url.LastIndexOf('/') is > 0 and var slash && LongestPart(url) >= 16
            && !SecretShape.IsPlaceholder(url[slash..]))
        {
            findings.Add(new(DetectorKind.Secrets, "secret.webhook", FindingTypes.Secret, start, host + url.Length - start, .85f));
            return host + url.Length;
        }

        return host;
    }

    private static int LongestPart(ReadOnlySpan<char> url)
    {
        var longest = 0;
        foreach (var part in url.Split('/'))
        {
            var length = url[part].Length;
            longest = SecretShape.IsMixed(url[part]) && !url[part].Contains('.') ? Math.Max(longest, length) : longest;
        }

        return longest;
    }

    private static bool IsMasked(ReadOnlySpan<char> password) => password.IndexOfAnyExcept('*', 'x', 'X') < 0;

    private static int FindPrivateKey(ReadOnlySpan<char> text, int start, FindingList findings)
    {
        var line = text[start..Math.Min(text.Length, start + 80)];
        var mark = line.IndexOf("PRIVATE KEY");
        if (mark < 0)
        {
            return start + 10;
        }

        // Letters after the BEGIN line, however the lines are joined: \n, quotes, plus signs.
        var at = start + mark + 11;
        var (letters, end) = (0, at);
        while (end < text.Length && letters < 1 << 14)
        {
            var c = text[end];
            if (c == '-' && text[end..].StartsWith("-----END"))
            {
                end = Math.Min(text.Length, end + 10 + mark + 11);
                break;
            }

            letters += char.IsAsciiLetterOrDigit(c) ? 1 : 0;
            end++;
        }

        if (letters >= LeastKey && !SecretShape.IsPlaceholder(text[(at + 5)..Math.Min(end, at + 40)].Trim()))
        {
            findings.Add(new(DetectorKind.Secrets, "secret.private-key", FindingTypes.Secret, start, end - start, 1));
        }

        return Math.Max(end, start + 10);
    }
}
