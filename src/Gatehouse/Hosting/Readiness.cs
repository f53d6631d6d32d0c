using System.Globalization;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Observability;

namespace Gatehouse.Hosting;

/// <summary>Whether this node should get calls, and why not. A database that is away is no reason: calls go on without it.</summary>
internal sealed class Readiness(
    Snapshot<GatewayTable> table, CallJournal journal, TablesStanding tables, LedgerStanding ledger, NodeClaim claim, TimeProvider clock)
{
    private volatile bool _draining;

    public void Drain() => _draining = true;

    /// <summary>What is not as it should be, and no reason to send calls elsewhere.</summary>
    public IReadOnlyList<string> Notes()
    {
        var notes = new List<string>();
        if (tables.IsAway)
        {
            var served = string.Create(
                CultureInfo.InvariantCulture,
                $"alls are served from {(tables.IsFromDisk ? "the snapshot" : "the tables")} of {tables.ConfirmedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC");
            notes.Add(tables.NotRead is { } no ? $"the database cannot be used: {no.What} C{served}" : $"the database is away: c{served}");
        }

        if (tables.NotWritten is { IsOfWrites: true } trouble)
        {
            notes.Add($"the database cannot be written: {trouble.What} Calls go on, and nothing can be changed");
        }

        if (LedgerCheck.Note(ledger, journal, clock) is { } note)
        {
            notes.Add(note);
        }

        return notes;
    }

    /// <returns>Empty when calls are welcome.</returns>
    public IReadOnlyList<string> Reasons()
    {
        var reasons = new List<string>();
        if (ReferenceEquals(table.Current, GatewayTable.Empty))
        {
            reasons.Add("starting: keys and routes are not loaded yet");
        }

        if (_draining)
        {
            reasons.Add("draining: this node is shutting down");
        }

        if (claim.Problem is { } problem)
        {
            reasons.Add(problem);
        }

        if (journal.HasFailed)
        {
            reasons.Add("the disk failed to keep the journal: check it, then start this node again");
        }
        else if (journal.IsFull)
        {
            reasons.Add("the disk is full: the journal cannot record calls");
        }

        return reasons;
    }
}
