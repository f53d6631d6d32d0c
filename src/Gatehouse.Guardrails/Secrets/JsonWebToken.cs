using System.Buffers.Text;

namespace Gatehouse.Guardrails.Secrets;

/// <summary>Tells a JSON Web Token from text that only starts like one.</summary>
internal static class JsonWebToken
{
    public const int MaxHeader = 1024;

    /// <summary>
    /// Two or three parts, of which the first two are base64url of JSON objects, the first naming an algorithm or a type.
    /// </summary>
    public static bool Is(ReadOnlySpan<char> token)
    {
        var dot = token.IndexOf('.');
        if (dot < 0 || !IsHeader(token[..dot]))
        {
            return false;
        }

        var rest = token[(dot + 1)..];
        var second = rest.IndexOf('.');
        var payload = second < 0 ? rest : rest[..second];

        // Long payloads are not decoded: their start says enough. An encrypted token has no JSON there, and an empty part.
        return payload.Length == 0 || payload.StartsWith("eyJ") || payload.StartsWith("ewo") || payload.StartsWith("ewog")
            || second >= 0 && rest[(second + 1)..].Contains('.');
    }

    /// <summary>Base64url of a JSON object with an algorithm, a type or a key id.</summary>
    public static bool IsHeader(ReadOnlySpan<char> part)
    {
        if (part.Length is < 8 or > MaxHeader)
        {
            return false;
        }

        Span<byte> json = stackalloc byte[MaxHeader];
        var header = Decode(part, json);
        return header.Length > 4 && header[0] == '{' && header[^1] == '}'
            && (header.IndexOf("\"alg\""u8) > 0 || header.IndexOf("\"typ\""u8) > 0 || header.IndexOf("\"kid\""u8) > 0);
    }

    private static ReadOnlySpan<byte> Decode(ReadOnlySpan<char> part, Span<byte> to) =>
        Base64Url.IsValid(part.TrimEnd('=')) && Base64Url.TryDecodeFromChars(part.TrimEnd('='), to, out var written)
            ? to[..written]
            : default;
}
