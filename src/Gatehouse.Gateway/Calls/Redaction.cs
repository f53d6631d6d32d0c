using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Keeps the credentials that a provider was sent out of what it says went wrong: some quote them, in the message or elsewhere, whole or
/// without the scheme before them, and with escapes.
/// </summary>
internal static class Redaction
{
    private const string Cut = "[credential]";

    /// <summary>A header's value below this is a version or a name, and cutting it out would only garble the provider's words.</summary>
    private const int MinSecretChars = 8;

    public static UpstreamError Of(UpstreamError error, Provider provider)
    {
        foreach (var secret in SecretsOf(provider))
        {
            error = new(Without(error.Code, secret), Without(error.Type, secret), Without(error.Message, secret)!,
                Without(error.Param, secret));
        }

        return error;
    }

    /// <summary>Whether a body, as it stands or once its escapes are read, holds a credential.</summary>
    public static bool IsIn(ReadOnlySpan<byte> body, Provider provider)
    {
        List<string>? strings = null;
        foreach (var secret in SecretsOf(provider))
        {
            if (body.IndexOf(Encoding.UTF8.GetBytes(secret)) >= 0)
            {
                return true;
            }

            if (body.Contains((byte)'\\') && (strings ??= StringsOf(body)).Exists(s => s.Contains(secret, StringComparison.Ordinal)))
            {
                return true;
            }
        }

        return false;
    }

    private static IEnumerable<string> SecretsOf(Provider provider)
    {
        var settings = provider.Settings;
        var all = new List<string?>(
            settings.ApiKeys) { settings.ApiKey, settings.Aws?.SecretAccessKey, settings.Aws?.SessionToken, settings.Google?.PrivateKey };
        all.AddRange((provider.Upstream as SignedUpstream)?.Presented ?? []);
        foreach (var value in settings.Headers.Values)
        {
            all.Add(value);
            all.Add(value[(value.IndexOf(' ', StringComparison.Ordinal) + 1)..]); // Bearer X, Basic X
        }

        return all.Where(s => s is { Length: >= MinSecretChars }).Distinct().OrderByDescending(s => s!.Length)!;
    }

    private static string? Without(string? text, string secret) => text?.Replace(secret, Cut, StringComparison.Ordinal);

    private static List<string> StringsOf(ReadOnlySpan<byte> body)
    {
        var strings = new List<string>();
        try
        {
            var reader = new Utf8JsonReader(body);
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
                {
                    strings.Add(reader.GetString()!);
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // No JSON, or half a character: it is passed on only where the whole of it reads.
        }

        return strings;
    }
}
