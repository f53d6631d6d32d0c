using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class MirrorTests
{
    private static readonly PriceTable Prices = new(
        "r", new Dictionary<string, Price> { ["m0"] = new(1e-6m, 1e-6m), ["shadow"] = new(3e-6m, 3e-6m) });

    [Theory]
    [InlineData(Wire.ChatRequest)]
    [InlineData(Wire.StreamRequest)]
    public async Task A_copy_goes_to_the_mirror_and_is_a_priced_record_of_its_own(string body)
    {
        var (asked, go) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), new TaskCompletionSource());
        await using var served = new WirePlayer(e => AnswerAsync(e, body));
        await using var shadow = new WirePlayer(async e =>
        {
            asked.SetResult();
            await go.Task;
            await AnswerAsync(e, body);
        });
        await using var gateway = await TestGateway.StartAsync([Mirrored(served, shadow)], prices: Prices);

        Assert.Equal("p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(body))); // answered although the mirror is not
        await asked.Task;
        go.SetResult();
        var records = await RecordsAsync(gateway, 2);

        var (call, copy) = (records.Single(r => r.Surface == "chat"), records.Single(r => r.Surface == "mirror"));
        Assert.Equal(("mirrored", "shadow", CallOutcome.Ok), (copy.Provider, copy.Model, copy.Outcome));
        Assert.Equal((call.TraceId, call.SpanId, call.SystemId, call.Route), (copy.TraceId, copy.ParentSpanId, copy.SystemId, copy.Route));
        Assert.Equal(3 * call.CostNanos, copy.CostNanos);
        Assert.NotEqual(call.Id, copy.Id);
        Assert.Equal(served.Last.Body.Replace("m0", "shadow", StringComparison.Ordinal), shadow.Last.Body);
    }

    [Fact]
    public async Task A_mirror_that_fails_or_hangs_is_nobodys_problem_and_copies_are_bounded()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var served = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var hanging = new WirePlayer(async e =>
        {
            asked.TrySetResult();
            await e.ClosedByGatewayAsync();
        });
        var gateway = await TestGateway.StartAsync([Mirrored(served, hanging, most: 1)]);

        for (var i = 0; i < 5; i++)
        {
            Assert.Equal("p0", await ConditionTests.ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
        }

        await asked.Task;
        await gateway.StopServerAsync();
        Assert.Single(hanging.Exchanges);
        Assert.Equal(CallOutcome.Cancelled, Assert.Single(gateway.Records(), r => r.Surface == "mirror").Outcome);
        await gateway.DisposeAsync();
    }

    [Fact]
    public async Task Copies_stay_where_the_systems_data_must_stay()
    {
        await using var home = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var away = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var provider = TestGateway.Http("home", home, TimeProvider.System, s => s with { Region = "eu" });
        var route = new Route(
            "fast", [new Target(provider, "m0")]) { Mirror = new(new Target(TestGateway.Http("away", away), "shadow"), 1, 8) };
        var gateway = await TestGateway.StartAsync([route]);

        Assert.Equal("home", await ConditionTests.ServedByAsync(gateway.ChatAsync(Wire.ChatRequest, TestGateway.EuropeanKey)));
        await gateway.StopServerAsync();

        Assert.Empty(away.Exchanges);
        Assert.Single(gateway.Records());
        await gateway.DisposeAsync();
    }

    [Theory]
    [InlineData("route", 503)]
    [InlineData("model", 200)]
    [InlineData("size", 413)]
    public async Task What_a_call_may_not_have_its_copy_may_not_have(string off, int status)
    {
        await using var served = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var shadow = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var route = Mirrored(served, shadow) with { Mirror = new(new Target(TestGateway.Http("mirrored", shadow), Target.AnyModel), 1, 8) };
        route = off == "size" ? route with { Targets = [route.Targets[0] with { Conditions = new() { MaxRequestBytes = 1 } }] } : route;
        var none = new Dictionary<string, string>();
        var why = new Dictionary<string, string> { ["fast"] = "leaks" };
        var switches = new KillSwitches(none, off == "model" ? why : none, off == "route" ? why : none);
        var gateway = await TestGateway.StartAsync([.. switches.Apply(new RouteTable([route])).Routes]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);
        await gateway.StopServerAsync();

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Empty(shadow.Exchanges);
        Assert.Single(gateway.Records());
        await gateway.DisposeAsync();
    }

    [Fact]
    public async Task A_call_that_cannot_be_copied_takes_no_place_from_the_next()
    {
        await using var served = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var shadow = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var route = Mirrored(served, shadow, most: 1);
        route = route with { Targets = [route.Targets[0] with { Conditions = new() { Metadata = [new("tier", ["gold"])] } }] };
        await using var gateway = await TestGateway.StartAsync([route]);

        using var refused = await gateway.ChatWithAsync(Wire.ChatRequest, "x-gatehouse-metadata", "tier=gold");
        using var unmatched = await gateway.ChatAsync(Wire.ChatRequest);
        using var served1 = await gateway.ChatWithAsync(Wire.ChatRequest, "x-gatehouse-metadata", """{"tier":"gold"}""");

        Assert.Equal(400, (int)refused.StatusCode);
        Assert.Equal(200, (int)served1.StatusCode);
        Assert.Single(await RecordsAsync(gateway, 4), r => r.Surface == "mirror");
    }

    private static Task AnswerAsync(Exchange exchange, string body) =>
        body == Wire.ChatRequest ? exchange.AnswerAsync(200, Wire.ChatAnswer) : exchange.StreamAsync(Wire.WholeStream);

    private static Route Mirrored(WirePlayer served, WirePlayer shadow, int most = 8) =>
        TestGateway.RouteTo(served) with { Mirror = new(new Target(TestGateway.Http("mirrored", shadow), "shadow"), 1, most) };

    /// <summary>Waits for the journal to hold so many: each is appended before its answer ends, the copies' by their own time.</summary>
    private static async Task<List<CallRecord>> RecordsAsync(TestGateway gateway, int count)
    {
        while (gateway.Records().Count < count)
        {
            await Task.Yield();
        }

        return gateway.Records();
    }
}
