using System.Globalization;
using Gatehouse.Configuration;
using Gatehouse.Governance;
using Gatehouse.Hosting;
using Gatehouse.Observability;
using Gatehouse.Storage;

namespace Gatehouse.Commands;

/// <summary>
/// <c>gatehouse doctor --ledger</c>: proves that journal, ledger, sums, budgets and what is held of them agree. Looks at database and
/// journal itself, whether or not a server runs on them, and changes neither.
/// </summary>
internal static class LedgerDoctor
{
    private const string Mend = "Keep the data directory and the database as they are, and report it: nothing of this mends itself.";

    /// <summary>A lease is given back, and a record drained, within this time: what is seen once may have been under way.</summary>
    private static readonly TimeSpan SecondLook = TimeSpan.FromSeconds(2);

    /// <exception cref="CommandException">The database cannot be read.</exception>
    public static async Task<IReadOnlyList<DoctorCheck>> RunAsync(LoadedConfiguration loaded, TimeProvider clock, CancellationToken ct)
    {
        if (loaded.SqlitePath is { } path && !File.Exists(path))
        {
            throw Unusable($"There is no database at {path}: nothing has been recorded yet.");
        }

        try
        {
            await using var db = ServerParts.Connect(loaded.Start);
            await Migrations.RequireAsync(db, typeof(ConfigurationState).Assembly, ct);
            var checks = await CheckAsync(db, ServerParts.JournalOf(loaded.DataFolder), clock, ct);
            if (checks.Any(c => c.State == DoctorState.Failing))
            {
                await Task.Delay(SecondLook, clock, ct);
                checks = await CheckAsync(db, ServerParts.JournalOf(loaded.DataFolder), clock, ct);
            }

            return checks;
        }
        catch (Exception e) when (e is DatabaseException or System.Data.Common.DbException or IOException or UnauthorizedAccessException)
        {
            throw Unusable($"The ledger cannot be read: {e.Message}");
        }
    }

    /// <summary>All of one moment.</summary>
    internal static Task<List<DoctorCheck>> CheckAsync(
        Database db, string journal, TimeProvider clock, CancellationToken ct) => db.SnapshotAsync(
        async sql =>
        {
            var checks = new List<DoctorCheck>();
            foreach (var report in await LedgerInvariants.CheckAsync(sql, journal, clock, ct))
            {
                checks.Add(Check(report.Subject, report.Claim, report.Checked, report.Faults, report.Mend));
            }

            var (budgets, spent, due) = await BudgetInvariants.SpentAsync(sql, Joints.SpendingAsync, clock, ct);
            checks.Add(Due(Check("budgets", "each budget counts what the ledger holds", budgets, spent), due));
            var (leases, held) = await BudgetInvariants.LeasesAsync(sql, clock, ct);
            checks.Add(Check(
                "reservations", "nothing is held of a budget or limit for a call that is over, or beyond its limit", leases, held));
            return checks;
        },
        ct);

    /// <param name="due">Budgets that could not be compared.</param>
    private static DoctorCheck Due(DoctorCheck check, IReadOnlyList<string> due) => due.Count == 0
        ? check
        : check with
        {
            State = check.State == DoctorState.Ok ? DoctorState.Notice : check.State,
            Message = $"{check.Message} Not compared, because a server has still to count what the ledger held before: "
                + $"{string.Join(", ", due.Select(name => $"'{name}'"))}.",
            Mend = check.Mend ?? "Look again in a minute. While no server runs, nobody counts.",
        };

    private static DoctorCheck Check(
        string name, string claim, long looked, IReadOnlyList<string> faults, string? mend = null) => faults.Count == 0
        ? new DoctorCheck(name, DoctorState.Ok, string.Create(CultureInfo.InvariantCulture, $"{claim} ({looked:N0} looked at)"))
        : new DoctorCheck(name, DoctorState.Failing, string.Join(' ', faults), mend ?? Mend);

    private static CommandException Unusable(string message) => new(ExitCodes.Storage, "storage_unusable", message);
}
