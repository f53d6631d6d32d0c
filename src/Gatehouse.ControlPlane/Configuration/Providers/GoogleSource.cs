using System.Security.Cryptography;
using System.Text.Json;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Configuration;

/// <summary>
/// Where the service account and the address of a Vertex provider come from: its settings, else what Google's own tools look at.
/// </summary>
/// <param name="variable">Looks an environment variable up.</param>
internal sealed class GoogleSource(Func<string, string?> variable)
{
    private const string DefaultTokenUri = "https://oauth2.googleapis.com/token";

    /// <returns><see langword="null"/> when there is no service account, or none that can sign.</returns>
    public GoogleSettings? Find(ProviderOptions options, ProviderPreset preset) =>
        preset.IsAtGoogle && Text(options) is { } text && Parse(text) is { } account ? account.Settings : null;

    /// <summary>The project that is configured, or else the service account's.</summary>
    public string? ProjectOf(ProviderOptions options) =>
        options.Google?.Project ?? Set("GOOGLE_CLOUD_PROJECT") ?? (Text(options) is { } text ? Parse(text)?.Project : null);

    /// <param name="publisher">Whose models: <c>google</c> or <c>anthropic</c>.</param>
    public Uri AddressOf(ProviderOptions options, string publisher)
    {
        if (options.BaseUrl is { AbsolutePath.Length: > 1 } whole)
        {
            return new Uri(whole.AbsoluteUri.TrimEnd('/'));
        }

        var location = options.Google?.Location ?? Set("GOOGLE_CLOUD_LOCATION") ?? "global";
        var host = options.BaseUrl ?? new Uri(location switch
        {
            "global" => "https://aiplatform.googleapis.com",
            "us" or "eu" => $"https://aiplatform.{location}.rep.googleapis.com",
            _ => $"https://{location}-aiplatform.googleapis.com",
        });
        return new Uri(
            host, $"/v1/projects/{Uri.EscapeDataString(ProjectOf(options)!)}/locations/{Uri.EscapeDataString(location)}/publishers/{publisher}");
    }

    private string? Text(ProviderOptions options)
    {
        if (options.Google?.ServiceAccount is { } text)
        {
            return text;
        }

        try
        {
            return Set("GOOGLE_APPLICATION_CREDENTIALS") is { } file ? File.ReadAllText(file) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static (GoogleSettings Settings, string? Project)? Parse(string text)
    {
        try
        {
            var json = JsonElement.Parse(text);
            var settings = new GoogleSettings
            {
                ClientEmail = json.GetProperty("client_email").GetString()!,
                PrivateKey = json.GetProperty("private_key").GetString()!,
                PrivateKeyId = json.TryGetProperty("private_key_id", out var id) ? id.GetString() : null,
                TokenUri = new Uri(json.TryGetProperty("token_uri", out var uri) ? uri.GetString()! : DefaultTokenUri),
            };
            using var key = RSA.Create();
            key.ImportFromPem(settings.PrivateKey);
            return (settings, json.TryGetProperty("project_id", out var project) ? project.GetString() : null);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or UriFormatException
            or ArgumentException or CryptographicException)
        {
            return null;
        }
    }

    private string? Set(string name) => variable(name) is { Length: > 0 } value ? value : null;
}
