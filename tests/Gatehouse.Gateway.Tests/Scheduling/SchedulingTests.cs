using System.Net;
using System.Net.Sockets;
using System.Text;
using Gatehouse.Gateway.Scheduling;
using Gatehouse.Gateway.Tests.Calls;

namespace Gatehouse.Gateway.Tests.Scheduling;

public class SchedulingTests
{
    [Fact]
    public void This_runtime_lets_a_socket_prefer_inline_completions()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);

        Assert.True(InlineSockets.TryPrefer(socket));
    }

    [Fact]
    public async Task Work_under_the_pool_context_goes_on_at_the_pool_wherever_its_awaits_end()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var signal = new TaskCompletionSource();
        var seen = new List<bool>();
        var work = PoolContext.RunAsync(
            async _ =>
            {
                for (var i = 0; i < 3; i++)
                {
                    seen.Add(Thread.CurrentThread.IsThreadPoolThread);
                    begun.TrySetResult();
                    await signal.Task; // the second and third time it is over already
                }

                seen.Add(Thread.CurrentThread.IsThreadPoolThread);
            },
            0);
        await begun.Task;

        var thread = new Thread(signal.SetResult);
        thread.Start();
        await work;
        thread.Join();

        Assert.Equal([true, true, true, true], seen);
    }

    [Fact]
    public async Task A_request_beside_the_gateway_reads_its_body_on_the_pool()
    {
        await using var gateway = await TestGateway.StartAsync([]);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/anything") { Content = new StringContent("late", Encoding.UTF8) };
        request.Headers.ExpectContinue = true; // the body comes when the handler waits for it

        using var response = await gateway.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal((HttpStatusCode)418, response.StatusCode);
        Assert.Equal("True", response.Headers.GetValues("x-on-the-pool").Single());
    }
}
