using System.Globalization;
using Gatehouse.Configuration;
using Gatehouse.Gateway.Journal;
using Gatehouse.Governance;
using Gatehouse.Observability;

namespace Gatehouse.Hosting;

/// <summary>What whoever watches the server is told while calls cannot be written to the ledger.</summary>
internal static class LedgerCheck
{
    public static DoctorCheck? Of(LedgerStanding standing, CallJournal journal, NodeClaim claim, TimeProvider clock) =>
        claim.Problem is { } problem ? new(
            "node", DoctorState.Failing, $"This node writes nothing to the ledger: {problem}.",
            NodeTakenException.Mend)
        : standing.Failing(clock) is not { } failure ? null : new(
            "ledger", DoctorState.Failing, $"Calls cannot be written to the ledger: {failure.Why} {Waiting(failure, journal)}.",
            (failure.Trouble?.Mend ?? "The log has the whole error; report it if it is ours.")
                + " Calls go on, and are written when it is mended; keep the journal, it has them.");

    /// <returns><see langword="null"/>: there is nothing to say.</returns>
    public static string? Note(LedgerStanding standing, CallJournal journal, TimeProvider clock) =>
        standing.Failing(clock) is { } failure
            ? $"the ledger cannot be written: {failure.Why} {Waiting(failure, journal)}"
            : null;

    private static string Waiting(LedgerFailure failure, CallJournal journal) => string.Create(
        CultureInfo.InvariantCulture,
        $"{journal.PendingBytes:N0} bytes of calls wait in the journal since {failure.Since.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC");
}
