using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Who did what, when, to what.</summary>
/// <param name="Action">Subject and verb: <c>key.revoke</c>.</param>
/// <param name="TeamId">Whose matter it was; <see langword="null"/> for the installation's own.</param>
/// <param name="Subject">The name that the changed thing had.</param>
public sealed record AuditEntry(
    Guid Id, DateTimeOffset At, string Person, string Action, Guid? TeamId, string Subject, Guid? SubjectId, string Detail);

/// <summary>Reads table <c>governance_audit</c>, to which changes append and which nothing else touches.</summary>
public sealed class AuditTrail
{
    private const int MaxLimit = 500;

    private readonly Database _db;

    internal AuditTrail(Database db) => _db = db;

    /// <summary>Newest first, of the teams whose settings the person may read.</summary>
    /// <param name="before">Only entries older than this one.</param>
    /// <exception cref="ProblemException">The person may not, or the limit is out of range.</exception>
    public async Task<IReadOnlyList<AuditEntry>> ListAsync(Person who, Guid? before, int limit, CancellationToken ct)
    {
        var teams = who.TeamsWith(Permission.ReadSettings);
        if (teams is { Count: 0 })
        {
            throw Access.Refused(Permission.ReadSettings);
        }

        if (limit is < 1 or > MaxLimit)
        {
            throw new ProblemException(Problem.Invalid("limit", $"must be between 1 and {MaxLimit}"));
        }

        FormattableString visible = teams is null ? (FormattableString)$"1 = 1" : $"team_id IN {teams}";
        FormattableString older = before is { } id ? (FormattableString)$"id < {id}" : $"1 = 1";
        return await _db.QueryAsync(
            $"""
            SELECT id, made_at, person, action, team_id, subject, subject_id, detail
            FROM governance_audit WHERE {visible} AND {older} ORDER BY id DESC LIMIT {limit}
            """,
            row => new AuditEntry(
                row.Id(0), row.Instant(1), row.Text(2), row.Text(3), row.IdOrNull(4), row.Text(5), row.IdOrNull(6), row.Text(7)),
            ct);
    }
}
