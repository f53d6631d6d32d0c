using Gatehouse.Contracts;
using Gatehouse.Gateway.Batches;
using Gatehouse.Storage;

namespace Gatehouse.Batches;

/// <summary>A batch as lists show it: how far it is, nothing of what was asked.</summary>
/// <param name="Format">The client's format, in lower case: <c>open_ai</c> or <c>anthropic</c>.</param>
/// <param name="Status">In OpenAI's words: <c>in_progress</c>, <c>completed</c> …</param>
/// <param name="Total">Its requests; 0 until its input is validated.</param>
/// <param name="Done">Requests that have a result, those that failed included.</param>
/// <param name="EndedAt"><see langword="null"/> while it is under way.</param>
public sealed record BatchView(
    string Id, string Format, Guid TeamId, Guid SystemId, SystemEnvironment Environment, string Endpoint, string Status, int Total,
    int Done,
    int Failed, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, DateTimeOffset? EndedAt);

/// <summary>Reads batches, within the teams that the reader may see. Safe from any thread.</summary>
public sealed class BatchQueries
{
    private readonly Database _db;

    internal BatchQueries(Database db) => _db = db;

    /// <summary>Those under way first, then newest first.</summary>
    /// <param name="filter">Its time, team and environment; batches under way are listed however old they are.</param>
    /// <param name="limit">Most that are listed.</param>
    /// <exception cref="ProblemException">The person may not see the team that the filter names.</exception>
    public async Task<IReadOnlyList<BatchView>> ListAsync(Person who, CallFilter filter, int limit, CancellationToken ct)
    {
        if (filter.TeamId is { } asked && !who.May(asked, Permission.Read))
        {
            throw new ProblemException(Problem.NotFound("team", asked.ToString()));
        }

        FormattableString teams = filter.TeamId is { } team ? (FormattableString)$" AND team_id = {team}"
            : who.TeamsWith(Permission.Read) is { } seen ? (FormattableString)$" AND team_id IN {seen}" : $"";
        FormattableString environment = filter.Environment is { } one ? (FormattableString)$" AND environment = {BatchRow.Of(one)}" : $"";
        FormattableString from = filter.From is { } since ? (FormattableString)$" AND (ended_at IS NULL OR created_at >= {since})" : $"";
        FormattableString to = filter.To is { } until ? (FormattableString)$" AND created_at < {until}" : $"";
        return await _db.ScanAsync(
            $"""
            SELECT team_id, system_id, environment, {BatchRow.Columns} FROM batches_batch
            WHERE 1 = 1{teams}{environment}{from}{to}
            ORDER BY CASE WHEN ended_at IS NULL THEN 0 ELSE 1 END, created_at DESC LIMIT {limit}
            """,
            Read,
            ct);
    }

    private static BatchView Read(Row row)
    {
        var owner = new BatchOwner(row.Id(0), row.Id(1), BatchRow.Environment(row.Text(2)));
        var b = BatchRow.Read(owner, row, first: 3);
        return new BatchView(
            b.Id, BatchRow.Of(b.Format), owner.TeamId, owner.SystemId, owner.Environment, b.Endpoint, BatchRow.Of(b.Status), b.Counts.Total,
            b.Counts.Done, b.Counts.Done - b.Counts.Succeeded, b.CreatedAt, b.ExpiresAt, b.EndedAt);
    }
}
