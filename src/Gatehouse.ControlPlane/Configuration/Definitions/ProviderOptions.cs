using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Configuration;

/// <summary>One entry of section <c>providers</c>.</summary>
public sealed class ProviderOptions
{
    [Setting("What it is: sets address, wire format, credential header and quirks. See docs/reference/providers.md.",
        Required = true, Choices = SettingChoices.ProviderKinds, Example = "openai")]
    public string Kind { get; set; } = "";

    [Setting("Whether calls may go to it, whatever the routes say.")]
    public bool Enabled { get; set; } = true;

    [Setting("Address, with its version segment (`https://host/v1`).", DefaultText = "the kind's")]
    public Uri? BaseUrl { get; set; }

    [Setting("Whether the host of `base_url` may be at a private address: this machine, a container's or company's network. An address that is written as a private one is allowed without it. Link-local and metadata addresses never are.",
        DefaultText = "the kind's: true for `ollama`, `vllm` and `lmstudio`")]
    public bool? AllowPrivate { get; set; }

    [Setting("The credential. Write a reference, not the secret itself.", Secret = true,
        DefaultText = "the kind's environment variable, if set",
        Example = "${OPENAI_API_KEY}")]
    public string? ApiKey { get; set; }

    [Setting("Several credentials in place of `api_key`: the first that does not rest is used. One that is limited (429) rests as long as the provider asks, one that is refused (401, 403) for 10 minutes.", Secret = true,
        Example = "[ \"${OPENAI_KEY_A}\", \"${OPENAI_KEY_B}\" ]")]
    public List<string> ApiKeys { get; set; } = [];

    [Setting("The header that carries the credential.", Choices = SettingChoices.ApiKeyHeaders, DefaultText = "the kind's")]
    public string? ApiKeyHeader { get; set; }

    [Setting("Headers added to each request.", Secret = true, EntryName = "header")]
    public Dictionary<string, string> Headers { get; set; } = [];

    [Setting("Azure: the deployment to call, for resources that are addressed by deployment. Without it the model name is the deployment.")]
    public string? Deployment { get; set; }

    [Setting("Azure: the `api-version` query parameter. With a dated one and no `deployment`, the model name is the deployment in the path.", DefaultText = "2024-10-21 with `deployment`, else none")]
    public string? ApiVersion { get; set; }

    [Setting("Whether usage may be asked for in streams (`stream_options`). Turn it off for servers that refuse the field.",
        DefaultText = "the kind's")]
    public bool? StreamUsage { get; set; }

    [Setting("The name of the output limit that the server understands.", Choices = SettingChoices.MaxTokensFields,
        DefaultText = "the kind's")]
    public string? MaxTokensField { get; set; }

    [Setting("Rests a model of the provider after too many failures; its calls go to the route's next targets meanwhile.")]
    public BreakerOptions Breaker { get; set; } = new();

    [Setting("Asks from time to time whether it is up; while it is not, calls go to the route's other targets. Each node asks for itself.")]
    public HealthOptions? Health { get; set; }

    [Setting("Whether the server also serves `/responses`: calls of that format then pass through, in place of being translated.",
        DefaultText = "the kind's")]
    public bool? Responses { get; set; }

    [Setting("Whether the server also serves the older `/completions`.", DefaultText = "the kind's")]
    public bool? Completions { get; set; }

    [Setting("Where it keeps and handles data, from the wide to the narrow: `eu`, `eu-west-1`. A system whose residency is `eu` reaches only providers whose region is `eu` or begins with `eu-`.")]
    public string? Region { get; set; }

    [Setting("The most sensitive data that it may receive; a system that is classified higher does not reach it.", DefaultText = "any")]
    public DataClassification? MaxData { get; set; }

    [Setting("How many calls each model of the provider takes at once, on each node.")]
    public ConcurrencyOptions? Concurrency { get; set; }

    [Setting("Bedrock: region and access key. Only for kind `bedrock`.")]
    public AwsOptions? Aws { get; set; }

    [Setting("Vertex: project, location and service account. Only for kind `vertex`.")]
    public GoogleOptions? Google { get; set; }

    [Setting("How the simulator behaves. Only for kind `simulator`.")]
    public SimulatorOptions? Simulator { get; set; }
}

/// <summary>
/// When the circuit breaker of a model opens. Refused requests and limited rates are no failures; errors, time-outs and refused credentials
/// are.
/// </summary>
public sealed class BreakerOptions
{
    [Setting("Whether there is one for each model of the provider.", DefaultText = "true; false for kind `simulator`")]
    public bool? Enabled { get; set; }

    [Setting("Share of failed attempts in the window that opens it.", Min = "0.01", Max = "1")]
    public double FailureShare { get; set; } = 0.5;

    [Setting("Attempts in the window below which it stays closed.", Min = "1", Max = "100000")]
    public int MinimumCalls { get; set; } = 20;

    [Setting("How far back attempts count.", Min = "1s", Max = "1h")]
    public TimeSpan Window { get; set; } = TimeSpan.FromSeconds(30);

    [Setting("Rest before one attempt at a time finds out whether the model is back. When every target of a route rests, the one that has rested longest is asked at once.", Min = "100ms", Max = "1h")]
    public TimeSpan OpenFor { get; set; } = TimeSpan.FromSeconds(15);
}

