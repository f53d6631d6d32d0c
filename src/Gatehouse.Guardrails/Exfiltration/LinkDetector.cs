using System.Buffers;

namespace Gatehouse.Guardrails.Exfiltration;

/// <summary>Hosts that an answer may point to.</summary>
public sealed record LinkOptions
{
    /// <summary>Host names; each stands for its subdomains too. Empty: no host is trusted with images or data.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>
    /// Report also plain links to hosts that are not allowed. Default false: only images, which load by themselves, and data in URLs.
    /// </summary>
    public bool ReportUnknownHosts { get; init; }
}

/// <summary>
/// Finds addresses by which an answer or a tool's arguments carry data out: images (Markdown or HTML) of hosts that are not allowed, long
/// or encoded data in the query or path, addresses with credentials, and script URLs. Linear, allocates nothing.
/// </summary>
public sealed class LinkDetector : IDetector
{
    /// <summary>Longest address looked at, in UTF-16 units: what a stream has to hold back while one is open.</summary>
    public const int MaxUrl = 2048;

    private const int MinData = 24;
    private static readonly SearchValues<string> Schemes = SearchValues.Create(
        ["http://", "https://", "//", "javascript:", "data:text/html"], StringComparison.OrdinalIgnoreCase);
    private static readonly SearchValues<char> Ends = SearchValues.Create(" \t\r\n\"'<>`)]}|\\^");

    private static readonly SearchValues<char> Separators = SearchValues.Create("/?&=#;");
    private static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdef");

    private readonly string[] _allowed;
    private readonly bool _reportUnknown;

    public LinkDetector(LinkOptions? options = null)
    {
        _allowed = [.. (options ?? new LinkOptions()).AllowedHosts.Select(h => h.Trim().TrimStart('*', '.').ToLowerInvariant())];
        _reportUnknown = options?.ReportUnknownHosts ?? false;
    }

    public DetectorKind Kind => DetectorKind.Exfiltration;

