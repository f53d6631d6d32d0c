using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>
/// Exceptions from guard policies: asked for by one person, approved by another, over on a day. They hold on every node when the approval
/// is answered. Owns table <c>governance_exception</c>.
/// </summary>
public sealed class PolicyExceptions
{
    private const int MaxReasonChars = 500;
    private const int MaxTypes = 50;
    private const int MaxWordChars = 63;
    private const int MaxLimit = 500;

    private static readonly TimeSpan Longest = TimeSpan.FromDays(366);

    private readonly Database _db;
    private readonly Systems _systems;
    private readonly GovernanceWrites _writes;
    private readonly DetectorNames _detectors;
    private readonly TimeProvider _clock;

    internal PolicyExceptions(Database db, Systems systems, GovernanceWrites writes, DetectorNames detectors, TimeProvider clock)
    {
        _db = db;
        _systems = systems;
        _writes = writes;
        _detectors = detectors;
        _clock = clock;
    }

    /// <summary>Newest first, of the teams that the person may see.</summary>
    /// <param name="system">Only those of this system.</param>
    /// <param name="before">Only those asked for earlier than this one.</param>
    /// <exception cref="ProblemException">The limit is out of range.</exception>
    public async Task<IReadOnlyList<PolicyException>> ListAsync(
        Person who, Guid? system, ExceptionState? state, Guid? before, int limit, CancellationToken ct)
    {
        if (limit is < 1 or > MaxLimit)
        {
            throw new ProblemException(Problem.Invalid("limit", $"must be between 1 and {MaxLimit}"));
        }

        var now = _clock.GetUtcNow();
        FormattableString visible = who.TeamsWith(Permission.Read) is { } teams ? (FormattableString)$"e.team_id IN {teams}" : $"1 = 1";
        FormattableString of = system is { } id ? (FormattableString)$"e.system_id = {id}" : $"1 = 1";
        FormattableString older = before is { } last ? (FormattableString)$"e.id < {last}" : $"1 = 1";
        FormattableString stands = state is { } one ? ExceptionRows.Is(one, now) : $"1 = 1";
        return await ExceptionRows.ReadAsync(_db, $"WHERE {visible} AND {of} AND {older} AND {stands}", now, ct, limit);
    }

    /// <exception cref="ProblemException">There is no such system, the person may not, or a field is wrong.</exception>
    public async Task<PolicyException> RequestAsync(Person who, NewException wanted, CancellationToken ct)
    {
        var system = await _systems.GetAsync(who, wanted.SystemId, ct);
        who.Require(system.TeamId, Permission.WriteSystems);
        var now = _clock.Now();
        if (wanted.Until <= now || wanted.Until > now + Longest)
        {
            throw new ProblemException(Problem.Invalid("until", "must lie in the future, at most a year from now"));
        }

        if (wanted.Detector is { } detector && !_detectors.Known.Contains(detector))
        {
            throw new ProblemException(Problem.Invalid("detector", $"must be one of {string.Join(", ", _detectors.Known)}"));
        }

        if (wanted.Types.Count > MaxTypes || wanted.Types.Any(t => t is not { Length: > 0 and <= MaxWordChars }))
        {
            throw new ProblemException(Problem.Invalid("types", $"must hold at most {MaxTypes} types such as EMAIL_ADDRESS"));
        }

        var reason = Words.Text("reason", wanted.Reason, MaxReasonChars);
        var types = JsonSerializer.Serialize(wanted.Types, GovernanceJson.Default.IReadOnlyListString);
        var until = Moments.Cut(wanted.Until.ToUniversalTime());
        return await _writes.RunAsync(
            async write =>
            {
                var id = Guid.CreateVersion7(write.At);
                await write.Sql.ExecuteAsync($"""
                    INSERT INTO governance_exception (team_id, id, system_id, detector, types, until_at, reason, requested_by_id, requested_by,
                        made_at)
                    VALUES ({system.TeamId}, {id}, {system.Id}, {wanted.Detector}, {types}, {until}, {reason}, {who.Id}, {who.Email}, {write.At})
                    """, ct);
                var made = new PolicyException(
                    id, system.TeamId, system.Id, system.Name, wanted.Detector, wanted.Types, until, reason, ExceptionState.Requested,
                    who.Email, write.At, null, null, null, null, null);
                await write.AuditAsync(
                    who, "exception.request", system.TeamId, system.Name, id, Words.WithReason(Scope(made), reason), ct);
                return made;
            },
            ct);
    }

