using Gatehouse.Gateway.Journal;

namespace Gatehouse.Configuration;

/// <summary>Everything in <c>gatehouse.yaml</c>.</summary>
public sealed class GatehouseOptions
{
    [Setting("Where Gatehouse listens and keeps its data.")]
    public ServerOptions Server { get; set; } = new();

    [Setting("The database: SQLite when one node runs alone, PostgreSQL when several run together.")]
    public StorageOptions Storage { get; set; } = new();

    [Setting("The vault that `${vault:path#field}` is read from.")]
    public VaultOptions Vault { get; set; } = new();

    [Setting("The upstreams that serve models, by a name of your choice.", EntryName = "provider")]
    public Dictionary<string, ProviderOptions> Providers { get; set; } = [];

    [Setting("The model names that clients ask for. A name that ends in `*` serves every model whose name begins so; the longest match wins.",
        EntryName = "route")]
    public Dictionary<string, RouteOptions> Routes { get; set; } = [];

    [Setting("Room for what routes keep.")]
    public CachesOptions Caches { get; set; } = new();

    [Setting("What tokens cost. Later entries win: the built-in table, then `import`, then `models`.")]
    public PricesOptions Prices { get; set; } = new();

    [Setting("Bounds of files and of batches, which Gatehouse runs itself at a lower priority than other calls.")]
    public BatchesOptions Batches { get; set; } = new();

    [Setting("What the guards look for in calls, and what they do then.")]
    public PoliciesOptions Policies { get; set; } = new();

    [Setting("Where traces and metrics go besides Gatehouse's own store.")]
    public TelemetryOptions Telemetry { get; set; } = new();
}

/// <summary>Section <c>server</c>.</summary>
public sealed class ServerOptions
{
    [Setting("Address to listen on, as `host:port`; `*:8080` listens on every interface. Port 0 takes a free one.", Restart = true)]
    public string Address { get; set; } = "127.0.0.1:8080";

    [Setting("The address that people and clients use, when a proxy stands in front: for links and for cookies.",
        DefaultText = "the address", Restart = true, Example = "https://gatehouse.example.com")]
    public Uri? PublicUrl { get; set; }

    [Setting("The proxies in front, by address or network: only from these are `X-Forwarded-For` and `X-Forwarded-Proto` believed. " +
        "Without it, sign-in attempts through a proxy are counted per account only.",
        DefaultText = "none", Restart = true, Example = "127.0.0.1, 10.0.0.0/8")]
    public string? TrustedProxies { get; set; }

    [Setting("Folder for the journal, the SQLite database and the installation's secret. Relative to this file.", Restart = true)]
    public string Data { get; set; } = "data";

    [Setting("Folder for the keys of sessions and form tokens, encrypted under the installation's secret. All nodes share it. Relative to this file.",
        DefaultText = "the database", Restart = true, Example = "/mnt/gatehouse/keys")]
    public string? Keys { get; set; }

    [Setting("What the record of an answered call outlives: `process` (the death of Gatehouse, not a power cut) or `power` (both: an answer's last bytes wait until the disk has the record, one flush for all calls in flight).", Restart = true)]
    public JournalDurability Durability { get; set; }

    [Setting("Threads that poll the sockets of calls and run them. 0 leaves that to the runtime's own sockets, as everywhere but on Linux.",
        DefaultText = "one for each processor", Min = "0", Max = "256", Restart = true)]
    public int? PollingThreads { get; set; }

    [Setting("Largest request body accepted.", Min = "1KiB", Max = "1GiB")]
    public ByteSize MaxBody { get; set; } = new(32 << 20);

    [Setting("What large request bodies under way may take of memory together; who finds no room gets a 503. One body always finds room.",
        DefaultText = "a quarter of the memory that the process may use", Min = "1MiB", Max = "1024GiB", Example = "512MiB")]
    public ByteSize? MaxBodyMemory { get; set; }

    [Setting("Largest answer read from a provider.", Min = "1KiB", Max = "1GiB")]
    public ByteSize MaxAnswer { get; set; } = new(64 << 20);
}

/// <summary>Section <c>storage</c>: one of the two.</summary>
public sealed class StorageOptions
{
    [Setting("Path of the SQLite database. Relative to this file.", DefaultText = "gatehouse.db in the data folder", Restart = true,
        Example = "/var/lib/gatehouse/gatehouse.db")]
    public string? Sqlite { get; set; }

    [Setting("PostgreSQL connection string.", Secret = true, Restart = true, Example = "${GATEHOUSE_POSTGRES}")]
    public string? Postgres { get; set; }

    [Setting("With PostgreSQL: a node that starts while it is away serves calls from the tables that it keeps in its data folder, unless PostgreSQL confirmed them longer ago than this. 0 keeps none: such a start fails.",
        Min = "0", Max = "365d", Restart = true)]
    public TimeSpan SnapshotMaxAge { get; set; } = TimeSpan.FromHours(24);
}

/// <summary>Section <c>batches</c>.</summary>
public sealed class BatchesOptions
{
    [Setting("Items of all batches that a node calls at the same time.", Min = "1", Max = "1000")]
    public int Parallel { get; set; } = 8;

    [Setting("Largest file accepted.", Min = "1KiB", Max = "1GiB")]
    public ByteSize MaxFile { get; set; } = new(100 << 20);

    [Setting("Most requests of one batch.", Min = "1", Max = "1000000")]
    public int MaxItems { get; set; } = 50_000;

    [Setting("Most bytes that the files of one team may have together.", Min = "1KiB", Max = "1024GiB")]
    public ByteSize Quota { get; set; } = new(2L << 30);

    [Setting("How long files, and batches that have ended, are kept unless the client says less.", Min = "1h", Max = "365d")]
    public TimeSpan Keep { get; set; } = TimeSpan.FromDays(30);
}

/// <summary>Section <c>telemetry</c>.</summary>
public sealed class TelemetryOptions
{
    [Setting("Base address of an OpenTelemetry collector (OTLP over HTTP); `/v1/traces` and `/v1/metrics` are appended.",
        DefaultText = "no export", Restart = true, Example = "http://127.0.0.1:4318")]
    public Uri? Otlp { get; set; }

    [Setting("Headers sent to the collector, such as its credential.", Secret = true, Restart = true, EntryName = "header")]
    public Dictionary<string, string> Headers { get; set; } = [];
}
