using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Observability;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Traces;
using Gatehouse.Storage;

namespace Gatehouse.Ingestion;

/// <summary>What a drain took.</summary>
internal readonly record struct Drained(double CpuMicros, TimeSpan Elapsed, long AllocatedBytes);

/// <summary>A journal and an empty, migrated database in a scratch directory (or in a PostgreSQL database of its own).</summary>
internal sealed class Trial : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gatehouse-ingestion-");
    private readonly CallJournal _journal;
    private readonly Database _db;
    private readonly Database? _admin;
    private readonly string _name = $"gatehouse_{Guid.CreateVersion7():N}";
    private readonly ObservabilityMetrics _metrics;
    private readonly LedgerDrain _drain;
    private readonly Guid _team = Guid.CreateVersion7();
    private readonly Guid[] _systems = [.. Enumerable.Range(0, 5).Select(_ => Guid.CreateVersion7())];
    private readonly Guid[] _keys = [.. Enumerable.Range(0, 10).Select(_ => Guid.CreateVersion7())];
    private int _made;

    private Trial(string? postgres)
    {
        _journal = CallJournal.Open(new CallJournalOptions { Directory = Path.Combine(_folder.FullName, "journal") });
        if (postgres is null)
        {
            _db = DatabaseFactory.Sqlite(Path.Combine(_folder.FullName, "ingestion.db"));
        }
        else
        {
            _admin = DatabaseFactory.Postgres(postgres);
            _db = DatabaseFactory.Postgres(postgres + ";Database=" + _name);
        }

        _metrics = new ObservabilityMetrics(_journal);
        var table = new Snapshot<GatewayTable>(GatewayTable.Empty);
        var systems = new SystemLookup(
            _ => "helpdesk", (_, environment) => new EnvironmentPolicy(environment, StoreContent: false, RetentionDays: 30));
        _drain = new LedgerDrain(
            _journal, new LedgerStore(_db, LedgerJoint.None, systems, TimeProvider.System), LedgerJoint.None, table, systems,
            new RecordedSignal(),
            new OtlpTraces(OtlpOptions.Off, _metrics), _metrics);
    }

    public Database Db => _db;

    /// <summary>A system with one call in two thousand.</summary>
    public Guid Quiet { get; } = Guid.CreateVersion7();

    public static async Task<Trial> StartAsync(string? postgres)
    {
        var trial = new Trial(postgres);
        if (trial._admin is { } admin)
        {
            await admin.ExecuteAsync(
                System.Runtime.CompilerServices.FormattableStringFactory.Create($"CREATE DATABASE {trial._name} TEMPLATE template0"),
                default);
        }

        await Migrations.ApplyAsync(trial._db, typeof(ObservabilityModule).Assembly, default);
        return trial;
    }

    /// <summary>Calls like those of <c>bench/gateway.sh</c>, spread over ten keys and three models; one in fifty failed.</summary>
    /// <param name="over">How far back they begin; zero for 25,000 a second from now on.</param>
    public void Append(int calls, TimeSpan over)
    {
        var now = TimeProvider.System.GetUtcNow();
        for (var i = 0; i < calls; i++, _made++)
        {
            _journal.Append(Call(over == TimeSpan.Zero ? now.AddMicroseconds(40L * i) : now - over + (over * ((double)i / calls))));
        }
    }

    public async Task<Drained> DrainAsync()
    {
        GC.Collect();
        var (cpu, allocated, started) = (Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes(), TimeProvider.System.GetTimestamp());
        while (await _drain.DrainAsync(default))
        {
        }

        return new Drained(
            (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds, TimeProvider.System.GetElapsedTime(started),
            GC.GetTotalAllocatedBytes() - allocated);
    }

    public async Task<long> BytesAsync()
    {
        if (_admin is not null)
        {
            return (await _db.QueryAsync($"SELECT pg_database_size(current_database())", row => row.Long(0), default))[0];
        }

        await _db.ExecuteAsync($"PRAGMA wal_checkpoint(TRUNCATE)", default);
        return new FileInfo(Path.Combine(_folder.FullName, "ingestion.db")).Length;
    }

    public async ValueTask DisposeAsync()
    {
        _journal.Dispose();
        _metrics.Dispose();
        await _db.DisposeAsync();
        if (_admin is not null)
        {
            await _admin.ExecuteAsync(
                System.Runtime.CompilerServices.FormattableStringFactory.Create($"DROP DATABASE {_name} WITH (FORCE)"), default);
            await _admin.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    private CallRecord Call(DateTimeOffset at)
    {
        var failed = _made % 50 == 49;
        var id = Guid.CreateVersion7(at);
        var digits = id.ToString("N");
        var model = $"bench-model-{_made % 3}";
        var usage = new TokenUsage(230 + (_made % 100), 0, 0, 0, 180, 0);
        var price = new Price(0.00000125m, 0.00001m);
        var cost = failed ? (long?)null : price.CostNanos(usage);
        var duration = 400 + (_made * 7919L % 900);
        return new CallRecord
        {
            Id = id,
            RequestId = "req_" + digits,
            TraceId = digits,
            SpanId = ((ulong)_made * 0x9E3779B97F4A7C15).ToString("x16", CultureInfo.InvariantCulture),
            StartedAtMicros = (at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
            TeamId = _team,
            SystemId = _made % 2000 == 0 ? Quiet : _systems[_made % 5],
            KeyId = _keys[_made % 10],
            Environment = SystemEnvironment.Production,
            Surface = "chat",
            Route = model,
            Provider = "bench",
            Model = model,
            AnsweredModel = failed ? null : model,
            Status = failed ? 502 : 200,
            Outcome = failed ? CallOutcome.Failed : CallOutcome.Ok,
            ErrorCode = failed ? "upstream_error" : null,
            ErrorMessage = failed ? "The provider answered 500: overloaded." : null,
            FinishReason = failed ? null : "stop",
            Usage = failed ? null : usage,
            CostNanos = cost,
            PriceRevision = "2026-11",
            Price = failed ? null : price,
            ConfigurationRevision = "3f9c2d71",
            DurationMicros = duration,
            FirstByteMicros = duration - 20,
            OwnMicros = 60,
            Attempts =
            [
                new CallAttempt(
                    "bench", model, 40, duration - 60, duration - 40, duration - 20, failed ? 500 : 200, failed ? "upstream_error" : null,
                    failed ? "The provider answered 500: overloaded." : null, failed ? null : usage,
                    cost is { } nanos ? Nanos.ToUsd(nanos) : null),
            ],
        };
    }
}
