using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers.Connections;
using Gatehouse.Gateway.Resilience;

namespace Gatehouse.Gateway.Providers;

/// <summary>The wire format that a provider speaks.</summary>
public enum WireFormat
{
    /// <summary>OpenAI <c>chat/completions</c>, which most providers offer.</summary>
    OpenAi,

    /// <summary>Anthropic <c>messages</c>.</summary>
    Anthropic,

    /// <summary>Google's <c>generateContent</c>.</summary>
    Gemini,

    /// <summary>OpenAI <c>responses</c>: spoken besides <see cref="OpenAi"/>, see <see cref="ProviderSettings.SpeaksResponses"/>.</summary>
    Responses,

    /// <summary>Amazon Bedrock's <c>Converse</c>.</summary>
    Bedrock,

    /// <summary>
    /// OpenAI's older <c>completions</c>: spoken besides <see cref="OpenAi"/>, see <see cref="ProviderSettings.SpeaksCompletions"/>.
    /// </summary>
    Completions,

    /// <summary>Cohere's <c>chat</c>, version 2.</summary>
    Cohere,
}

/// <summary>One provider as configured, secrets resolved. Never printed: <see cref="ToString"/> names only the provider.</summary>
public sealed record ProviderSettings
{
    /// <summary>The name in the configuration, as people see it.</summary>
    public required string Name { get; init; }

    /// <summary>The preset it was made from: <c>openai</c>, <c>azure</c>, <c>ollama</c>, <c>anthropic</c>, <c>simulator</c> …</summary>
    public required string Kind { get; init; }

    public required WireFormat Wire { get; init; }

    /// <summary>
    /// The address that <c>/chat/completions</c>, <c>/messages</c> or <c>/models/…</c> is appended to, with its version segment.
    /// </summary>
    public required Uri BaseUrl { get; init; }

    /// <summary>The name that TLS asks for: the address's, unless the operator has set another.</summary>
    public string TlsName => RequestHead.HostName(this);

    /// <summary>The credential, or <see langword="null"/> for providers that need none.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Every credential when there are several, <see cref="ApiKey"/> first; else empty.</summary>
    public IReadOnlyList<string> ApiKeys { get; init; } = [];

    /// <summary>
    /// How the credential travels: <c>Authorization</c> (as a Bearer token), <c>x-api-key</c>, <c>api-key</c> or <c>x-goog-api-key</c>.
    /// </summary>
    public string ApiKeyHeader { get; init; } = "Authorization";

    /// <summary>Headers added to each request, and query parameters in <see cref="Query"/> (Azure's <c>api-version</c>).</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>Query string without the question mark, or empty.</summary>
    public string Query { get; init; } = "";

    /// <summary>Whether <c>stream_options.include_usage</c> may be asked for; a few servers refuse the field.</summary>
    public bool StreamUsage { get; init; } = true;

    /// <summary>The field for the output limit: <c>max_completion_tokens</c> at OpenAI, <c>max_tokens</c> at most others.</summary>
    public string MaxTokensField { get; init; } = "max_tokens";

    /// <summary>
    /// Whether its name may lead to a private address; <see langword="null"/>: only where <see cref="BaseUrl"/> is written as one.
    /// </summary>
    public bool? AllowPrivate { get; init; }

    /// <summary>Keeps calls away from a model that fails; <see langword="null"/>: nothing does.</summary>
    public BreakerSettings? Breaker { get; init; }

    /// <summary>How it is asked whether it is up; <see langword="null"/>: it is not.</summary>
    public HealthSettings? Health { get; init; }

    /// <summary>Whether it also serves <c>/responses</c>.</summary>
    public bool SpeaksResponses { get; init; }

    /// <summary>Calls that one model takes at once; <see langword="null"/>: any number.</summary>
    public ConcurrencySettings? Concurrency { get; init; }

