using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Observability;
using Gatehouse.Observability.Ledger;
using Gatehouse.Observability.Traces;
using Gatehouse.Storage;

namespace Gatehouse.Ingestion.Scale;

/// <summary>Puts calls into a database by the ledger's own store, in larger transactions than a server makes.</summary>
internal sealed class Filling(Database db)
{
    private const int BatchCalls = 20_000;
    private const string Node = "filled";

    /// <summary>One call in so many has its prompt and answer stored, of 2 KB together.</summary>
    private const int TextEvery = 50;

    private readonly RecordedAt _clock = new();

    public async Task RunAsync(Mix mix, Action<int> progress)
    {
        var systems = new SystemLookup(
            _ => null, (_, environment) => new EnvironmentPolicy(environment, StoreContent: true, RetentionDays: 30));
        var store = new LedgerStore(db, LedgerJoint.None, systems, _clock);
        var places = new ProviderPlaces(GatewayTable.Empty);
        var position = await store.FindPositionAsync(Node, default);
        var text = Encoding.UTF8.GetString(Enumerable.Repeat((byte)'a', 1024).ToArray());
        for (var number = 0; number < mix.Calls;)
        {
            var entries = new List<LedgerEntry>(BatchCalls);
            var texts = new List<object?[]>();
            for (; entries.Count < BatchCalls && number < mix.Calls; number++)
            {
                var record = mix.Call(number);
                entries.Add(LedgerEntry.Of(record));
                if (number % TextEvery == 0 && record.Outcome == CallOutcome.Ok)
                {
                    texts.Add([record.Id, text, text, DateTimeOffset.UnixEpoch.AddMicroseconds(record.StartedAtMicros).AddDays(30)]);
                }
            }

            var last = entries[^1].Record;
            _clock.Now = DateTimeOffset.UnixEpoch.AddMicroseconds(last.StartedAtMicros + last.DurationMicros);
            var next = new JournalPosition(1, position.Offset + entries.Count);
            await store.WriteAsync(Node, position, next, entries, places, default);
            await db.InsertManyAsync("observability_text", ["call_id", "request", "response", "expires_at"], texts, default);
            position = next;
            progress(number);
        }
    }

    private sealed class RecordedAt : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
