using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Observability;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Traces;
using Gatehouse.Storage;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Observability;

/// <summary>
/// A node with a journal and a migrated database: records go in, queries come out. The clock stands where the test puts it.
/// </summary>
internal sealed class TestLedger : IAsyncDisposable
{
    public static readonly Person Admin = new(Guid.CreateVersion7(), "admin@example.com", "Admin", [new Membership(null, Role.Admin)]);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gatehouse-journal-");
    private readonly TestDatabase _database;

    private TestLedger(TestDatabase database)
    {
        _database = database;
        Metrics = new ObservabilityMetrics(null);
        Journal = OpenJournal();
        Drain = NewDrain();
    }

    public SettableClock Clock { get; } = new(Samples.Noon);

    public Database Db => _database.Db;

    public string JournalDirectory => _folder.FullName;

    public TestDatabase Database => _database;

    public ObservabilityMetrics Metrics { get; }

    public RecordedSignal Recorded { get; } = new();

    public CallJournal Journal { get; private set; }

    public long CorruptedBeforeRestart { get; private set; }

    public LedgerDrain Drain { get; private set; }

    public LedgerStore Store => new(Db, LedgerJoint.None, Systems, Clock);

    public Dictionary<Guid, string> Names { get; } = [];

    public EnvironmentPolicy Policy { get; set; } = new(SystemEnvironment.Production, StoreContent: true, RetentionDays: 30);

    public SystemLookup Systems => new(id => Names.GetValueOrDefault(id), (_, environment) => Policy with { Environment = environment });

    public CallQueries Calls => new(Db, Systems, Recorded, Clock);

    public TrafficQueries Traffic => new(Db, Systems, Clock);

    public static async Task<TestLedger> StartAsync(string kind) => new(await TestDatabase.CreateWithSchemaAsync(kind));

    /// <summary>As after <c>kill -9</c>: the journal's files stay as they are, and all memory is gone.</summary>
    /// <param name="meanwhile">Done while nobody has the journal open.</param>
    public void Restart(Action? meanwhile = null)
    {
        CorruptedBeforeRestart = Journal.Corrupted;
        Journal.Dispose();
        meanwhile?.Invoke();
        Journal = OpenJournal();
        Drain = NewDrain();
    }

    /// <summary>Like <see cref="Restart"/>, after the disk lost a bit of the journal's first record.</summary>
    public void RestartDamaged()
    {
        const int InFirstRecord = 64 + 8 + 20; // behind the headers of the segment and of the record
        Journal.Dispose();
        foreach (var path in Directory.GetFiles(_folder.FullName, "*.journal"))
        {
            var bytes = File.ReadAllBytes(path);
            if (bytes.Length > InFirstRecord)
            {
                bytes[InFirstRecord] ^= 1;
                File.WriteAllBytes(path, bytes);
            }
        }

        Journal = OpenJournal();
        Drain = NewDrain();
    }

    public async Task RecordAsync(params IEnumerable<CallRecord> records)
    {
        foreach (var record in records)
        {
            Journal.Append(record);
        }

        await DrainAllAsync();
    }

    public async Task DrainAllAsync()
    {
        while (await Drain.DrainAsync(CancellationToken.None))
        {
        }
    }

    public async Task<long> CountAsync(FormattableString sql) =>
        (await Db.QueryAsync(sql, row => row.Long(0), CancellationToken.None)).Sum();

    public async ValueTask DisposeAsync()
    {
        Journal.Dispose();
        Metrics.Dispose();
        await _database.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>A plausible call; the seed decides everything but the team.</summary>
    public static CallRecord Call(Guid team, int seed, DateTimeOffset at)
    {
        var random = new Random(seed);
        var outcome = random.Next(
            10) switch { 0 => CallOutcome.Failed, 1 => CallOutcome.Refused, 2 => CallOutcome.Cancelled, _ => CallOutcome.Ok };
        var asked = outcome != CallOutcome.Refused;
        TokenUsage? usage = outcome == CallOutcome.Ok
            ? new TokenUsage(
                random.Next(1, 5000), random.Next(0, 500), random.Next(0, 50), random.Next(0, 5), random.Next(1, 900), random.Next(0, 300))
            : null;
        var price = random.Next(4) == 0 ? null : new Price(0.00000125m, 0.00001m, CacheRead: 0.000000125m);
        var duration = random.NextInt64(1_000, 9_000_000);
        var provider = asked ? $"provider-{random.Next(2)}" : null;
        var model = asked ? $"model-{random.Next(3)}" : null;
        var cache = outcome == CallOutcome.Ok ? (CacheUse)(seed % 6) : CacheUse.None;
        var saves = cache.IsServed() || cache == CacheUse.Partial;
        return new CallRecord
        {
            Cache = cache,
            SavedNanos = saves && seed % 5 > 0 ? seed * 1000 : null,
            Saved = saves ? new TokenUsage(seed, 1, 0, 0, seed % 100, 2) : null,
            Id = Guid.CreateVersion7(at),
            RequestId = string.Create(CultureInfo.InvariantCulture, $"req_{seed}_{team:N}"),
            TraceId = Convert.ToHexStringLower(Bytes(random, 16)),
            SpanId = Convert.ToHexStringLower(Bytes(random, 8)),
            StartedAtMicros = (at - DateTimeOffset.UnixEpoch).Ticks / 10,
            TeamId = team,
            SystemId = new Guid(1, (short)random.Next(3), 0, 0, 0, 0, 0, 0, 0, 0, 1),
            KeyId = team,
            Environment = (SystemEnvironment)random.Next(3),
            Surface = "chat",
            Route = $"route-{random.Next(2)}",
            Provider = provider,
            Model = model,
            AnsweredModel = usage is null ? null : model,
            Streamed = random.Next(2) == 0,
            Status = outcome == CallOutcome.Ok ? 200 : 503,
            Outcome = outcome,
            ErrorCode = outcome is CallOutcome.Failed or CallOutcome.Refused ? $"error_{random.Next(2)}" : null,
            ErrorMessage = outcome is CallOutcome.Failed or CallOutcome.Refused ? "The provider said: 100% overloaded" : null,
            FinishReason = usage is null ? null : "stop",
            Usage = usage,
            CostNanos = usage is { } tokens ? price?.CostNanos(tokens) : null,
            PriceRevision = "2026-03",
            Price = usage is null ? null : price,
            ConfigurationRevision = "r1",
            DurationMicros = duration,
            FirstByteMicros = asked ? duration / 2 : null,
            OwnMicros = random.Next(5, 200),
            DroppedParameters = random.Next(5) == 0 ? ["logit_bias"] : [],
            Attempts = asked
                ? [new CallAttempt(
                    provider!, model!, 10, duration / 3, duration / 2, duration - 5, outcome == CallOutcome.Failed ? 503 : 200, null, null)]
                : [],
        };
    }

    private static byte[] Bytes(Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private CallJournal OpenJournal() =>
        CallJournal.Open(new CallJournalOptions { Directory = _folder.FullName, SegmentBytes = 256 << 10 });

    /// <param name="busyBytes">What may wait in the journal before traces are sampled.</param>
    public LedgerDrain NewDrain(long busyBytes = long.MaxValue) => new(
        Journal, Store, LedgerJoint.None, new Snapshot<GatewayTable>(GatewayTable.Empty), Systems, Recorded,
        new OtlpTraces(OtlpOptions.Off, Metrics), Metrics)
    {
        BusyBytes = busyBytes,
    };
}

/// <summary>A clock that a test sets; its timers are those of the system.</summary>
internal sealed class SettableClock(DateTimeOffset now) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now;
}
