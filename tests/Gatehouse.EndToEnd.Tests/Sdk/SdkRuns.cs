using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests.Sdk;

/// <summary>One gateway before a player of wire formats; each SDK runs all scenarios against each format once.</summary>
public abstract class SdkRuns : IAsyncLifetime
{
    private readonly Dictionary<(string Sdk, string Upstream), Lazy<Task<IReadOnlyDictionary<string, SdkResult>>>> _runs = [];

    internal WirePlayer Player { get; private set; } = null!;

    internal abstract IReadOnlyDictionary<string, ISdkClient> Clients { get; }

    private protected GatehouseProcess Server { get; private set; } = null!;

    internal static TheoryData<string, string> Pairs(IEnumerable<string> sdks, IReadOnlyList<string> upstreams)
    {
        var pairs = new TheoryData<string, string>();
        foreach (var (sdk, upstream) in sdks.SelectMany(sdk => upstreams.Select(upstream => (sdk, upstream))))
        {
            pairs.Add(sdk, upstream);
        }

        return pairs;
    }

    /// <summary>Each SDK's route prefix at each upstream: who asked is in the model name that the player sees.</summary>
    internal string Prefix(string sdk, string upstream) => $"{upstream}{Clients.Keys.ToList().IndexOf(sdk)}-";

    internal Task<IReadOnlyDictionary<string, SdkResult>> RunAsync(string sdk, string upstream)
    {
        lock (_runs)
        {
            if (!_runs.TryGetValue((sdk, upstream), out var run))
            {
                _runs[(sdk, upstream)] = run = new(() => Clients[sdk].RunAllAsync(
                    Server.Url, Server.SampleKey, Prefix(sdk, upstream), Player.Url, TestContext.Current.CancellationToken));
            }

            return run.Value;
        }
    }

    /// <summary>The bodies that the player got in a scenario, whole and streamed.</summary>
    internal List<JsonElement> Sent(string sdk, string upstream, string scenario)
    {
        var bodies = Player.Requests.Where(r => r.Model == Prefix(sdk, upstream) + scenario).Select(r => r.Body).ToList();
        Assert.Equal(2, bodies.Count);
        return bodies;
    }

    /// <summary>The server's configuration, before a player at this address.</summary>
    private protected abstract string Configuration(Uri player);

    public virtual async ValueTask InitializeAsync()
    {
        Player = await WirePlayer.StartAsync();
        Server = await GatehouseProcess.StartAsync(Configuration(Player.Url));
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Player.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
