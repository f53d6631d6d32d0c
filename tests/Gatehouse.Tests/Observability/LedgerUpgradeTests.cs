using Gatehouse.Contracts;
using Gatehouse.Observability;
using Gatehouse.Observability.Calls;
using Gatehouse.Storage;
using Gatehouse.Tests.Storage;

namespace Gatehouse.Tests.Observability;

/// <summary>A ledger that was begun when each call was one wide row and each trace a JSON document.</summary>
public class LedgerUpgradeTests
{
    private const int LastWide = 4;

    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Calls_and_traces_of_before_are_kept_as_they_were(string kind)
    {
        await using var database = await TestDatabase.CreateAsync(kind);
        var db = database.Db;
        var all = Migrations.Read(typeof(ObservabilityModule).Assembly);
        await Migrations.ApplyAsync(db, [.. all.Where(m => m.Module != "Observability" || m.Number <= LastWide)], TimeProvider.System, Ct);
        var ids = Enumerable.Range(0, 3).Select(i => Guid.CreateVersion7(Samples.Noon.AddSeconds(i))).ToArray();
        var team = Guid.CreateVersion7();
        await AddWideAsync(db, ids[0], team, "gpt-5", """{"input":0.00000125,"output":0.00001,"tiers":[]}""");
        await AddWideAsync(db, ids[1], team, "gpt-5", """{"input":0.00000125,"output":0.00001,"tiers":[]}""");
        await AddWideAsync(db, ids[2], team, null, null);
        await db.ExecuteAsync($$"""
            INSERT INTO observability_trace (call_id, document, expires_at)
            VALUES ({{ids[1]}}, {{"""{"span_id":"00f067aa0ba902b7","attempts":[],"dropped_parameters":["seed"],"request_attributes":{},"providers":{}}"""}}, {{Samples.Noon.AddDays(30)}})
            """, Ct);

        await Migrations.ApplyAsync(db, all, TimeProvider.System, Ct);

        var clock = new SettableClock(Samples.Noon.AddMinutes(1));
        var calls = new CallQueries(db, new SystemLookup(_ => "helpdesk", (_, _) => null), new RecordedSignal(), clock);
        var page = await calls.ListAsync(TestLedger.Admin, new CallFilter(), Ct);
        Assert.Equal(ids.Reverse(), page.Calls.Select(c => c.Id));
        Assert.Equal([null, "gpt-5", "gpt-5"], page.Calls.Select(c => c.Model));
        var detail = (await calls.FindAsync(TestLedger.Admin, "req_" + ids[1].ToString("N"), Ct))!;
        Assert.Equal(
            (ids[1], "4bf92f3577b34da6a3ce929d0e0e4736", 0.000042m, new TokenUsage(7, 0, 0, 0, 3, 0), 200, "stop", 1),
            (detail.Call.Id, detail.Call.TraceId, detail.Call.CostUsd, detail.Call.Usage, detail.Call.Status, detail.Call.FinishReason,
                detail.Call.Attempts));
        Assert.Equal(["seed"], detail.DroppedParameters);
        Assert.Equal(2, await CountAsync(db, $"SELECT COUNT(*) FROM observability_call_shape"));
        Assert.Equal(
            2, await CountAsync(
                db, $"SELECT COUNT(*) FROM observability_ledger WHERE first_cost_nanos = 41 AND end_user = 'ann' AND price IS NOT NULL"));
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static async Task<long> CountAsync(Database db, FormattableString sql) => (await db.QueryAsync(sql, row => row.Long(0), Ct))[0];

    private static Task<int> AddWideAsync(Database db, Guid id, Guid team, string? model, string? price) => db.ExecuteAsync(
        $"""
        INSERT INTO observability_ledger (team_id, id, system_id, key_id, environment, node, request_id, trace_id, surface, route, provider, model,
            answered_model, streamed, status, outcome, error_code, error_message, finish_reason, uncached_input_tokens, cache_read_tokens,
            cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nanos, price_revision, price,
            configuration_revision, started_at, duration_micros, first_byte_micros, own_micros, attempts, recorded_at, end_user, first_cost_nanos)
        VALUES ({team}, {id}, {team}, {team}, 'production', 'n1', {"req_" + id.ToString("N")}, '4bf92f3577b34da6a3ce929d0e0e4736', 'chat', 'smart',
            {(model is null ? null : "azure")}, {model}, {model}, {true}, 200, 'ok', NULL, NULL, 'stop', 7, 0, 0, 0, 3, 0, 42000, '2026-03', {price},
            'r1', {Samples.Noon}, 900, 400, 60, 1, {Samples.Noon}, 'ann', 41)
        """,
        Ct);
}
