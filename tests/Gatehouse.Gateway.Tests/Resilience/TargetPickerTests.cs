using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Resilience;

public sealed class TargetPickerTests
{
    private static readonly Provider Provider = new(
        new ProviderSettings { Name = "p", Kind = "openai", Wire = WireFormat.OpenAi, BaseUrl = new Uri("http://p") }, new NoUpstream(),
        TimeProvider.System);

    private readonly Chance _chance = new(new Random(7));

    [Fact]
    public void Ordered_keeps_the_order_of_the_configuration() =>
        Assert.Equal(["a", "b", "c"], Draw(Route(RoutingStrategy.Ordered, Loaded("a"), Loaded("b"), Loaded("c")), new()));

    [Fact]
    public void Lowest_latency_prefers_the_quickest_explores_the_others_and_finds_out_about_unknown_ones()
    {
        var route = Route(
            RoutingStrategy.LowestLatency, Loaded("slow", micros: 9000), Loaded("quick", micros: 1000), Loaded("middle", micros: 2000));
        var shares = Shares(route, 5_000);

        Assert.InRange(shares["quick"], 4_700, 4_900);
        Assert.InRange(shares["slow"], 40, 140);
        Assert.InRange(shares["middle"], 40, 140);
        Assert.InRange(Shares(Route(RoutingStrategy.LowestLatency, Loaded("known", micros: 1), Loaded("new")), 100)["new"], 90, 100);
        Assert.InRange(
            Shares(Route(RoutingStrategy.LowestLatency, Loaded("known", micros: 1), Loaded("asked already", inFlight: 1)), 100)["known"],
            90, 100);
    }

    [Fact]
    public void Least_busy_goes_by_calls_under_way_in_proportion_to_weights()
    {
        Assert.Equal("free", Draw(Route(RoutingStrategy.LeastBusy, Loaded("busy", inFlight: 2), Loaded("free", inFlight: 1)), new())[0]);
        Assert.Equal(
            "large", Draw(
                Route(RoutingStrategy.LeastBusy, Loaded("large", inFlight: 3, weight: 4), Loaded("small", inFlight: 1)), new())[0]);
        Assert.Equal(
            ["busy", "spare"], Draw(Route(RoutingStrategy.LeastBusy, Loaded("spare", weight: 0), Loaded("busy", inFlight: 9)), new()));
        Assert.Equal(["a", "b"], Shares(Route(RoutingStrategy.LeastBusy, Loaded("a"), Loaded("b")), 100).Keys.Order());
    }

    [Fact]
    public void Lowest_cost_is_the_cost_of_this_call_and_unknown_prices_come_last()
    {
        var prices = new PriceTable("r", new Dictionary<string, Price>
        {
            ["p/cheap input"] = new(1e-6m, 20e-6m),
            ["p/cheap output"] = new(5e-6m, 5e-6m),
        });
        var route = Route(RoutingStrategy.LowestCost, Loaded("unpriced"), Loaded("cheap input"), Loaded("cheap output"));

        Assert.Equal(["cheap output", "cheap input", "unpriced"], Draw(route, new("r", false, 400, null, prices)));
        Assert.Equal(["cheap input", "cheap output", "unpriced"], Draw(route, new("r", false, 400_000, 100, prices)));
    }

    [Fact]
    public void Orders_come_before_strategies() =>
        Assert.Equal(
            ["first", "quick"],
            Draw(Route(RoutingStrategy.LowestLatency, Loaded("quick", micros: 1) with { Order = 1 }, Loaded("first", micros: 9000)),
                new()));

    [Fact]
    public void Picking_allocates_nothing()
    {
        var route = Route(RoutingStrategy.LeastBusy, Loaded("a"), Loaded("b"), Loaded("c"));

        Assert.Equal(0, Allocations.Of(() => First(route)));

        void First(Route of)
        {
            var order = new TargetOrder(of, of.Open, -1, default, _chance);
            Assert.True(order.TryNext(out _));
        }
    }

    private static Route Route(RoutingStrategy strategy, params Target[] targets) => new("r", targets) { Strategy = strategy };

    private static Target Loaded(string model, double micros = 0, int inFlight = 0, int weight = 1)
    {
        var load = new TargetLoad(null, TimeProvider.System);
        if (micros > 0)
        {
            load.Observe(streamed: false, micros);
        }

        for (var i = 0; i < inFlight; i++)
        {
            load.TryEnter();
        }

        return new Target(Provider, model, weight) { Load = load };
    }

    private Dictionary<string, int> Shares(Route route, int draws)
    {
        var shares = new Dictionary<string, int>();
        for (var i = 0; i < draws; i++)
        {
            var name = Draw(route, new())[0];
            shares[name] = shares.GetValueOrDefault(name) + 1;
        }

        return shares;
    }

    private List<string> Draw(Route route, CallShape call)
    {
        var order = new TargetOrder(route, route.Open, -1, call, _chance);
        var given = new List<string>();
        while (order.TryNext(out var target))
        {
            given.Add(target.Model);
        }

        return given;
    }

    private sealed class NoUpstream : IUpstream
    {
        public ValueTask<UpstreamAnswer> SendAsync(UpstreamRequest request, CancellationToken ct) => throw new NotSupportedException();
    }
}
