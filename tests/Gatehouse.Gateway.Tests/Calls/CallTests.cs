using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class CallTests
{
    [Fact]
    public async Task What_a_call_waits_for_others_is_not_our_own_time()
    {
        var clock = new ManualClock();
        using var call = new Call(new DefaultHttpContext(), ChatSurface.Instance, GatewayTable.Empty, clock);
        var provider = new TaskCompletionSource<int>();

        clock.Advance(TimeSpan.FromMilliseconds(2));
        var waiting = call.WaitAsync(new ValueTask<int>(provider.Task));
        clock.Advance(TimeSpan.FromSeconds(7));
        provider.SetResult(0);
        await waiting;
        clock.Advance(TimeSpan.FromMilliseconds(3));

        Assert.Equal(7_005_000, call.Micros);
        Assert.Equal(5_000, call.OwnMicros(call.Micros));
    }
}