    public void Find(ReadOnlySpan<char> text, in DetectionContext context, FindingList findings)
    {
        for (var at = 0; at < text.Length;)
        {
            var next = text[at..].IndexOfAny(Schemes);
            if (next < 0)
            {
                return;
            }

            var start = at + next;
            var tail = text.Slice(start, Math.Min(MaxUrl, text.Length - start));
            var length = tail.IndexOfAny(Ends);
            var url = tail[..(length < 0 ? tail.Length : length)].TrimEnd(".,;:!?");
            at = start + Math.Max(url.Length, 2);
            if (url.StartsWith("javascript:", StringComparison.OrdinalIgnoreCase)
                || url.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
            {
                Report(findings, "exfiltration.link.script", start, url.Length, 0.9f);
                continue;
            }

            var slashes = url.IndexOf("//", StringComparison.Ordinal) + 2;
            var relative = slashes == 2;
            if (relative && !IsReference(text, start))
            {
                continue; // A comment or a path, not an address.
            }

            Judge(text, start, url, slashes, findings);
        }
    }

    /// <summary>How much of the end of a text may belong to an address that is still open: a stream holds it back.</summary>
    /// <returns>The offset up to which the text may be released.</returns>
    public static int Releasable(ReadOnlySpan<char> text)
    {
        var from = Math.Max(0, text.Length - MaxUrl);
        var tail = text[from..];
        var bracket = tail.LastIndexOf("![", StringComparison.Ordinal);
        if (bracket >= 0 && tail[bracket..].IndexOfAny(')', '\n') < 0)
        {
            return from + bracket;
        }

        var scheme = tail.LastIndexOf("://", StringComparison.Ordinal);
        if (scheme >= 0 && tail[scheme..].IndexOfAny(Ends) < 0)
        {
            while (scheme > 0 && char.IsAsciiLetter(tail[scheme - 1]))
            {
                scheme--;
            }

            return from + scheme;
        }

        return text.Length - (text.EndsWith('!') || text.EndsWith(':') ? 1 : 0);
    }

    private void Judge(ReadOnlySpan<char> text, int start, ReadOnlySpan<char> url, int slashes, FindingList findings)
    {
        var rest = url[slashes..];
        var hostEnd = rest.IndexOfAny('/', '?', '#');
        var authority = hostEnd < 0 ? rest : rest[..hostEnd];
        var beyond = hostEnd < 0 ? [] : rest[hostEnd..];
        var user = authority.LastIndexOf('@');
        var host = user < 0 ? authority : authority[(user + 1)..];
        var port = host.LastIndexOf(':');
        host = port > 0 && !host.EndsWith("]") ? host[..port] : host;
        if (host.IsEmpty || IsAllowed(host))
        {
            return;
        }

        if (IsImage(text, start))
        {
            Report(findings, "exfiltration.image.unknown-host", start, url.Length, CarriesData(beyond) ? 0.95f : 0.8f);
        }
        else if (CarriesData(beyond))
        {
            Report(findings, "exfiltration.link.data-in-url", start, url.Length, 0.8f);
        }
        else if (user >= 0)
        {
            Report(findings, "exfiltration.link.credentials", start, url.Length, 0.7f);
        }
        else if (_reportUnknown)
        {
            Report(findings, "exfiltration.link.unknown-host", start, url.Length, 0.5f);
        }
    }

    private bool IsAllowed(ReadOnlySpan<char> host)
    {
        foreach (var allowed in _allowed)
        {
            if (host.EndsWith(allowed, StringComparison.OrdinalIgnoreCase)
                && (host.Length == allowed.Length || host[^(allowed.Length + 1)] == '.'))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The address stands in ![…](…), in src=, poster=, background= or url(…), or in a reference that may be an image's.</summary>
    private static bool IsImage(ReadOnlySpan<char> text, int start)
    {
        var before = text[Math.Max(0, start - 256)..start].TrimEnd(" \"'<");
        if (before.EndsWith("src=", StringComparison.OrdinalIgnoreCase) || before.EndsWith("poster=", StringComparison.OrdinalIgnoreCase)
            || before.EndsWith("background=", StringComparison.OrdinalIgnoreCase)
            || before.EndsWith("url(", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        if (before.EndsWith("](", StringComparison.Ordinal))
        {
            var open = before.LastIndexOf('[');
            return open > 0 && before[open - 1] == '!';
        }

        return false;
    }

    private static bool IsReference(ReadOnlySpan<char> text, int start)
    {
        var before = text[Math.Max(0, start - 8)..start].TrimEnd(" \"'<");
        return before.EndsWith("](", StringComparison.Ordinal) || before.EndsWith("=", StringComparison.Ordinal)
            || before.EndsWith("url(", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>A part of the path or query that is long and looks encoded, is percent-encoded prose, or holds an address.</summary>
    private static bool CarriesData(ReadOnlySpan<char> beyond)
    {
        var inQuery = false;
        while (!beyond.IsEmpty)
        {
            var end = beyond[1..].IndexOfAny(Separators);
            var part = end < 0 ? beyond : beyond[..(end + 1)];
            inQuery |= part[0] == '?';
            var value = part[1..];
            if (value.Length >= MinData && (LooksEncoded(value) || Escapes(value) >= 3 || (inQuery && value.Count('+') >= 3)))
            {
                return true;
            }

            if (inQuery && (value.IndexOf("%40", StringComparison.Ordinal) > 0 || value.IndexOf('@') > 0))
            {
                return true;
            }

            beyond = end < 0 ? [] : beyond[(end + 1)..];
        }

        return false;
    }

    private static int Escapes(ReadOnlySpan<char> value) =>
        value.Count("%20") + value.Count("%0A") + value.Count("%3A") + value.Count("%22");

    private static bool LooksEncoded(ReadOnlySpan<char> value)
    {
        var (lower, upper, digits, other) = (0, 0, 0, 0);
        foreach (var c in value)
        {
            _ = char.IsAsciiLetterLower(c) ? lower++ : char.IsAsciiLetterUpper(c) ? upper++ : char.IsAsciiDigit(c) ? digits++ : other++;
        }

        var mixed = lower > 3 && upper > 3 && other * 8 < value.Length;
        var hex = digits > 3 && upper == 0 && value.IndexOfAnyExcept(Hex) < 0;
        return mixed || hex;
    }

    private static void Report(FindingList findings, string rule, int start, int length, float score) =>
        findings.Add(new Finding(DetectorKind.Exfiltration, rule, FindingTypes.LinkExfiltration, start, length, score));
}
