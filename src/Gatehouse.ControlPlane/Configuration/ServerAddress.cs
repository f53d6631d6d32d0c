using System.Globalization;

namespace Gatehouse.Configuration;

/// <summary>
/// Reads <c>server.address</c>: <c>127.0.0.1:8080</c>, <c>[::1]:8080</c>, <c>*:8080</c> or <c>localhost:8080</c>, each also written as
/// the URL that a browser would take, <c>http://127.0.0.1:8080</c>.
/// </summary>
public static class ServerAddress
{
    private const string Scheme = "http://";

    public static bool TryParse(string text, out string host, out int port)
    {
        if (text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            text = text[Scheme.Length..];
            text = text.EndsWith('/') ? text[..^1] : text;
        }

        var colon = text.LastIndexOf(':');
        host = colon > 0 ? text[..colon] : "";
        port = 0;
        if (host.StartsWith('[') && host.EndsWith(']'))
        {
            host = host[1..^1];
        }

        return host.Length > 0
            && (host == "*" || Uri.CheckHostName(host) != UriHostNameType.Unknown)
            && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port)
            && port <= ushort.MaxValue;
    }
}
