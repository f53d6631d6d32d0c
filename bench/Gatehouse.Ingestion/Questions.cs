using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Observability;
using Gatehouse.Observability.Calls;
using Gatehouse.Storage;

namespace Gatehouse.Ingestion;

/// <summary>What the console asks of a full ledger, timed.</summary>
internal static class Questions
{
    private static readonly Person Admin = new(Guid.CreateVersion7(), "bench@example.com", "Bench", [new Membership(null, Role.Admin)]);

    public static async Task AskAsync(Database db, Guid quiet)
    {
        var systems = new SystemLookup(_ => "helpdesk", (_, _) => null);
        var calls = new CallQueries(db, systems, new RecordedSignal(), TimeProvider.System);
        var traffic = new TrafficQueries(db, systems, TimeProvider.System);
        var now = TimeProvider.System.GetUtcNow();
        var month = new CallFilter(From: now.AddDays(-30), To: now.AddMinutes(1));
        var page = await calls.ListAsync(Admin, new CallFilter(), default);
        await TimeAsync("newest calls", () => calls.ListAsync(Admin, new CallFilter(), default));
        await TimeAsync("calls of a quiet system", () => calls.ListAsync(Admin, new CallFilter(SystemId: quiet), default));
        await TimeAsync(
            "failed calls of a quiet system", () =>
                calls.ListAsync(Admin, new CallFilter(SystemId: quiet, Outcome: CallOutcome.Failed), default));
        await TimeAsync("failed calls", () => calls.ListAsync(Admin, new CallFilter(Outcome: CallOutcome.Failed), default));
        await TimeAsync("one call with its trace", () => calls.FindAsync(Admin, page.Calls[25].RequestId, default));
        await TimeAsync("beginning of a request id", () => calls.FindByPrefixAsync(Admin, page.Calls[25].RequestId[..16], 6, default));
        await TimeAsync("search for a trace id", () => calls.ListAsync(Admin, new CallFilter(Search: page.Calls[25].TraceId), default));
        await TimeAsync("traffic of 30 days", () => traffic.SeriesAsync(Admin, month, TimeSpan.FromDays(1), default));
        await TimeAsync("traffic by model", () => traffic.ByAsync(Admin, month, TrafficDimension.Model, default));
        await TimeAsync("search for a word that is nowhere", () => calls.ListAsync(Admin, new CallFilter(Search: "no such word"), default));
    }

    private static async Task TimeAsync(string name, Func<Task> ask)
    {
        var times = new List<double>();
        for (var i = 0; i < 5; i++)
        {
            var started = TimeProvider.System.GetTimestamp();
            await ask();
            times.Add(TimeProvider.System.GetElapsedTime(started).TotalMilliseconds);
        }

        times.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"       {times[2],9:0.0} ms  {name}"));
    }
}