/// <summary>How a provider is asked whether it is up.</summary>
public sealed class HealthOptions
{
    [Setting("What is read with GET, after `base_url`. It is down when it does not answer in time, or with 401, 403, or 500 and above.",
        DefaultText = "`/models`, the list of models")]
    public string? Path { get; set; }

    [Setting("In place of a path: models that are called for one token each, at their price and outside the ledger. Targets of these models are judged, each by its own.", Example = "[ gpt-5-mini ]")]
    public List<string> Models { get; set; } = [];

    [Setting("From one check to the next, a tenth more or less.", Min = "500ms", Max = "1d")]
    public TimeSpan Every { get; set; } = TimeSpan.FromSeconds(30);

    [Setting("How long an answer may take.", Min = "10ms", Max = "5m")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    [Setting("Failures one after the other until it is left out.", Min = "1", Max = "100")]
    public int UnhealthyAfter { get; set; } = 3;

    [Setting("Successes one after the other until it gets calls again.", Min = "1", Max = "100")]
    public int HealthyAfter { get; set; } = 1;
}

/// <summary>
/// How many calls a model takes at once. A call that finds no place goes to the route's next target, and waits only where there is none.
/// </summary>
public sealed class ConcurrencyOptions
{
    [Setting("Calls under way at once.", Required = true, Min = "1", Max = "1000000", Example = "16")]
    public int Calls { get; set; }

    [Setting("Calls that may wait: production before staging before development, and last those with `x-gatehouse-priority: low`. More are refused (503).", Min = "0", Max = "100000")]
    public int Queue { get; set; } = 100;

    [Setting("How long a call waits before it is refused (503).", Min = "1ms", Max = "10m")]
    public TimeSpan Wait { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>How requests to AWS are addressed and signed.</summary>
public sealed class AwsOptions
{
    [Setting("The region, `eu-central-1`.", DefaultText = "that of `base_url`, else of `AWS_REGION`, `AWS_DEFAULT_REGION`")]
    public string? Region { get; set; }

    [Setting("The access key's id. Goes with `secret_access_key`.", DefaultText = "`AWS_ACCESS_KEY_ID`")]
    public string? AccessKeyId { get; set; }

    [Setting("The secret access key. Write a reference, not the secret itself.", Secret = true, DefaultText = "`AWS_SECRET_ACCESS_KEY`",
        Example = "${AWS_SECRET_ACCESS_KEY}")]
    public string? SecretAccessKey { get; set; }

    [Setting("The session token of a temporary access key.", Secret = true, DefaultText = "`AWS_SESSION_TOKEN`")]
    public string? SessionToken { get; set; }

    [Setting("A shared credentials file, in place of an access key; read again when it changes.",
        DefaultText = "`AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`")]
    public string? CredentialsFile { get; set; }

    [Setting("The profile in that file.", DefaultText = "`AWS_PROFILE`, else `default`")]
    public string? Profile { get; set; }
}

/// <summary>Whose models are called at Google Cloud, and as whom.</summary>
public sealed class GoogleOptions
{
    [Setting("The project.", DefaultText = "the service account's")]
    public string? Project { get; set; }

    [Setting("The location, `europe-west4`.", DefaultText = "`GOOGLE_CLOUD_LOCATION`, else `global`")]
    public string? Location { get; set; }

    [Setting("The service account's key, as the JSON that Google gives out.", Secret = true,
        DefaultText = "the file that `GOOGLE_APPLICATION_CREDENTIALS` names",
        Example = "${file:vertex.json}")]
    public string? ServiceAccount { get; set; }
}

/// <summary>Settings of the simulator, which is no model: it answers deterministically, and fails as it is told.</summary>
public sealed class SimulatorOptions
{
    [Setting("Answers, latencies and faults repeat for the same seed and text.", Min = "0", Max = "2147483647")]
    public int Seed { get; set; } = 1;

    [Setting("Median time to the first byte.", Max = "10m")]
    public TimeSpan Latency { get; set; } = TimeSpan.Zero;

    [Setting("99th percentile of the latency divided by its median; 1 is constant.", Min = "1", Max = "100")]
    public double LatencySpread { get; set; } = 1;

    [Setting("Speed of streams; 0 makes no pause.", Min = "0", Max = "100000")]
    public double TokensPerSecond { get; set; }

    [Setting("What goes wrong, and how often.")]
    public List<SimulatorFaultOptions> Faults { get; set; } = [];
}

/// <summary>One fault of the simulator.</summary>
public sealed class SimulatorFaultOptions
{
    [Setting("What goes wrong.", Required = true, Example = "rate_limited")]
    public SimulatorFaultKind Kind { get; set; }

    [Setting("Share of calls it hits.", Min = "0", Max = "1")]
    public double Share { get; set; } = 1;

    [Setting("An outage begins every so often …", Min = "1s", Max = "30d", DefaultText = "always")]
    public TimeSpan? Every { get; set; }

    [Setting("… and lasts this long; goes with `every`.", Min = "1ms", Max = "30d")]
    public TimeSpan? For { get; set; }

    [Setting("The `Retry-After` that goes with `rate_limited` and `overloaded`.", Min = "1s", Max = "1h")]
    public TimeSpan? RetryAfter { get; set; }
}
