using System.Security.Cryptography;
using System.Text;

namespace Gatehouse.Gateway.Guarding.PlugIns;

/// <summary>
/// Signs requests as Standard Webhooks does: <c>v1,</c> and the Base64 of HMAC-SHA-256, under the secret, of id, timestamp and body with
/// dots between. A secret that begins with <c>whsec_</c> is Base64 behind it, any other is its UTF-8 bytes.
/// </summary>
public static class WebhookSignature
{
    private const string Encoded = "whsec_";
    private const int MinBytes = 16;

    public static string Of(string secret, string id, string timestamp, ReadOnlySpan<byte> body)
    {
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body];
        return "v1," + Convert.ToBase64String(HMACSHA256.HashData(Key(secret) ?? [], signed));
    }

    /// <summary>Whether a secret is long enough, and Base64 where it says so.</summary>
    public static bool IsUsable(string secret) => Key(secret) is { Length: >= MinBytes };

    private static byte[]? Key(string secret)
    {
        if (!secret.StartsWith(Encoded, StringComparison.Ordinal))
        {
            return Encoding.UTF8.GetBytes(secret);
        }

        var key = new byte[secret.Length];
        return Convert.TryFromBase64String(secret[Encoded.Length..], key, out var length) ? key[..length] : null;
    }
}
