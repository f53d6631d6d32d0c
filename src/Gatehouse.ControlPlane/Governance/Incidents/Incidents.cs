using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Incidents, and the circuit breakers that opened them.</summary>
public sealed class Incidents
{
    private const int MaxLimit = 500;
    private const int MaxNoteChars = 2000;

    /// <summary>Who the audit log names for what Gatehouse does by itself.</summary>
    private static readonly Person Itself = new(Guid.Empty, "gatehouse", "Gatehouse", []);

    private readonly Database _db;
    private readonly GovernanceWrites _writes;

    internal Incidents(Database db, GovernanceWrites writes)
    {
        _db = db;
        _writes = writes;
    }

    /// <summary>Newest first, of the teams that the person may read.</summary>
    /// <param name="openOnly">Only those that nobody has closed.</param>
    /// <param name="before">Only incidents opened earlier than this one.</param>
    /// <exception cref="ProblemException">The limit is out of range, or the team is none that the person may see.</exception>
    public async Task<IReadOnlyList<Incident>> ListAsync(
        Person who, Guid? teamId, Guid? systemId, bool openOnly, Guid? before, int limit, CancellationToken ct)
    {
        if (teamId is { } asked && !who.May(asked, Permission.Read))
        {
            throw new ProblemException(Problem.NotFound("team", asked.ToString()));
        }

        if (limit is < 1 or > MaxLimit)
        {
            throw new ProblemException(Problem.Invalid("limit", $"must be between 1 and {MaxLimit}"));
        }

        var teams = who.TeamsWith(Permission.Read);
        FormattableString visible = teams is null ? (FormattableString)$"1 = 1" : $"i.team_id IN {teams}";
        FormattableString ofTeam = teamId is { } team ? (FormattableString)$"i.team_id = {team}" : $"1 = 1";
        FormattableString ofSystem = systemId is { } system ? (FormattableString)$"i.system_id = {system}" : $"1 = 1";
        FormattableString open = openOnly ? (FormattableString)$"i.closed_at IS NULL" : $"1 = 1";
        FormattableString older = before is { } id ? (FormattableString)$"i.id < {id}" : $"1 = 1";
        return await IncidentRows.ReadAsync(_db, $"{visible} AND {ofTeam} AND {ofSystem} AND {open} AND {older}", limit, ct);
    }

    /// <exception cref="ProblemException">There is none that the person may see.</exception>
    public async Task<Incident> GetAsync(Person who, Guid id, CancellationToken ct)
    {
        var found = await IncidentRows.ReadAsync(_db, $"i.id = {id}", 1, ct);
        return found is [var incident] && who.May(incident.TeamId, Permission.Read)
            ? incident
            : throw new ProblemException(Problem.NotFound("incident", id.ToString()));
    }

    /// <summary>Whether the person may close incidents of a team.</summary>
    public static bool MayClose(Person who, Guid teamId) => who.May(teamId, Permission.DecideReviews);

    /// <summary>Closes an incident. A breaker that is still open closes with it, on every node when this returns.</summary>
    /// <param name="note">What was wrong and what was done.</param>
    /// <exception cref="ProblemException">The person may not, it is closed already, or the note is missing.</exception>
    public async Task<Incident> CloseAsync(Person who, Guid id, string note, CancellationToken ct)
    {
        var incident = await GetAsync(who, id, ct);
        who.Require(incident.TeamId, Permission.DecideReviews);
        var why = Words.Text("note", note, MaxNoteChars);
        await _writes.RunOnAllAsync(
            async write =>
            {
                if (!await IncidentRows.TryCloseAsync(write.Sql, id, who.Email, why, write.At, ct))
                {
                    throw new ProblemException(new Problem("incident_closed", 409, "Somebody has closed this incident already."));
                }

                await BreakerRows.CloseAsync(write.Sql, incident, write.At, ct);
                await write.AuditAsync(
                    who, "incident.close", incident.TeamId, Subject(incident.Name, incident.System), id, $"note: {why}", ct);
                return true;
            },
            ct);
        return await GetAsync(who, id, ct);
    }

    /// <summary>A breaker changed on this node: the others learn of it, and an incident begins or is mitigated.</summary>
    internal Task RecordAsync(BreakerChanged change, CancellationToken ct) => _writes.RunAsync(
        async write =>
        {
            if (!await BreakerRows.TryWriteAsync(write.Sql, change.TeamId, change.State, ct))
            {
                return false;
            }

            if (!change.State.IsOpen)
            {
                await IncidentRows.MitigateAsync(write.Sql, change.State, write.At, ct);
            }
            else if (await IncidentRows.OpenAsync(write.Sql, change, write.At, ct) is { } opened)
            {
                await write.AuditAsync(
                    Itself, "incident.open", change.TeamId, Subject(change.Breaker.Name, change.System), opened,
                    $"{Words.Of(change.Breaker.Watch)} {change.Observed:0.######} reached {change.Breaker.Threshold:0.######}; {Words.Of(change.Breaker.Action)}",
                    ct);
            }

            return true;
        },
        ct);

    private static string Subject(string breaker, string system) => $"breaker {breaker} of {system}";
}
