using Gatehouse.Contracts;
using Gatehouse.Observability.Calls;
using Gatehouse.Storage;

namespace Gatehouse.Observability;

/// <summary>A call whose prompt and answer are stored.</summary>
/// <param name="Surface">The format that it came in by.</param>
/// <param name="Guard">What the guards did; <see langword="null"/> when no policy applied.</param>
public sealed record StoredCall(
    Guid Id, DateTimeOffset StartedAt, Guid TeamId, Guid SystemId, string System, SystemEnvironment Environment, string Surface,
    GuardVerdict? Guard, CallContent Content)
{
    /// <summary>A prompt is not to stand in a log.</summary>
    public override string ToString() => Id.ToString();
}

/// <summary>Reads stored prompts and answers page by page, within the teams in which the reader may see them.</summary>
public sealed class StoredCalls
{
    private readonly Database _db;
    private readonly SystemLookup _systems;
    private readonly TimeProvider _clock;

    internal StoredCalls(Database db, SystemLookup systems, TimeProvider clock)
    {
        _db = db;
        _systems = systems;
        _clock = clock;
    }

    /// <summary>Newest first.</summary>
    /// <param name="before">Only calls older than this one.</param>
    public Task<List<StoredCall>> ReadAsync(Person who, DateTimeOffset from, Guid? system, Guid? before, int limit, CancellationToken ct)
    {
        var sql = new SqlText().Add($"""
            SELECT l.id, l.started_at, l.team_id, l.system_id, l.environment, l.surface, l.guard_verdict, t.request, t.response
            FROM observability_text t JOIN observability_ledger l ON l.id = t.call_id
            WHERE t.expires_at > {_clock.GetUtcNow()} AND t.call_id >= {CallConditions.EarliestId(from)} AND l.started_at >= {from}
            """);
        if (who.TeamsWith(Permission.ReadContent) is { } teams)
        {
            sql.Add($" AND l.team_id IN {teams}");
        }

        if (system is { } id)
        {
            sql.Add($" AND l.system_id = {id}");
        }

        if (before is { } last)
        {
            sql.Add($" AND t.call_id < {last}");
        }

        return _db.ScanAsync(
            sql.Add($" ORDER BY t.call_id DESC LIMIT {limit}").Build(),
            row => new StoredCall(
                row.Id(0), row.Instant(1), row.Id(2), row.Id(3), _systems.NameOf(row.Id(3)) ?? row.Id(3).ToString(),
                Words.Environment(row.Text(4)) ?? default, row.Text(5), row.TextOrNull(6) is { } verdict ? Words.Verdict(verdict) : null,
                new CallContent(row.Text(7), row.Text(8))),
            ct);
    }
}
