using System.Security.Cryptography;
using System.Text;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;

namespace Gatehouse.Configuration;

/// <summary>Turns an entry of <c>providers</c> and its preset into what the gateway calls by.</summary>
/// <param name="variable">Looks an environment variable up.</param>
internal sealed class ProviderCompiler(Func<string, string?> variable)
{
    private const string AzureDeploymentApiVersion = "2024-10-21";

    /// <summary>The credential: the one configured, or that of the kind's environment variable.</summary>
    public string? KeyOf(ProviderOptions options, ProviderPreset preset) =>
        options.ApiKey ?? (options.ApiKeys is [var first, ..] ? first : KeyOf(preset));

    public string? KeyOf(ProviderPreset preset)
    {
        if (preset.IsAtGoogle)
        {
            return null; // its variable names a file
        }

        foreach (var name in preset.KeyVariables)
        {
            if (name == AwsSource.AccessKeyVariable)
            {
                continue; // half of a credential
            }

            // A Gatehouse key in OPENAI_API_KEY belongs to a client on this machine, not to the provider.
            if (variable(name) is { Length: > 0 } key && !key.StartsWith("gh_", StringComparison.Ordinal))
            {
                return key;
            }
        }

        return null;
    }

    public bool HasCredential(ProviderOptions options, ProviderPreset preset) =>
        KeyOf(options, preset) is not null || Aws.Find(options, preset) is not null || Google.Find(options, preset) is not null;

    public AwsSource Aws { get; } = new(variable);

    public GoogleSource Google { get; } = new(variable);

    public ProviderSettings Compile(string name, ProviderOptions options, ProviderPreset preset) => new()
    {
        Name = name,
        Kind = preset.Kind,
        Wire = preset.Wire,
        BaseUrl = AddressOf(options, preset),
        ApiKey = BearerOf(options, preset),
        ApiKeys = options.ApiKeys.Count > 1 ? options.ApiKeys : [],
        ApiKeyHeader = options.ApiKeyHeader ?? preset.ApiKeyHeader,
        Headers = options.Headers,
        Query = QueryOf(options),
        StreamUsage = options.StreamUsage ?? preset.StreamUsage,
        MaxTokensField = options.MaxTokensField ?? preset.MaxTokensField,
        SpeaksResponses = options.Responses ?? (preset.Responses && options.Deployment is null && !HasDeploymentPaths(options)),
        SpeaksCompletions = options.Completions ?? (preset.Completions && !HasDeploymentPaths(options)),
        ModelInPath = preset.Kind == ProviderPresets.Azure && HasDeploymentPaths(options),
        Aws = BearerOf(options, preset) is null ? Aws.Find(options, preset) : null,
        Google = BearerOf(options, preset) is null ? Google.Find(options, preset) : null,
        IsVertexClaude = preset.Kind == ProviderPresets.VertexClaude,
        Breaker = options.Breaker.Enabled ?? preset.Kind != ProviderPresets.Simulator ? Compile(options.Breaker) : null,
        Health = options.Health is { } health ? Compile(health, preset) : null,
        AllowPrivate = options.AllowPrivate ?? (preset.SelfHosted ? true : null),
        Region = options.Region,
        MaxData = options.MaxData,
        Concurrency = options.Concurrency is { } c ? new(c.Calls, c.Queue, c.Wait) : null,
        Simulator = preset.Kind == ProviderPresets.Simulator ? Compile(options.Simulator ?? new()) : null,
    };

