using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>
/// The one way to change what this module owns: the change, its audit entry and the new revision commit together, and the caller goes on
/// only when this node's tables show it.
/// </summary>
/// <param name="nodes"><see langword="null"/> where no node runs in this process.</param>
internal sealed class GovernanceWrites(Database db, GovernancePublisher publisher, TimeProvider clock, NodeAgreement? nodes = null)
{
    /// <param name="change">Gets the open transaction and the time of the change; a <see cref="ProblemException"/> undoes
    /// everything.</param>
    public async Task<T> RunAsync<T>(Func<GovernanceWrite, Task<T>> change, CancellationToken ct) => (await CommitAsync(change, ct)).Result;

    /// <summary>
    /// As <see cref="RunAsync{T}"/>; the caller goes on when every node that lives lets calls in by the change, after three seconds at most.
    /// For what people change about who may call what.
    /// </summary>
    public async Task<T> RunOnAllAsync<T>(Func<GovernanceWrite, Task<T>> change, CancellationToken ct)
    {
        var committed = await CommitAsync(change, ct);
        if (nodes is not null)
        {
            await nodes.WaitAsync(committed.Revision);
        }

        return committed.Result;
    }

    private async Task<Committed<T>> CommitAsync<T>(Func<GovernanceWrite, Task<T>> change, CancellationToken ct)
    {
        var committed = await db.TransactionAsync(
            async transaction =>
            {
                // First, so that writers wait here in turn: a higher revision is always the later commit.
                var revision = await transaction.QueryAsync(
                    $"UPDATE governance_revision SET revision = revision + 1 WHERE id = {1} RETURNING revision", row => row.Long(0), ct);
                return new Committed<T>(await change(new GovernanceWrite(transaction, clock.Now())), revision[0]);
            },
            ct);
        await publisher.RefreshAsync(CancellationToken.None); // committed: a caller who went away does not undo it
        return committed;
    }

    private sealed record Committed<T>(T Result, long Revision);
}

/// <summary>One change in progress.</summary>
internal sealed record GovernanceWrite(Transaction Sql, DateTimeOffset At)
{
    /// <summary>Writes who did what to the audit log.</summary>
    /// <param name="action">Subject and verb: <c>key.revoke</c>.</param>
    /// <param name="subject">The name of what was changed.</param>
    /// <param name="detail">What was changed about it. Never a secret.</param>
    public Task AuditAsync(Person who, string action, Guid? teamId, string subject, Guid? subjectId, string detail, CancellationToken ct) =>
        Sql.ExecuteAsync($"""
            INSERT INTO governance_audit (id, made_at, person_id, person, action, team_id, subject, subject_id, detail)
            VALUES ({Guid.CreateVersion7(At)}, {At}, {who.Id}, {who.Email}, {action}, {teamId}, {subject}, {subjectId}, {detail})
            """, ct);
}
