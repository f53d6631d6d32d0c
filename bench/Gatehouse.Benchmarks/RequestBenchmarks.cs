using System.Text;
using BenchmarkDotNet.Attributes;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Benchmarks;

/// <summary>What a request costs before a provider is asked: the look into its body, its key and its route.</summary>
[MemoryDiagnoser]
public class RequestBenchmarks
{
    private const string Key = "gh_dev_benchbenchbenchbenchbenchbench12";

    private byte[] _body = [];
    private RouteTable _routes = RouteTable.Empty;
    private KeyTable _keys = KeyTable.Empty;

    /// <summary>Size of the body.</summary>
    [Params(1, 16, 1024)]
    public int Kilobytes { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        var text = string.Concat(Enumerable.Repeat("This is a sentence of a question to a model, so long. ", Kilobytes * 19));
        _body = Encoding.UTF8.GetBytes($$"""{"model":"route-7","temperature":0.2,"messages":[{"role":"user","content":"{{text}}"}]}""");
        var provider = new ProviderFactory(TimeProvider.System).Create(new ProviderSettings
        {
            Name = "p",
            Kind = "openai",
            Wire = WireFormat.OpenAi,
            BaseUrl = new Uri("http://127.0.0.1:1/v1"),
        });
        _routes = new RouteTable([.. Enumerable.Range(0, 50).Select(i => new Route($"route-{i}", [new Target(provider, "m")]))]);
        var secret = new byte[32];
        var principal = new Principal(
            Guid.Empty, Guid.Empty, Guid.Empty, "s", SystemEnvironment.Development, SystemStage.Building, false, null, false);
        _keys = new KeyTable(secret, new Dictionary<KeyHash, Principal> { [KeyHash.Of(secret, Encoding.UTF8.GetBytes(Key))] = principal });
    }

    [Benchmark]
    public bool Peek() => RequestPeek.Read(_body, out _) is null;

    [Benchmark]
    public bool FindRoute() => _routes.TryFind("route-7", out _);

    [Benchmark]
    public bool FindKey() => _keys.TryFind(Key, out _);
}
