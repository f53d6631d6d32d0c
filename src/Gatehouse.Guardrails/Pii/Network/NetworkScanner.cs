using System.Buffers;

namespace Gatehouse.Guardrails.Pii.Network;

/// <summary>Finds e-mail addresses, links, IP and MAC addresses: everything that turns on an at sign, a colon, a dot or a dash.</summary>
internal sealed class NetworkScanner(bool email, bool url, bool ip, bool mac)
{
    private const int MaxLocal = 64;
    private const int MaxDomain = 253;

    private static readonly SearchValues<char> Triggers = SearchValues.Create("@:.-");

    public void Find(ReadOnlySpan<char> text, FindingList findings)
    {
        var done = 0; // nothing that starts before is reported again
        for (var at = 0; at < text.Length; at++)
        {
            var next = text[at..].IndexOfAny(Triggers);
            if (next < 0)
            {
                return;
            }

            at += next;
            if (at < done)
            {
                continue;
            }

            var end = text[at] switch
            {
                '@' when email => FindEmail(text, at, done, findings),
                ':' => FindAtColon(text, at, done, findings),
                '.' => FindAtDot(text, at, done, findings),
                '-' when mac => FindMac(text, at, done, findings),
                _ => 0,
            };
            done = Math.Max(done, end);
        }
    }

    private int FindAtColon(ReadOnlySpan<char> text, int at, int from, FindingList findings)
    {
        if (url && text[at..].StartsWith("://"))
        {
            return FindUrl(text, at, from, findings);
        }

        var isHexBefore = at > 0 && char.IsAsciiHexDigit(text[at - 1]);
        var isHexOrColonAfter = at + 1 < text.Length && (char.IsAsciiHexDigit(text[at + 1]) || text[at + 1] == ':');
        if (!isHexOrColonAfter || (!isHexBefore && text[at + 1] != ':'))
        {
            return 0;
        }

        var end = mac ? FindMac(text, at, from, findings) : 0;
        return end > 0 || !ip ? end : FindIp6(text, at, from, findings);
    }

    private int FindAtDot(ReadOnlySpan<char> text, int at, int from, FindingList findings)
    {
        if (at == 0 || at + 1 >= text.Length || !char.IsLetterOrDigit(text[at + 1]) || !char.IsLetterOrDigit(text[at - 1]))
        {
            return 0;
        }

        if (char.IsAsciiDigit(text[at - 1]) && char.IsAsciiDigit(text[at + 1]))
        {
            var end = ip ? FindIp4(text, at, from, findings) : 0;
            if (end > 0)
            {
                return end;
            }
        }
        else if (mac && FindDottedMac(text, at, from, findings) is > 0 and var macEnd)
        {
            return macEnd;
        }

        return url ? FindBareUrl(text, at, from, findings) : 0;
    }

    private static int FindEmail(ReadOnlySpan<char> text, int at, int from, FindingList findings)
    {
        var start = at;
        while (start > from && at - start < MaxLocal && IsLocal(text[start - 1]))
        {
            start--;
        }

        while (start < at && text[start] is '.' or '-' or '\'' or '/' or '=' or '*' or '&' or '?' or '#' or '|' or '{' or '}')
        {
            start++;
        }

        var end = ReadHost(text, at + 1, out var lastDot);
        if (start == at || lastDot < 0 || text[at - 1] == '.' || !IsTopDomain(text[(lastDot + 1)..end]))
        {
            return 0;
        }

        Add(findings, "pii.email", PiiTypes.Email, start, end, 1);
        return end;
    }

    private static int FindUrl(ReadOnlySpan<char> text, int colon, int from, FindingList findings)
    {
        var start = colon;
        while (start > from && colon - start < 12 && (char.IsAsciiLetterOrDigit(text[start - 1]) || text[start - 1] is '+'))
        {
            start--;
        }

        var scheme = text[start..colon];
        if (scheme.Length < 2 || scheme.Equals("file", StringComparison.OrdinalIgnoreCase))
        {
            return 0;
        }

        var host = colon + 3;
        var authority = text[host..];
        var slash = authority.IndexOfAny('/', ' ', '\n');
        var user = authority[..(slash < 0 ? authority.Length : slash)].LastIndexOf('@');
        host += user + 1;
        var hostEnd = ReadHost(text, host, out var lastDot);
        if (lastDot < 0 || !(IsTopDomain(text[(lastDot + 1)..hostEnd]) || Ip.IsV4(text[host..hostEnd])))
        {
            return 0;
        }

        var end = ReadPath(text, hostEnd);
        Add(findings, "pii.url", PiiTypes.Url, start, end, .9f);
        return end;
    }

