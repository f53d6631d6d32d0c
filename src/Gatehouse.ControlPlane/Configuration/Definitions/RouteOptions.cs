using Gatehouse.Gateway.Routing;

namespace Gatehouse.Configuration;

/// <summary>One entry of section <c>routes</c>.</summary>
public sealed class RouteOptions
{
    [Setting("Whether calls are served; a route that is switched off refuses them and says so.")]
    public bool Enabled { get; set; } = true;

    [Setting("Where calls may go. At least one.", Required = true, Example = "[ { provider: openai, model: gpt-5-mini } ]")]
    public List<TargetOptions> Targets { get; set; } = [];

    [Setting("How a target is picked among those of the same `order`. `lowest_latency` tries others for 1 call in 20; `lowest_cost` takes targets without a price last; `least_busy` counts the calls of this node.")]
    public RoutingStrategy Strategy { get; set; }

    [Setting("Refuse a request with a parameter that the target's wire format cannot carry, in place of reporting it in `x-gatehouse-dropped-params`.")]
    public bool Strict { get; set; }

    [Setting("What sends a call on to the next target although this one is well: `context_length` (too long for the model; targets of the same model are passed over), `content_filter`, `invalid_schema` (a whole answer that breaks the JSON Schema asked for), `low_confidence` (a whole answer that `confidence` thinks little of).", DefaultText = "none", Example = "[ context_length, content_filter ]")]
    public List<string> FallbackOn { get; set; } = [];

    [Setting("What `low_confidence` of `fallback_on` means.")]
    public ConfidenceOptions Confidence { get; set; } = new();

    [Setting("Asks the next target as well when the first is slow to begin; the first with something to say serves, the other is broken off.")]
    public HedgeOptions? Hedge { get; set; }

    [Setting("Lets calls wait when every target is down, in place of refusing them.")]
    public WhenDownOptions? WhenDown { get; set; }

    [Setting("Sends copies of calls to another target; their answers reach nobody, their records have the surface `mirror`.")]
    public MirrorOptions? Mirror { get; set; }

    [Setting("Keeps answers, and serves them again to the same request. Without it nothing is kept. On calls of `/v1/embeddings` it keeps vectors, one for each text.")]
    public CacheOptions? Cache { get; set; }

    [Setting("Tries of one target before the next, the first one included.", Min = "1", Max = "10")]
    public int Attempts { get; set; } = 2;

    [Setting("First pause before a retry; doubles each time, with jitter.", Max = "1m")]
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromMilliseconds(200);

    [Setting("Longest pause before a retry. A provider that asks for more with `Retry-After` is left for the next target.", Max = "5m")]
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromSeconds(5);

    [Setting("How long to wait for a target.")]
    public TimeoutOptions Timeouts { get; set; } = new();
}

/// <summary>One model of one provider.</summary>
public sealed class TargetOptions
{
    [Setting("Name of an entry of `providers`.", Required = true, Example = "openai")]
    public string Provider { get; set; } = "";

    [Setting("The provider's name of the model; `*` passes on the name that the client asked for.", Example = "gpt-5-mini")]
    public string Model { get; set; } = "*";

    [Setting("Whether calls may go here.")]
    public bool Enabled { get; set; } = true;

    [Setting("Share of first tries among targets of the same `order`; 0 is only a fallback.", Min = "0", Max = "1000000")]
    public int Weight { get; set; } = 1;

    [Setting("Targets of a lower order are tried before those of a higher one.", Min = "0", Max = "100")]
    public int Order { get; set; }

    [Setting("What the model cannot do: calls that need it pass the target by. Of: `images`, `audio`, `files`, `tools`, `schema`, `reasoning`.", Example = "[ images, audio ]")]
    public List<string> Lacks { get; set; } = [];

    [Setting("Share of users that this target serves before all others, and nobody else: 0.05 is one in twenty. A user (`x-gatehouse-user`, or the request's own) stays on one side; calls without a user are drawn one by one.", Min = "0", Max = "1")]
    public double Canary { get; set; }

    [Setting("Which calls go here.")]
    public ConditionOptions When { get; set; } = new();
}

