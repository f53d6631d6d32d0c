using System.Buffers.Text;
using System.Text;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Providers.OpenAi;

namespace Gatehouse.Gateway.Providers.Connections;

/// <summary>The heads of a provider's requests, rendered as far as they are the same for all.</summary>
internal sealed class RequestHead
{
    private const string ContentType = "Content-Type";
    private const int MaxLengthBytes = 48; // Content-Length, its number, and the empty line

    private readonly ProviderSettings _settings;
    private readonly Dictionary<string, byte[]> _lines = new(StringComparer.Ordinal); // by path: those without a model in them
    private readonly byte[] _shared;
    private readonly byte[] _bare; // without the content type
    private readonly string _credential; // its header's name and scheme, as they stand before the key

    /// <exception cref="ArgumentException">A header of the settings is none: the configuration's checks let no such settings
    /// pass.</exception>
    public RequestHead(ProviderSettings settings)
    {
        _settings = settings;
        foreach (var (name, value) in settings.Headers)
        {
            CheckHeader(name, value);
        }

        CheckHeader(settings.ApiKeyHeader, settings.ApiKey ?? "");
        foreach (var path in (ReadOnlySpan<string>)[OpenAiWire.ChatPath, AnthropicWire.MessagesPath])
        {
            _lines[path] = Line(path);
        }

        var bearer = string.Equals(settings.ApiKeyHeader, "Authorization", StringComparison.OrdinalIgnoreCase);
        _credential = settings.ApiKeyHeader + (bearer ? ": Bearer " : ": ");
        _shared = Encoding.ASCII.GetBytes(Shared(settings, ContentType + ": application/json\r\n"));
        _bare = Encoding.ASCII.GetBytes(Shared(settings, ""));
    }

    /// <inheritdoc cref="ProviderSettings.TlsName"/>
    public static string HostName(ProviderSettings settings) =>
        Own(settings, "Host") is { } own && Uri.TryCreate("https://" + own, UriKind.Absolute, out var named)
            ? named.IdnHost
            : settings.BaseUrl.IdnHost;

    /// <summary>The value of the header <c>Host</c>.</summary>
    public static string HostOf(ProviderSettings settings)
    {
        var url = settings.BaseUrl;
        var host = url.HostNameType == UriHostNameType.IPv6 ? $"[{url.IdnHost}]" : url.IdnHost;
        return Own(settings, "Host") ?? (url.IsDefaultPort ? host : $"{host}:{url.Port}");
    }

    public static Uri Address(ProviderSettings settings, string path)
    {
        var query = settings.Query.Length > 0 ? (path.Contains('?', StringComparison.Ordinal) ? "&" : "?") + settings.Query : "";
        return new Uri(settings.BaseUrl.GetLeftPart(UriPartial.Path).TrimEnd('/') + path + query);
    }

    /// <returns>Bytes that <see cref="Write"/> needs at most.</returns>
    public int Measure(UpstreamRequest request)
    {
        var bytes = LineOf(request).Length + _shared.Length + MaxLengthBytes;
        bytes += request.ContentType is { } type ? ContentType.Length + type.Length + 4 : 0;
        bytes += KeyOf(request) is { } key ? _credential.Length + key.Length + 2 : 0;
        for (var i = 0; i < request.Headers.Count; i++)
        {
            var (name, value) = request.Headers[i];
            bytes += name.Length + value.Length + 4;
        }

        return bytes;
    }

    /// <returns>The length of the head.</returns>
    /// <exception cref="ArgumentException">A header cannot hold its value: a bug of the caller, who checks them.</exception>
    public int Write(UpstreamRequest request, Span<byte> to)
    {
        var writer = new Writer(to);
        writer.Add(LineOf(request));
        if (request.ContentType is { } type)
        {
            writer.Add(_bare);
            writer.Add(ContentType, ": ", type);
        }
        else
        {
            writer.Add(_shared);
        }

        if (KeyOf(request) is { } key)
        {
            writer.Add(_credential, key);
        }

        for (var i = 0; i < request.Headers.Count; i++)
        {
            var (name, value) = request.Headers[i];
            if (_settings.Headers.Count == 0 || Own(_settings, name) is null) // the operator's word wins
            {
                writer.Add(name, ": ", value);
            }
        }

        writer.AddLength(request.Body.Length);
        return writer.Length;
    }

    private string? KeyOf(UpstreamRequest request) => request.ApiKey ?? _settings.ApiKey;

    private byte[] LineOf(UpstreamRequest request) =>
        request.IsGet ? Line(request.Path, "GET") : _lines.GetValueOrDefault(request.Path) ?? Line(request.Path);

    private byte[] Line(string path, string method = "POST") =>
        Encoding.ASCII.GetBytes($"{method} {Address(_settings, path).PathAndQuery} HTTP/1.1\r\n");

    private static string Shared(ProviderSettings settings, string type)
    {
        var head = new StringBuilder();
        if (Own(settings, "Host") is null)
        {
            head.Append("Host: ").Append(HostOf(settings)).Append("\r\n");
        }

        head.Append(type).Append("Accept-Encoding: identity\r\n");
        if (Own(settings, "User-Agent") is null)
        {
            head.Append("User-Agent: gatehouse\r\n");
        }

        foreach (var (name, value) in settings.Headers)
        {
            if (!IsOurs(name))
            {
                head.Append(name).Append(": ").Append(value).Append("\r\n");
            }
        }

        return head.ToString();
    }

    /// <summary>Headers that say how the request is framed and what its body is are nobody's to set.</summary>
    private static bool IsOurs(string name) => name.ToUpperInvariant() is
        "CONTENT-LENGTH" or "TRANSFER-ENCODING" or "CONTENT-TYPE" or "ACCEPT-ENCODING" or "CONNECTION" or "KEEP-ALIVE" or "TE" or "TRAILER"
        or "UPGRADE" or "EXPECT";

    private static void CheckHeader(string name, string value)
    {
        if (!PassedHeaders.CanHold(value) || name.Length == 0 || name.AsSpan().ContainsAnyExceptInRange('!', '~')
            || name.Contains(':', StringComparison.Ordinal))
        {
            throw new ArgumentException($"A request cannot carry the header '{name}' as it is set.");
        }
    }

    private static string? Own(ProviderSettings settings, string name)
    {
        foreach (var (own, value) in settings.Headers)
        {
            if (own.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }
        }

        return null;
    }

    private ref struct Writer(Span<byte> to)
    {
        private readonly Span<byte> _to = to;

        public int Length { get; private set; }

        public void Add(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(_to[Length..]);
            Length += bytes.Length;
        }

        public void Add(string before, string value)
        {
            Append(before);
            Append(value);
            Add("\r\n"u8);
        }

        public void Add(string name, string separator, string value)
        {
            Append(name);
            Add(separator, value);
        }

        public void AddLength(int bytes)
        {
            Add("Content-Length: "u8);
            _ = Utf8Formatter.TryFormat(bytes, _to[Length..], out var digits);
            Length += digits;
            Add("\r\n\r\n"u8);
        }

        private void Append(string text)
        {
            if (!PassedHeaders.CanHold(text))
            {
                throw new ArgumentException("A header of the request has characters that it cannot carry.");
            }

            Length += Encoding.ASCII.GetBytes(text, _to[Length..]);
        }
    }
}