    private static int FindBareUrl(ReadOnlySpan<char> text, int dot, int from, FindingList findings)
    {
        var start = dot;
        while (start > from && dot - start < MaxDomain && (char.IsLetterOrDigit(text[start - 1]) || text[start - 1] == '-'))
        {
            start--;
        }

        if (start > 0 && text[start - 1] is '@' or '/' or '.' or '\\' or '_' or ':' or '$')
        {
            return 0;
        }

        var end = ReadHost(text, start, out var lastDot);
        var domain = lastDot < 0 ? default : text[(lastDot + 1)..end];
        var isWww = text[start..].StartsWith("www.", StringComparison.OrdinalIgnoreCase) && lastDot > start + 4;
        var isKnown = TopDomains.IsBare(domain) && lastDot - start >= 2 && (end >= text.Length || text[end] is not ('(' or '_' or '@'))
            && (char.IsLower(domain[0]) || char.IsUpper(text[start]) == char.IsUpper(domain[^1]));
        if (lastDot < 0 || !(isWww ? IsTopDomain(domain) : isKnown))
        {
            return 0;
        }

        end = ReadPath(text, end);
        Add(findings, "pii.url.bare", PiiTypes.Url, start, end, isWww ? .8f : .5f);
        return end;
    }

    private static int FindIp4(ReadOnlySpan<char> text, int dot, int from, FindingList findings)
    {
        var start = dot;
        while (start > from && dot - start < 3 && char.IsAsciiDigit(text[start - 1]))
        {
            start--;
        }

        if (start > 0
            && (char.IsAsciiLetterOrDigit(text[start - 1])
                || (text[start - 1] == '.' && start > 1 && char.IsAsciiLetterOrDigit(text[start - 2]))
                || text[start - 1] is ':' && start > 1 && char.IsAsciiHexDigit(text[start - 2])))
        {
            return 0;
        }

        var length = Ip.ReadV4(text[start..]);
        if (length == 0 || (start + length < text.Length && char.IsAsciiLetterOrDigit(text[start + length])))
        {
            return 0;
        }

        var end = ReadPrefix(text, start + length, 32);

        // Five numbers may be a version; the first four still are an address.
        var score = end + 1 < text.Length && text[end] == '.' && char.IsAsciiDigit(text[end + 1]) ? .3f : .8f;
        Add(findings, "pii.ip.v4", PiiTypes.Ip, start, end, score);
        return end;
    }

    private static int FindIp6(ReadOnlySpan<char> text, int colon, int from, FindingList findings)
    {
        var start = colon;
        while (start > from && colon - start < 4 && char.IsAsciiHexDigit(text[start - 1]))
        {
            start--;
        }

        if (start > 0 && (char.IsLetterOrDigit(text[start - 1]) || text[start - 1] is ':' or '.' or '_'))
        {
            return 0;
        }

        var length = Ip.ReadV6(text[start..]);
        if (length == 0)
        {
            return 0;
        }

        var address = text.Slice(start, length);
        var end = ReadPrefix(text, start + length, 128);
        if (end < text.Length && (char.IsLetterOrDigit(text[end]) || text[end] is ':' or '_'))
        {
            return 0;
        }

        // "::" stands between words in code and prose.
        var score = length == 2 && end == start + 2 ? .2f : address.IndexOfAnyInRange('0', '9') < 0 ? .4f : .8f;
        Add(findings, "pii.ip.v6", PiiTypes.Ip, start, end, score);
        return end;
    }

    private static int FindMac(ReadOnlySpan<char> text, int at, int from, FindingList findings)
    {
        var start = at - 2;
        if (start < from || start + 17 > text.Length || text[start + 5] != text[at])
        {
            return 0;
        }

        var (zeros, ones) = (true, true);
        for (var i = 0; i < 17; i++)
        {
            var c = text[start + i];
            if (i % 3 == 2 ? c != text[at] : !char.IsAsciiHexDigit(c))
            {
                return 0;
            }

            if (i % 3 != 2)
            {
                zeros &= c == '0';
                ones &= c is 'f' or 'F';
            }
        }

        return AddMac(text, start, 17, zeros || ones, text[at], findings);
    }