    /// <summary>Equal for equal settings, secrets included: kept in memory only, to find the provider whose connections live on.</summary>
    public static string Fingerprint(ProviderSettings s)
    {
        var text = new StringBuilder();
        text.AppendJoin('\n', s.Name, s.Kind, s.Wire, s.BaseUrl, s.ApiKey, s.ApiKeyHeader, s.Query, s.StreamUsage, s.MaxTokensField,
            s.Breaker, s.ModelInPath, s.Region, s.MaxData, s.AllowPrivate,
            s.Concurrency, s.SpeaksResponses, s.SpeaksCompletions);
        text.Append('\n')
            .AppendJoin('|', s.Aws?.Region, s.Aws?.AccessKeyId, s.Aws?.SecretAccessKey, s.Aws?.SessionToken, s.Aws?.CredentialsFile,
                s.Aws?.Profile);
        text.Append('\n').AppendJoin('|', s.Google?.ClientEmail, s.Google?.PrivateKeyId, s.Google?.PrivateKey, s.Google?.TokenUri);
        text.Append('\n').AppendJoin('|', s.ApiKeys);
        text.Append('\n')
            .AppendJoin('|', s.Health?.Path, s.Health?.Every, s.Health?.Timeout, s.Health?.UnhealthyAfter, s.Health?.HealthyAfter)
            .AppendJoin('|', s.Health?.Models ?? []);
        foreach (var (header, value) in s.Headers.OrderBy(h => h.Key, StringComparer.Ordinal))
        {
            text.Append('\n').Append(header).Append('=').Append(value);
        }

        if (s.Simulator is { } simulator)
        {
            text.Append('\n').AppendJoin('|', simulator.Seed, simulator.Latency.Ticks, simulator.LatencySpread, simulator.TokensPerSecond);
            text.Append('\n').AppendJoin('\n', simulator.Faults);
        }

        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>An access key that is written down goes before a token that happens to be in the environment.</summary>
    private string? BearerOf(ProviderOptions options, ProviderPreset preset) =>
        options.Aws?.AccessKeyId is null ? KeyOf(options, preset) : options.ApiKey;

    private Uri AddressOf(ProviderOptions options, ProviderPreset preset)
    {
        switch (preset.Kind)
        {
            case ProviderPresets.Bedrock:
                return Aws.AddressOf(options);
            case ProviderPresets.Vertex:
                return Google.AddressOf(options, "google");
            case ProviderPresets.VertexClaude:
                return Google.AddressOf(options, "anthropic");
        }

        var address = options.BaseUrl is { } url ? new Uri(url.AbsoluteUri.TrimEnd('/')) : new Uri(preset.BaseUrl!);
        if (preset.Kind != ProviderPresets.Azure || address.AbsolutePath.Length > 1)
        {
            return address;
        }

        return options.Deployment is { } deployment
            ? new Uri(address, $"/openai/deployments/{Uri.EscapeDataString(deployment)}")
            : new Uri(address, HasDeploymentPaths(options) ? "/openai" : "/openai/v1");
    }

    /// <summary>
    /// A dated version belongs to the older paths, with a deployment in them; <c>preview</c> and <c>latest</c> to those without.
    /// </summary>
    private static bool HasDeploymentPaths(ProviderOptions options) =>
        options is { Deployment: null, ApiVersion: [>= '0' and <= '9', ..] } && options.BaseUrl is { AbsolutePath.Length: <= 1 };

    private static string QueryOf(ProviderOptions options)
    {
        var version = options.ApiVersion ?? (options.Deployment is null ? null : AzureDeploymentApiVersion);
        return version is null ? "" : "api-version=" + Uri.EscapeDataString(version);
    }

    private static BreakerSettings Compile(BreakerOptions options) =>
        new(options.FailureShare, options.MinimumCalls, options.Window, options.OpenFor);

    /// <summary>Where the list of models is; <see langword="null"/> where none is to be had at the provider's address.</summary>
    public static string? HealthPathOf(ProviderPreset preset) => preset.Kind is ProviderPresets.Simulator or ProviderPresets.Bedrock
        || preset.IsAtGoogle || preset.Wire == WireFormat.Cohere
        ? null
        : "/models";

    private static HealthSettings Compile(HealthOptions options, ProviderPreset preset) => new(
        options.Models.Count > 0 ? null : options.Path ?? HealthPathOf(preset), options.Models, options.Every, options.Timeout,
        options.UnhealthyAfter, options.HealthyAfter);

    private static SimulatorSettings Compile(SimulatorOptions options) => new()
    {
        Seed = options.Seed,
        Latency = options.Latency,
        LatencySpread = options.LatencySpread,
        TokensPerSecond = options.TokensPerSecond,
        Faults = [.. options.Faults.Select(f => new SimulatorFault(f.Kind, f.Share, f.Every, f.For, f.RetryAfter))],
    };
}