/// <summary>Conditions of a target; all must hold.</summary>
public sealed class ConditionOptions
{
    [Setting("Values that the call's metadata must have: the header `x-gatehouse-metadata` (a JSON object), else `metadata` of the body. Several values with commas: any of them.", EntryName = "metadata",
        Example = "{ tier: \"gold, silver\" }")]
    public Dictionary<string, string> Metadata { get; set; } = [];

    [Setting("Smallest request body.")]
    public ByteSize? MinRequest { get; set; }

    [Setting("Largest request body.")]
    public ByteSize? MaxRequest { get; set; }
}

/// <summary>When a second target is asked as well.</summary>
public sealed class HedgeOptions
{
    [Setting("How long the first target may take to its first byte: a duration, or a percentile of its own last 128 answers, `p50` to `p99`; with fewer than 20 nothing is hedged.", Example = "p95")]
    public string After { get; set; } = "p95";

    [Setting("Second attempts, as a share of the route's calls on each node.", Min = "0.0001", Max = "1")]
    public double MaxShare { get; set; } = 0.05;

    [Setting("US dollars a day (UTC), on each node, that attempts which were outrun may cost; what a provider does not report is estimated.", DefaultText = "no limit", Example = "5")]
    public decimal? MaxCost { get; set; }
}

/// <summary>What becomes of calls while every target of a route is down.</summary>
public sealed class WhenDownOptions
{
    [Setting("How long a call waits for a target to come back.", Required = true, Min = "100ms", Max = "10m", Example = "30s")]
    public TimeSpan Queue { get; set; }

    [Setting("Calls that may wait at once, on each node; more are refused as ever.", Min = "1", Max = "100000")]
    public int Length { get; set; } = 100;
}

/// <summary>Who judges whole answers, and when they are worth too little.</summary>
public sealed class ConfidenceOptions
{
    [Setting("Whether a refusal is worth too little.")]
    public bool Refusals { get; set; } = true;

    [Setting("Least share of an answer, word by word and number by number, that the texts of the request must carry.", Min = "0.01",
        Max = "1", DefaultText = "not measured", Example = "0.4")]
    public double? Grounding { get; set; }

    [Setting("A route that grades the answer from 0 to 1: a call of its own by the same key, with the surface `judge`.", Example = "judge")]
    public string? Judge { get; set; }

    [Setting("Least grade.", Min = "0.01", Max = "1")]
    public double Verdict { get; set; } = 0.5;
}

/// <summary>Where copies of a route's calls go.</summary>
public sealed class MirrorOptions
{
    [Setting("Name of an entry of `providers`.", Required = true, Example = "openai")]
    public string Provider { get; set; } = "";

    [Setting("The provider's name of the model; `*` passes on the name that the client asked for.", Example = "gpt-5-mini")]
    public string Model { get; set; } = "*";

    [Setting("Share of the calls.", Min = "0.0001", Max = "1")]
    public double Share { get; set; } = 1;

    [Setting("Copies under way at once on each node; more are left out and counted.", Min = "1", Max = "10000")]
    public int Concurrent { get; set; } = 8;
}

/// <summary>How long a route waits for its targets.</summary>
public sealed class TimeoutOptions
{
    public static readonly TimeSpan DefaultTotal = TimeSpan.FromMinutes(10);

    public static readonly TimeSpan DefaultStream = TimeSpan.FromHours(1);

    [Setting("To connect.", Min = "10ms", Max = "5m")]
    public TimeSpan Connect { get; set; } = TimeSpan.FromSeconds(5);

    [Setting("From sending the request to the first byte of the answer.", Min = "10ms", Max = "1h")]
    public TimeSpan FirstByte { get; set; } = TimeSpan.FromSeconds(120);

    [Setting("Longest pause within an answer.", Min = "10ms", Max = "1h")]
    public TimeSpan Idle { get; set; } = TimeSpan.FromSeconds(60);

    [Setting("From asking a target to the end of its answer, however steadily it comes. What passes while the client, a person or a judge is waited for does not count. The default grows with first_byte and idle.", Min = "10ms", Max = "24h")]
    public TimeSpan Total { get; set; } = DefaultTotal;

    [Setting("The same for an answer that is streamed.", Min = "10ms", Max = "24h")]
    public TimeSpan Stream { get; set; } = DefaultStream;
}