    private static int FindDottedMac(ReadOnlySpan<char> text, int dot, int from, FindingList findings)
    {
        var start = dot - 4;
        if (start < from || start + 14 > text.Length || text[start + 9] != '.')
        {
            return 0;
        }

        var same = true;
        for (var i = 0; i < 14; i++)
        {
            if (i is not (4 or 9) && !char.IsAsciiHexDigit(text[start + i]))
            {
                return 0;
            }

            same &= i is 4 or 9 || text[start + i] == text[start];
        }

        return AddMac(text, start, 14, same, '.', findings);
    }

    private static int AddMac(ReadOnlySpan<char> text, int start, int length, bool isReserved, char separator, FindingList findings)
    {
        var end = start + length;
        if ((start > 0 && (char.IsAsciiLetterOrDigit(text[start - 1]) || text[start - 1] == separator))
            || (end < text.Length && (char.IsAsciiLetterOrDigit(text[end]) || (text[end] == separator && separator != '.')))
            || isReserved)
        {
            return 0;
        }

        Add(findings, "pii.mac", PiiTypes.Mac, start, end, .8f);
        return end;
    }

    /// <summary>A host name; the last dot is -1 when there is none inside.</summary>
    private static int ReadHost(ReadOnlySpan<char> text, int start, out int lastDot)
    {
        var end = start;
        lastDot = -1;
        var limit = Math.Min(text.Length, start + MaxDomain);
        while (end < limit && (char.IsLetterOrDigit(text[end]) || text[end] is '-' or '.'))
        {
            if (text[end] == '.')
            {
                if (end == start || end + 1 >= limit || !char.IsLetterOrDigit(text[end + 1]))
                {
                    break;
                }

                lastDot = end;
            }

            end++;
        }

        return end;
    }

    private static bool IsTopDomain(ReadOnlySpan<char> domain)
    {
        if (domain.StartsWith("xn--", StringComparison.OrdinalIgnoreCase))
        {
            return domain.Length is > 4 and < 64;
        }

        foreach (var c in domain)
        {
            if (!char.IsLetter(c))
            {
                return false;
            }
        }

        return domain.Length is >= 2 and <= 24;
    }

    private static int ReadPath(ReadOnlySpan<char> text, int at)
    {
        var end = at;
        if (end + 1 < text.Length && text[end] == ':' && char.IsAsciiDigit(text[end + 1]))
        {
            end++;
            while (end < text.Length && char.IsAsciiDigit(text[end]))
            {
                end++;
            }
        }

        if (end >= text.Length || text[end] is not ('/' or '?' or '#'))
        {
            return end;
        }

        while (end < text.Length && !char.IsWhiteSpace(text[end])
            && text[end] is not ('"' or '<' or '>' or '`' or '|' or '\\' or '{' or '}' or '^' or '\''))
        {
            end++;
        }

        // Asked once: what is taken from the end opens no bracket.
        var opens = text[at..end].IndexOfAny('(', '[') >= 0;
        while (end > at && text[end - 1] is '.' or ',' or ';' or ':' or '!' or '?' or '*' or '_'
            || (end > at && text[end - 1] is ')' or ']' && !opens))
        {
            end--;
        }

        return end;
    }

    private static int ReadPrefix(ReadOnlySpan<char> text, int at, int most)
    {
        if (at + 1 >= text.Length || text[at] != '/' || !char.IsAsciiDigit(text[at + 1]))
        {
            return at;
        }

        var (value, end) = (0, at + 1);
        while (end < text.Length && end < at + 4 && char.IsAsciiDigit(text[end]))
        {
            value = (value * 10) + text[end++] - '0';
        }

        return value <= most && (end >= text.Length || !char.IsAsciiLetterOrDigit(text[end])) ? end : at;
    }

    private static bool IsLocal(char c) =>
        char.IsLetterOrDigit(c)
            || c is '.' or '_' or '%' or '+' or '-' or '\'' or '!' or '#' or '$' or '&' or '*' or '/' or '=' or '?' or '^' or '`' or '{'
                or '|' or '}' or '~';

    private static void Add(FindingList findings, string rule, string type, int start, int end, float score) =>
        findings.Add(new(DetectorKind.Pii, rule, type, start, end - start, score));
}
