using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>AWS's Signature Version 4 in a header. Pure: the time comes in.</summary>
internal static class SigV4
{
    private const string Algorithm = "AWS4-HMAC-SHA256";

    public static string DateOf(DateTimeOffset now) => now.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);

    /// <summary>The value of <c>Authorization</c>.</summary>
    /// <param name="path">As it is sent; what is escaped in it is escaped once more, as all services but S3 expect.</param>
    /// <param name="query">Canonical already: sorted, escaped, without the question mark.</param>
    /// <param name="headers">Those to sign, names in lower case and sorted; <c>host</c> and <c>x-amz-date</c> among them.</param>
    /// <param name="amzDate">The value of <c>x-amz-date</c>.</param>
    public static string Authorization(
        string method, string path, string query, IReadOnlyList<KeyValuePair<string, string>> headers, ReadOnlySpan<byte> body,
        AwsCredentials credentials, string region, string service, string amzDate)
    {
        var signed = string.Join(';', headers.Select(h => h.Key));
        var canonical = new StringBuilder(512).Append(method).Append('\n');
        AppendEscaped(canonical, path);
        canonical.Append('\n').Append(query).Append('\n');
        foreach (var (name, value) in headers)
        {
            canonical.Append(name).Append(':').Append(value.Trim()).Append('\n');
        }

        canonical.Append('\n').Append(signed).Append('\n').Append(Hex(SHA256.HashData(body)));

        var date = amzDate[..8];
        var scope = $"{date}/{region}/{service}/aws4_request";
        var text = $"{Algorithm}\n{amzDate}\n{scope}\n{Hex(SHA256.HashData(Encoding.UTF8.GetBytes(canonical.ToString())))}";
        var key = Hmac(
            Hmac(Hmac(Hmac(Encoding.UTF8.GetBytes("AWS4" + credentials.SecretAccessKey), date), region), service), "aws4_request");
        return $"{Algorithm} Credential={credentials.AccessKeyId}/{scope}, SignedHeaders={signed}, Signature={Hex(Hmac(key, text))}";
    }

    private static void AppendEscaped(StringBuilder to, string path)
    {
        foreach (var b in Encoding.UTF8.GetBytes(path.Length > 0 ? path : "/"))
        {
            if (char.IsAsciiLetterOrDigit((char)b) || b is (byte)'-' or (byte)'_' or (byte)'.' or (byte)'~' or (byte)'/')
            {
                to.Append((char)b);
            }
            else
            {
                to.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
            }
        }
    }

    private static byte[] Hmac(byte[] key, string text) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text));

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
