using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace Gatehouse.Guardrails.Schema;

/// <summary>The formats that generators use. A format that is not known holds for every text, as the specification wants.</summary>
internal static partial class StringFormats
{
    public static bool Fits(string format, string text) => format switch
    {
        "date" => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        "time" => Time().IsMatch(text),
        "date-time" => text.Length > 11 && text[10] is 'T' or 't' or ' ' && Fits("date", text[..10]) && Time().IsMatch(text[11..]),
        "duration" => Duration().IsMatch(text) && text[^1] is not ('P' or 'T'),
        "email" or "idn-email" => Email().IsMatch(text),
        "hostname" or "idn-hostname" => text.Length <= 253 && Host().IsMatch(text),
        "ipv4" => text.Count('.') == 3 && IPAddress.TryParse(
            text, out var four) && four.AddressFamily == AddressFamily.InterNetwork && four.ToString() == text,
        "ipv6" => text.Contains(':') && !text.Contains('%') && !text.Contains('[') && IPAddress.TryParse(
            text, out var six) && six.AddressFamily == AddressFamily.InterNetworkV6,
        "uuid" => Guid.TryParseExact(text, "D", out _),
        "uri" or "iri" => Uri.TryCreate(text, UriKind.Absolute, out _) && text.Contains(':') && !text.Contains(' '),
        "uri-reference" or "iri-reference" =>
            Uri.TryCreate(text, UriKind.RelativeOrAbsolute, out _) && !text.Contains(' ') && !text.Contains('\\'),
        "json-pointer" => text.Length == 0 || text[0] == '/',
        "regex" => IsRegex(text),
        _ => true,
    };

    private static bool IsRegex(string text)
    {
        try
        {
            _ = new Regex(text, RegexOptions.NonBacktracking);
            return true;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([zZ]|[+-]([01]\d|2[0-3]):[0-5]\d)$", RegexOptions.NonBacktracking)]
    private static partial Regex Time();

    [GeneratedRegex(@"^P(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)$", RegexOptions.NonBacktracking)]
    private static partial Regex Duration();

    [GeneratedRegex(@"^[^\s@""]+@[^\s@.]+(\.[^\s@.]+)*$", RegexOptions.NonBacktracking)]
    private static partial Regex Email();

    [GeneratedRegex(@"^[\p{L}\p{N}]([\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?(\.[\p{L}\p{N}]([\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?)*$",
        RegexOptions.NonBacktracking)]
    private static partial Regex Host();
}