    /// <summary>Decides about an exception that somebody else has asked for.</summary>
    /// <exception cref="ProblemException">There is none that waits, the person may not, or they asked for it themselves.</exception>
    public async Task<PolicyException> DecideAsync(Person who, Guid id, bool approve, string? words, CancellationToken ct)
    {
        var found = await FindAsync(who, id, ct);
        who.Require(found.TeamId, Permission.Approve);
        if (found.RequestedById == who.Id)
        {
            throw new ProblemException(new Problem(
                "four_eyes", 403,
                "Who asks for an exception does not decide about it: let another person with the permission 'approve' do it."));
        }

        var decision = string.IsNullOrWhiteSpace(words) ? null : Words.Text("reason", words, MaxReasonChars);
        return await _writes.RunOnAllAsync(
            async write =>
            {
                // Two who decide at once: the first one holds.
                if (await write.Sql.ExecuteAsync($"""
                    UPDATE governance_exception SET approved = {approve}, decided_by = {who.Email}, decided_at = {write.At}, decision = {decision}
                    WHERE team_id = {found.TeamId} AND id = {id} AND approved IS NULL AND revoked_at IS NULL AND until_at > {write.At}
                    """, ct) == 0)
                {
                    throw NotIn("waits for a decision", id);
                }

                await write.AuditAsync(
                    who, approve ? "exception.approve" : "exception.decline", found.TeamId, found.System, id,
                    Words.WithReason(Scope(found), decision), ct);
                return found with
                {
                    State = approve ? ExceptionState.Approved : ExceptionState.Declined, DecidedBy = who.Email, DecidedAt = write.At,
                    Decision = decision,
                };
            },
            ct);
    }

    /// <summary>Takes a request or an exception back; the rules bite again.</summary>
    /// <exception cref="ProblemException">There is none that waits or holds, or the person may not.</exception>
    public async Task<PolicyException> RevokeAsync(Person who, Guid id, string? reason, CancellationToken ct)
    {
        var found = await FindAsync(who, id, ct);
        if (found.RequestedById != who.Id && !who.May(found.TeamId, Permission.WritePolicies))
        {
            who.Require(found.TeamId, Permission.Approve);
        }

        return await _writes.RunOnAllAsync(
            async write =>
            {
                if (await write.Sql.ExecuteAsync($"""
                    UPDATE governance_exception SET revoked_by = {who.Email}, revoked_at = {write.At}
                    WHERE team_id = {found.TeamId} AND id = {id} AND revoked_at IS NULL AND until_at > {write.At}
                        AND (approved IS NULL OR approved = {true})
                    """, ct) == 0)
                {
                    throw NotIn("waits or holds", id);
                }

                await write.AuditAsync(
                    who, "exception.revoke", found.TeamId, found.System, id, Words.WithReason(Scope(found), reason), ct);
                return found with { State = ExceptionState.Revoked, RevokedBy = who.Email, RevokedAt = write.At };
            },
            ct);
    }

    private async Task<PolicyException> FindAsync(Person who, Guid id, CancellationToken ct) =>
        await ExceptionRows.ReadAsync(_db, $"WHERE e.id = {id}", _clock.GetUtcNow(), ct) is [var found]
            && who.May(found.TeamId, Permission.Read)
            ? found
            : throw new ProblemException(Problem.NotFound("exception", id.ToString()));

    private static ProblemException NotIn(string state, Guid id) =>
        new(new Problem("exception_settled", 409, $"No exception {id} {state} any more."));

    private static string Scope(PolicyException e) =>
        $"{e.Detector ?? "every detector"}{(e.Types.Count > 0 ? $" {string.Join(", ", e.Types)}" : "")} until {e.Until:yyyy-MM-dd HH:mm}Z";
}
