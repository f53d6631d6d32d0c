using Gatehouse.Gateway.Providers;

namespace Gatehouse.Configuration;

/// <summary>Where the region and the access key of a Bedrock provider come from: its settings, else what AWS's own tools look at.</summary>
/// <param name="variable">Looks an environment variable up.</param>
internal sealed class AwsSource(Func<string, string?> variable)
{
    public const string AccessKeyVariable = "AWS_ACCESS_KEY_ID";

    /// <returns><see langword="null"/> when nothing says which.</returns>
    public string? RegionOf(ProviderOptions options) =>
        options.Aws?.Region ?? RegionOf(options.BaseUrl) ?? Set("AWS_REGION") ?? Set("AWS_DEFAULT_REGION");

    public Uri AddressOf(ProviderOptions options)
    {
        var region = RegionOf(options)!;
        var china = region.StartsWith("cn-", StringComparison.Ordinal) ? ".cn" : "";
        return options.BaseUrl is { } url
            ? new Uri(url.AbsoluteUri.TrimEnd('/'))
            : new Uri($"https://bedrock-runtime.{region}.amazonaws.com{china}");
    }

    /// <returns><see langword="null"/> when there is no access key to sign with.</returns>
    public AwsSettings? Find(ProviderOptions options, ProviderPreset preset)
    {
        if (preset.Kind != ProviderPresets.Bedrock || RegionOf(options) is not { } region)
        {
            return null;
        }

        var aws = options.Aws ?? new();
        if (aws is { AccessKeyId: { } id, SecretAccessKey: { } secret })
        {
            return new() { Region = region, AccessKeyId = id, SecretAccessKey = secret, SessionToken = aws.SessionToken };
        }

        if (aws.CredentialsFile is null && Set(AccessKeyVariable) is { } ownId && Set("AWS_SECRET_ACCESS_KEY") is { } ownSecret)
        {
            return new() { Region = region, AccessKeyId = ownId, SecretAccessKey = ownSecret, SessionToken = Set("AWS_SESSION_TOKEN") };
        }

        var file = aws.CredentialsFile ?? Set("AWS_SHARED_CREDENTIALS_FILE")
            ?? (Set("HOME") is { } home ? Path.Combine(home, ".aws", "credentials") : null);
        return file is not null && File.Exists(file)
            ? new() { Region = region, CredentialsFile = file, Profile = aws.Profile ?? Set("AWS_PROFILE") ?? "default" }
            : null;
    }

    /// <summary>The region in <c>bedrock-runtime.REGION.amazonaws.com</c> and in the names of private endpoints.</summary>
    private static string? RegionOf(Uri? address)
    {
        var labels = address?.Host.Split('.') ?? [];
        var at = Array.FindIndex(labels, l => l.StartsWith("bedrock-runtime", StringComparison.Ordinal));
        return at >= 0 && at + 1 < labels.Length && labels[at + 1].Contains('-', StringComparison.Ordinal) ? labels[at + 1] : null;
    }

    private string? Set(string name) => variable(name) is { Length: > 0 } value ? value : null;
}
