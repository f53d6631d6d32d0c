using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Storage;

namespace Gatehouse.Observability;

/// <summary>What another module does when the ledger changes; the host joins them.</summary>
public sealed record LedgerJoint
{
    public static readonly LedgerJoint None = new();

    /// <summary>
    /// Called once for each call that the ledger takes, in the transaction that does; and with none before the first. Throws where this
    /// node may write none.
    /// </summary>
    public Func<Transaction, IReadOnlyList<CallRecord>, CancellationToken, Task> ChargeAsync { get; init; } =
        static (_, _, _) => Task.CompletedTask;

    /// <summary>Everything of this node's journal up to here is in the ledger.</summary>
    public Action<JournalPosition> Drained { get; init; } = static _ => { };

    /// <summary>Costs of a period changed: who did it, what for the audit log, and their reason.</summary>
    public Func<Person, DateTimeOffset, DateTimeOffset, string, string?, CancellationToken, Task> RepricedAsync { get; init; } =
        static (_, _, _, _, _, _) => Task.CompletedTask;
}
