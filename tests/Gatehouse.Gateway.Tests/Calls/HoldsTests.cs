using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class HoldsTests
{
    [Theory]
    [InlineData(false, 0, false)]
    [InlineData(true, 0, true)]
    [InlineData(true, 200, true)]
    [InlineData(true, 500, false)]
    public void An_attempt_whose_cost_is_not_known_counts_if_the_provider_may_have_worked(bool sent, int status, bool charged)
    {
        var prices = new PriceTable("r", new Dictionary<string, Price> { ["m0"] = new(1e-3m, 1e-3m) });
        var table = new GatewayTable { Revision = "r", Keys = KeyTable.Empty, Routes = RouteTable.Empty, Prices = prices };
        var target = new Target(TestGateway.Http("p0", new Uri("http://127.0.0.1:1/v1")), "m0");
        using var call = new Call(new DefaultHttpContext(), new ChatSurface(), table, new ManualClock()) { Route = new("fast", [target]) };
        call.Body.Write("""{"model":"fast","messages":[{"role":"user","content":"Hello there"}]}"""u8);
        var attempt = new Attempt(target, "m0", 0, 0, WireFormat.OpenAi, call.Surface.NewTap(WireFormat.OpenAi)) { Status = status };
        if (sent)
        {
            attempt.Sent();
        }

        var holds = new Holds([], 0);
        holds.Broke(call, attempt);
        holds.Settle(call.Record);

        Assert.Equal(charged, call.Record.ChargedNanos > 0);
    }
}
