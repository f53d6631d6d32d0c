using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Routing;
using Gatehouse.Governance;
using Gatehouse.Storage;
using Gatehouse.Tests.Observability;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Tests.Governance.Leases;

/// <summary>One node: its journal, which outlives its process, and its counts and worker, which do not.</summary>
internal sealed class SimulatedNode : IAsyncDisposable
{
    private static readonly InstallationSecret Secret = new(new byte[32]);

    private readonly string _folder;
    private readonly Database _db;
    private readonly StepClock _clock;

    public SimulatedNode(string folder, Database db, StepClock clock, Principal principal)
    {
        (_folder, _db, _clock, Principal) = (folder, db, clock, principal);
        Standing = new TablesStanding(clock, null);
        Db = new FlakyDatabase(db);
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "node"), principal.KeyId.ToString()); // its name, the same each time
        Journal = Open();
        Name = Journal.NodeId;
        Start();
    }

    public Principal Principal { get; }

    public string Name { get; }

    /// <summary>By which it leases.</summary>
    public FlakyDatabase Db { get; }

    public CallJournal Journal { get; private set; }

    public AllowanceBook Book { get; private set; } = null!;

    public LeaseWorker Worker { get; private set; } = null!;

    public NodePresence Presence { get; private set; } = null!;

    public JournalProgress Progress { get; private set; } = null!;

    public GovernancePublisher Publisher { get; private set; } = null!;

    /// <summary>What its worker says.</summary>
    public CountingLogger<LeaseWorker> Log { get; } = new();

    public TablesStanding Standing { get; }

    public NodeAgreement Agreement { get; private set; } = null!;

    /// <summary>What calls that begin now are held to.</summary>
    public LimitTable Table { get; private set; } = LimitTable.Empty;

    public List<SimulatedCall> Calls { get; } = [];

    /// <summary>Every period of this run of which a call took something.</summary>
    public HashSet<(Guid Rule, AllowanceWindow Window, string Subject)> Seen { get; } = [];

    /// <summary>Up to where the ledger has its journal.</summary>
    public JournalPosition Position { get; set; }

    public bool IsAlive { get; private set; }

    /// <summary>Since when its rounds fail.</summary>
    public DateTimeOffset? FailingSince { get; set; }

    public void Kill()
    {
        IsAlive = false;
        Calls.Clear();
        Seen.Clear();
        Journal.Dispose();
        Publisher.Dispose();
        FailingSince = null;
    }

    public void StartAgain()
    {
        Journal = Open();
        Start();
    }

    public ValueTask DisposeAsync()
    {
        if (IsAlive)
        {
            Kill();
        }

        Standing.Dispose();
        Log.Dispose();
        return Db.DisposeAsync();
    }

    private CallJournal Open() => CallJournal.Open(new CallJournalOptions { Directory = _folder, SegmentBytes = 16 << 10 });

    private void Start()
    {
        Book = new AllowanceBook(_clock);
        Table = new LimitTable([], Book);
        var changes = new GovernanceChanges(new Snapshot<GovernanceTables>(GovernanceTables.Empty));
        changes.Published += () => Table = new LimitTable(changes.Current.Limits, Book);
        Publisher = new GovernancePublisher(new GovernanceReader(_db, _clock), Secret, changes, _clock);
        Agreement = new NodeAgreement(_clock, NullLogger<NodeAgreement>.Instance);
        Progress = new JournalProgress(Journal);
        var store = new LeaseStore(Db);
        var nodes = new LiveNodes(store, Progress, Standing, _clock, NullLogger<LiveNodes>.Instance);
        var outage = new LeaseOutage(Book, nodes, Standing, _clock);
        Presence = new NodePresence(store, new NodeClaim(Progress, Book, _clock), nodes, Agreement, Publisher, Progress, Book);
        var counts = new LeasedCounts(store, Book, Progress, nodes, outage, _clock);
        Worker = new LeaseWorker(
            new LeaseRound(Book, changes, Presence, counts, outage, _clock), Presence, counts, outage, _clock, Log);
        IsAlive = true;
    }
}
