using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Reads systems with their policies. An environment without a row has the default policy.</summary>
internal static class SystemRows
{
    private const int DefaultRetentionDays = 30;

    /// <param name="where">A condition over <c>s</c> (the system) and <c>t</c> (its team), with the word WHERE, or empty.</param>
    public static async Task<List<AiSystem>> ReadAsync(Database db, FormattableString where, CancellationToken ct)
    {
        var policies = await db.QueryAsync(Policies(where), ReadPolicy, ct);
        return Join(await db.QueryAsync(Systems(where), Read, ct), policies);
    }

    /// <inheritdoc cref="ReadAsync(Database, FormattableString, CancellationToken)"/>
    public static async Task<List<AiSystem>> ReadAsync(Transaction sql, FormattableString where, CancellationToken ct)
    {
        var policies = await sql.QueryAsync(Policies(where), ReadPolicy, ct);
        return Join(await sql.QueryAsync(Systems(where), Read, ct), policies);
    }

    public static IReadOnlyList<EnvironmentPolicy> Environments(IEnumerable<EnvironmentPolicy> stored) =>
        [.. Enum.GetValues<SystemEnvironment>().Select(
            e => stored.FirstOrDefault(p => p.Environment == e) ?? new(e, false, DefaultRetentionDays))];

    private static FormattableString Policies(FormattableString where) => $"""
        SELECT p.system_id, p.environment, p.store_content, p.retention_days, p.guard_policy
        FROM governance_policy p
        JOIN governance_system s ON s.team_id = p.team_id AND s.id = p.system_id
        JOIN governance_team t ON t.id = s.team_id
        {where}
        """;

    private static (Guid SystemId, EnvironmentPolicy Policy) ReadPolicy(Row row) => (
        row.Id(0),
        new EnvironmentPolicy(Words.Parse<SystemEnvironment>(row.Text(1)), row.Bool(2), checked((int)row.Long(3)))
        {
            GuardPolicy = row.TextOrNull(4),
        });

    private static FormattableString Systems(FormattableString where) => $"""
        SELECT s.id, s.team_id, t.name, s.name, s.purpose, s.owner, s.stage, s.created_at, s.residency, s.data_classification
        FROM governance_system s JOIN governance_team t ON t.id = s.team_id
        {where}
        """;

    private static AiSystem Read(Row row) => new(
        row.Id(0), row.Id(1), row.Text(2), row.Text(3), row.Text(4), row.Text(5), Words.Parse<SystemStage>(row.Text(6)), [], row.Instant(7))
    {
        Residency = row.TextOrNull(8),
        DataClassification = row.IsNull(9) ? null : Words.Parse<DataClassification>(row.Text(9)),
    };

    private static List<AiSystem> Join(List<AiSystem> systems, List<(Guid SystemId, EnvironmentPolicy Policy)> policies)
    {
        var stored = policies.ToLookup(p => p.SystemId, p => p.Policy);
        return
        [
            .. systems.Select(s => s with { Environments = Environments(stored[s.Id]) })
                .OrderBy(s => s.Team, StringComparer.Ordinal).ThenBy(s => s.Name, StringComparer.Ordinal),
        ];
    }
}
