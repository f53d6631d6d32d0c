using System.Security.Cryptography;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Reviews;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Table <c>governance_review</c>. Texts are sealed: who has the database and not the installation's secret reads none.</summary>
internal sealed class ReviewRows(Database db, InstallationSecret secret)
{
    private static readonly string[] Columns =
    [
        "team_id", "id", "system_id", "environment", "state", "holds", "passes_on_timeout", "policy", "policy_revision", "rule", "side",
        "findings", "texts", "texts_until", "call_id", "request_id", "route", "node", "asked_at", "due_at", "passed",
    ];

    private readonly byte[] _key = secret.Derive("reviews");

    /// <summary>Adds what is not there yet.</summary>
    public Task AddAsync(
        IReadOnlyList<ReviewAsked> asked, string node, Func<ReviewAsked, DateTimeOffset> textsUntil, CancellationToken ct) =>
        db.InsertManyAsync("governance_review", Columns, [.. asked.Select(a => (object?[])
        [
            a.TeamId, a.Id, a.SystemId, Words.Of(a.Environment), Words.Of(a.Due is null ? ReviewState.Open : ReviewState.Waiting),
            a.Due is not null, a.PassesOnTimeout, a.Policy, a.PolicyRevision, a.Rule, a.Side,
            JsonSerializer.Serialize(a.Findings, GovernanceJson.Default.GuardFindings), Seal(a), Moments.Cut(textsUntil(a)), a.CallId,
            a.RequestId, a.Route, node, Moments.Cut(a.At), a.Due is { } due ? Moments.Cut(due) : null, a.Due is null ? true : null,
        ])], ct);

    /// <summary>A call waits no longer. What a person decided meanwhile stays.</summary>
    /// <param name="textsUntil"><see langword="null"/>: the texts go now.</param>
    public async Task EndAsync(ReviewEnded ended, DateTimeOffset? textsUntil, CancellationToken ct)
    {
        var at = Moments.Cut(ended.At);
        await db.ExecuteAsync($"""
            UPDATE governance_review SET passed = {ended.Passed}, ended_at = COALESCE(ended_at, {at}),
                state = CASE WHEN state = 'waiting' THEN {Words.Of(ended.How)} ELSE state END
            WHERE id = {ended.Id}
            """, ct);
        await KeepTextsAsync(ended.Id, textsUntil, ct);
    }

    /// <summary>Calls of a node that is gone wait no longer.</summary>
    /// <param name="askedBefore">What was asked later is another run's.</param>
    public Task<int> AbandonAsync(string node, DateTimeOffset askedBefore, DateTimeOffset now, CancellationToken ct) =>
        db.ExecuteAsync($"""
            UPDATE governance_review SET state = 'abandoned', ended_at = {now}, passed = {false}, texts = NULL
            WHERE node = {node} AND state = 'waiting' AND asked_at < {askedBefore}
            """, ct);

    public Task<List<string>> NodesAsync(CancellationToken ct) =>
        db.QueryAsync($"SELECT DISTINCT node FROM governance_review WHERE state = 'waiting'", row => row.Text(0), ct);

    /// <summary>Beats of the nodes; those that are gone for good have none.</summary>
    public async Task<Dictionary<string, long>> BeatsAsync(CancellationToken ct) =>
        (await db.QueryAsync($"SELECT node, beat FROM governance_node", row => (row.Text(0), row.Long(1)), ct))
            .ToDictionary(n => n.Item1, n => n.Item2);

    /// <summary>Decisions about these reviews.</summary>
    public Task<List<(Guid Id, bool Approved)>> DecisionsAsync(IReadOnlyList<Guid> ids, CancellationToken ct) => db.QueryAsync(
        $"SELECT id, state FROM governance_review WHERE id IN {ids} AND state IN ('approved', 'denied')",
        row => (row.Id(0), row.Text(1) == "approved"), ct);

    /// <returns>Whether there was something to decide.</returns>
    public static async Task<bool> TryDecideAsync(
        Transaction sql, Guid id, bool approved, string person, string? note, ReviewLabel? label, DateTimeOffset now,
        CancellationToken ct) =>
        await sql.ExecuteAsync($"""
            UPDATE governance_review SET state = {(approved ? "approved" : "denied")}, ended_at = {now}, person = {person}, note = {note},
                label = {(label is { } said ? Words.Of(said) : null)}
            WHERE id = {id} AND (state = 'open' OR (state = 'waiting' AND due_at > {now}))
            """, ct) == 1;

    /// <param name="until"><see langword="null"/>: they go now.</param>
    public Task KeepTextsAsync(Guid id, DateTimeOffset? until, CancellationToken ct) => until is { } time
        ? db.ExecuteAsync($"UPDATE governance_review SET texts_until = {Moments.Cut(time)} WHERE id = {id}", ct)
        : db.ExecuteAsync($"UPDATE governance_review SET texts = NULL WHERE id = {id}", ct);

    public Task DeleteOldTextsAsync(DateTimeOffset now, CancellationToken ct) =>
        db.ExecuteAsync($"UPDATE governance_review SET texts = NULL WHERE texts IS NOT NULL AND texts_until < {now}", ct);

    /// <param name="where">A condition over <c>r</c>.</param>
    public Task<List<Review>> ReadAsync(FormattableString where, int limit, CancellationToken ct) => db.QueryAsync(
        $"""
        SELECT r.id, r.team_id, r.system_id, s.name, r.environment, r.state, r.holds, r.passes_on_timeout, r.policy, r.policy_revision,
            r.rule, r.side, r.findings, r.call_id, r.request_id, r.route, r.asked_at, r.due_at, r.ended_at, r.passed, r.person, r.note,
            r.label
        FROM governance_review r JOIN governance_system s ON s.team_id = r.team_id AND s.id = r.system_id
        WHERE {where} ORDER BY r.id DESC LIMIT {limit}
        """,
        row => new Review(
            row.Id(0), row.Id(1), row.Id(2), row.Text(3), Words.Parse<SystemEnvironment>(row.Text(4)),
            Words.Parse<ReviewState>(row.Text(5)), row.Bool(6), row.Bool(7), row.Text(8), row.Text(9), row.Text(10), row.Text(11),
            JsonSerializer.Deserialize(row.Text(12), GovernanceJson.Default.GuardFindings)!, row.Id(13), row.Text(14), row.Text(15),
            row.Instant(16), row.InstantOrNull(17), row.InstantOrNull(18), row.BoolOrNull(19), row.TextOrNull(20), row.TextOrNull(21),
            row.TextOrNull(22) is { } label ? Words.Parse<ReviewLabel>(label) : null),
        ct);

    /// <returns><see langword="null"/> when they are deleted, or were sealed with another secret.</returns>
    public async Task<IReadOnlyList<ReviewText>?> TextsAsync(Guid id, CancellationToken ct)
    {
        var found = await db.QueryAsync($"SELECT texts FROM governance_review WHERE id = {id}", row => row.BytesOrNull(0), ct);
        if (found is not [{ } bytes])
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(SealedText.Open(_key, bytes, Owner(id)), GovernanceJson.Default.ReviewTexts);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private byte[] Seal(ReviewAsked asked) =>
        SealedText.Seal(_key, JsonSerializer.Serialize(asked.Texts, GovernanceJson.Default.ReviewTexts), Owner(asked.Id));

    private static string Owner(Guid id) => $"review {id}";
}
