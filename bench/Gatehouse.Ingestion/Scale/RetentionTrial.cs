using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Observability;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Traces;

namespace Gatehouse.Ingestion.Scale;

/// <summary>Takes calls in as fast as they go while retention deletes most of what a filled database holds beside the ledger.</summary>
internal static class RetentionTrial
{
    private static readonly TimeSpan Alone = TimeSpan.FromSeconds(10);

    /// <param name="days">How far the clock of retention is ahead: of 30 days' traces, so many are deleted.</param>
    public static async Task RunAsync(string folder, string? postgres, int days)
    {
        await using var db = ScaleTrial.Open(folder, postgres);
        var scratch = Directory.CreateTempSubdirectory("gatehouse-retention-");
        using var journal = CallJournal.Open(new CallJournalOptions { Directory = scratch.FullName });
        using var metrics = new ObservabilityMetrics(journal);
        var systems = new SystemLookup(
            _ => null, (_, environment) => new EnvironmentPolicy(environment, StoreContent: false, RetentionDays: 30));
        var drain = new LedgerDrain(
            journal, new LedgerStore(db, LedgerJoint.None, systems, TimeProvider.System), LedgerJoint.None,
            new Snapshot<GatewayTable>(GatewayTable.Empty), systems, new RecordedSignal(),
            new OtlpTraces(OtlpOptions.Off, metrics), metrics);
        var known = await db.QueryAsync(
            $"SELECT team_id, system_id, key_id FROM observability_call_shape ORDER BY number LIMIT 40",
            row => new FilledSystem(row.Id(0), row.Id(1), [row.Id(2), row.Id(2)]), default);
        var number = 0;

        await TakeAsync("alone", () => false);
        await PrintAsync("before");
        var started = TimeProvider.System.GetTimestamp();
        var retention = Task.Run(() => new RetentionStore(db).DeleteExpiredAsync(TimeProvider.System.GetUtcNow().AddDays(days), default));
        await TakeAsync("while retention deletes", () => retention.IsCompleted);
        await retention;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"retention took {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0.0} s"));
        await PrintAsync("after");
        journal.Dispose();
        scratch.Delete(recursive: true);

        async Task TakeAsync(string name, Func<bool> isOver)
        {
            var (times, began) = (new List<double>(), TimeProvider.System.GetTimestamp());
            while (!isOver() && (name != "alone" || TimeProvider.System.GetElapsedTime(began) < Alone))
            {
                var now = TimeProvider.System.GetUtcNow();
                var mix = new Mix(known, now, now.AddMilliseconds(100), LedgerDrain.BatchRecords);
                for (var i = 0; i < LedgerDrain.BatchRecords; i++, number++)
                {
                    journal.Append(mix.Call(i));
                }

                var begun = TimeProvider.System.GetTimestamp();
                await drain.DrainAsync(default);
                times.Add(TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds);
            }

            times.Sort();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{name}: {times.Count * LedgerDrain.BatchRecords / times.Sum() * 1000:0} calls/s, a batch of {LedgerDrain.BatchRecords} p50 {times[times.Count / 2]:0.0} ms, p99 {times[(int)(times.Count * 0.99)]:0.0} ms, longest {times[^1]:0.0} ms"));
        }

        async Task PrintAsync(string when)
        {
            foreach (var table in (FormattableString[])[
                $"observability_trace_pack", $"observability_text", $"observability_traffic", $"observability_call"])
            {
                var rows = await db.QueryAsync($"SELECT COUNT(*) FROM {table}", row => row.Long(0), default);
                Console.WriteLine($"{when}: {rows[0]} rows of {table.Format}");
            }
        }
    }
}
