using Npgsql;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Processes on one PostgreSQL and with one secret. The folder of each outlives it.</summary>
internal sealed class NodeGroup : IAsyncDisposable
{
    /// <summary>Of the same installation.</summary>
    public static readonly IReadOnlyDictionary<string, string> Environment = new Dictionary<string, string>
    {
        ["GATEHOUSE_SECRET"] = Convert.ToBase64String(new byte[32].Select((_, i) => (byte)i).ToArray()),
    };

    private readonly TestPostgres _database;
    private readonly string _yaml;
    private readonly List<GatehouseProcess> _nodes = [];
    private readonly List<string> _names = [];

    private NodeGroup(TestPostgres database, string yaml)
    {
        (_database, _yaml) = (database, yaml);
        Source = NpgsqlDataSource.Create(database.ConnectionString);
    }

    /// <summary>Their database.</summary>
    public NpgsqlDataSource Source { get; }

    public IReadOnlyList<GatehouseProcess> All => _nodes;

    public GatehouseProcess this[int node] => _nodes[node];

    /// <param name="settings">The configuration but for its storage.</param>
    public static async Task<NodeGroup> StartAsync(int count, string settings)
    {
        var database = await TestPostgres.CreateAsync();
        var group = new NodeGroup(database, $"storage: {{ postgres: \"{database.ConnectionString}\" }}\n{settings}");
        for (var i = 0; i < count; i++)
        {
            var folder = Directory.CreateTempSubdirectory("gatehouse-node-").FullName;
            group._nodes.Add(await GatehouseProcess.StartAsync(group._yaml, folder, Environment));
            group._names.Add(await group.NewestNameAsync());
        }

        return group;
    }

    /// <summary>Kills the node if it runs, and starts it on its folder.</summary>
    public async Task StartAgainAsync(int node, params string[] flags)
    {
        var before = _nodes[node];
        await before.DisposeAsync();
        _nodes[node] = await GatehouseProcess.StartAsync(_yaml, before.Folder, Environment, flags);
    }

    /// <summary>As the nodes call it among themselves.</summary>
    public string NameOf(int node) => _names[node];

    /// <summary>Returns when all hold by the newest revision of rules and keys, as they tell.</summary>
    public Task AgreeAsync() => Wait.UntilAsync(async () => await Source.LongAsync(
        "SELECT COUNT(*) FROM governance_node n, governance_revision r WHERE n.revision >= r.revision") == _nodes.Count);

    /// <summary>Returns when so many calls are in the ledger.</summary>
    public Task RecordedAsync(long calls) => Wait.UntilAsync(async () => await RecordedAsync() >= calls);

    public Task<long> RecordedAsync() => Source.LongAsync("SELECT COUNT(*) FROM observability_ledger");

    public async Task<decimal> LedgerUsdAsync() => await Source.LedgerNanosAsync() / 1_000_000_000m;

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
            Directory.Delete(node.Folder, recursive: true);
        }

        await Source.DisposeAsync();
        await _database.DisposeAsync();
    }

    private async Task<string> NewestNameAsync()
    {
        await Wait.UntilAsync(async () => await Source.LongAsync("SELECT COUNT(*) FROM governance_node") == _nodes.Count);
        await using var command = Source.CreateCommand("SELECT node FROM governance_node WHERE NOT node = ANY(@p)");
        command.Parameters.AddWithValue("p", _names.ToArray());
        return (string)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }
}
