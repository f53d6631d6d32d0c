using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class KeepAliveRaceTests
{
    [Fact]
    public async Task An_answer_that_comes_with_the_tick_of_a_sign_of_life_is_taken()
    {
        for (var i = 0; i < 50; i++)
        {
            var clock = new ManualClock();
            var answer = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var timer = clock.CreateTimer(
                _ => answer.SetResult(7), null, TargetCaller.KeepAliveInterval, Timeout.InfiniteTimeSpan);
            using var call = new Call(
                new DefaultHttpContext(), new ChatSurface(), GatewayTable.Empty, clock) { Peek = new() { Stream = true } };

            var pending = new TargetCaller(null!, null!, null!, null!, clock).HoldAsync(call, new ValueTask<int>(answer.Task)).AsTask();
            clock.Advance(TargetCaller.KeepAliveInterval);

            Assert.Equal(7, await pending);
        }
    }
}