    /// <summary>
    /// Where it keeps and handles data: <c>eu</c>, <c>us-east-1</c>; <see langword="null"/>: not stated, so it is nowhere in particular.
    /// </summary>
    public string? Region { get; init; }

    /// <summary>The most sensitive data that it may receive; <see langword="null"/>: any.</summary>
    public DataClassification? MaxData { get; init; }

    /// <summary>Azure's way: the model is a deployment, and stands in the path.</summary>
    public bool ModelInPath { get; init; }

    /// <summary>How requests are signed for AWS; <see langword="null"/> when the credential is in a header.</summary>
    public AwsSettings? Aws { get; init; }

    /// <summary>The service account that tokens for Google Cloud are fetched for; <see langword="null"/> elsewhere.</summary>
    public GoogleSettings? Google { get; init; }

    /// <summary>
    /// Anthropic's models at Google Cloud: the model stands in the path, and the body says which version of the format it is.
    /// </summary>
    public bool IsVertexClaude { get; init; }

    /// <summary>Whether it has something to prove who asks.</summary>
    public bool HasCredential => ApiKey is not null || Aws is not null || Google is not null;

    /// <summary>Whether it also serves <c>/completions</c>; of OpenAI's own models only a few do.</summary>
    public bool SpeaksCompletions { get; init; }

    /// <summary>Behaviour of the simulator; <see langword="null"/> for other kinds.</summary>
    public SimulatorSettings? Simulator { get; init; }

    public override string ToString() => Name;
}

/// <summary>How the simulator behaves. Everything is deterministic in <see cref="Seed"/> and the request's text.</summary>
public sealed record SimulatorSettings
{
    public int Seed { get; init; } = 1;

    /// <summary>Median time to the first byte. Default 0: as fast as possible.</summary>
    public TimeSpan Latency { get; init; } = TimeSpan.Zero;

    /// <summary>Ratio of the 99th percentile of the latency to its median (log-normal). 1 means constant. Default 1.</summary>
    public double LatencySpread { get; init; } = 1;

    /// <summary>Speed of the stream. 0 means no pause between tokens. Default 0.</summary>
    public double TokensPerSecond { get; init; }

    /// <summary>Faults, each hitting its share of calls.</summary>
    public IReadOnlyList<SimulatorFault> Faults { get; init; } = [];
}

/// <summary>What the simulator does wrong.</summary>
public enum SimulatorFaultKind
{
    /// <summary>429 with <c>Retry-After</c>.</summary>
    RateLimited,

    /// <summary>500.</summary>
    ServerError,

    /// <summary>503, overloaded.</summary>
    Overloaded,

    /// <summary>401: the provider refuses Gatehouse's credential.</summary>
    Unauthorized,

    /// <summary>400 with the code <c>context_length_exceeded</c>.</summary>
    ContextLength,

    /// <summary>Accepts the request and never answers.</summary>
    Timeout,

    /// <summary>The connection is refused.</summary>
    ConnectionRefused,

    /// <summary>An error event in the middle of a stream.</summary>
    StreamError,

    /// <summary>The stream ends without its terminator.</summary>
    StreamTruncated,

    /// <summary>The stream stalls for ever in the middle.</summary>
    StreamStalled,

    /// <summary>The body is not JSON.</summary>
    MalformedJson,

    /// <summary>The model refuses (finish reason <c>content_filter</c>).</summary>
    Refusal,
}

/// <summary>A fault that hits <paramref name="Share"/> of the calls, always or in a window.</summary>
/// <param name="Share">From 0 to 1.</param>
/// <param name="Every">With <paramref name="For"/>: an outage that begins every so often (measured from the Unix epoch) …</param>
/// <param name="For">… and lasts this long. Both <see langword="null"/>: always.</param>
public sealed record SimulatorFault(
    SimulatorFaultKind Kind, double Share = 1, TimeSpan? Every = null, TimeSpan? For = null, TimeSpan? RetryAfter = null);
