using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>Tests that measure the whole process: no other one runs beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>What calls leave in memory when they have ended.</summary>
[Collection(nameof(Alone))]
public sealed class MemoryTests
{
    private const int Rounds = 150;
    private const int CallsOfARound = 7;
    private const long MostBytes = 1 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Calls_that_end_in_every_way_leave_nothing_behind()
    {
        await using var gateway = await TestGateway.StartAsync(
            [new Route("fast", [new Target(TestGateway.Simulator(), "m")]) { AttemptsPerTarget = 1 }]);
        await RoundsAsync(gateway, 1); // what grows once has grown
        var before = GC.GetTotalMemory(forceFullCollection: true);

        await RoundsAsync(gateway, 2);

        // A kilobyte kept of each call would be more. Connections of clients that have left may still be closing; what is kept stays.
        var kept = 0L;
        Assert.True(
            SpinWait.SpinUntil(() => (kept = GC.GetTotalMemory(forceFullCollection: true) - before) <= MostBytes, Patience),
            $"{kept} bytes are kept.");
    }

    [Fact]
    public async Task Large_requests_and_events_give_their_memory_back()
    {
        var large = new string('x', 3 << 20);
        await using var gateway = await TestGateway.StartAsync(
            [new Route("fast", [new Target(TestGateway.Simulator(), "m")])], maxBodyBytes: 8 << 20, maxAnswerBytes: 32 << 20);
        GC.Collect();
        GC.WaitForPendingFinalizers(); // what tests before have forgotten
        var before = LargeBlock.Taken;

        using var whole = await gateway.ChatAsync(Body(large, false));
        using var made = await gateway.PostAsync(
            "/v1/responses", $$"""{"model":"fast","background":true,"stream":true,"input":"Hello","instructions":"{{large}}"}""",
            TestGateway.StoringKey, Ct);
        var events = await made.Content.ReadAsStringAsync(Ct);

        Assert.Equal(200, (int)whole.StatusCode);
        Assert.Contains("event: response.completed\n", events, StringComparison.Ordinal);
        Assert.True(SpinWait.SpinUntil(() => LargeBlock.Taken == before, Patience), $"{LargeBlock.Taken} bytes, {before} before");
    }

    private static async Task RoundsAsync(TestGateway gateway, int times)
    {
        for (var i = 0; i < Rounds; i++)
        {
            foreach (var said in (string[])["Hello", "[simulator: server_error]", "[simulator: words=50]"])
            {
                foreach (var stream in (bool[])[false, true])
                {
                    using var response = await gateway.ChatAsync(Body(said, stream));
                    await response.Content.ReadAsByteArrayAsync(Ct);
                }
            }

            // A client that leaves in mid-answer.
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
            {
                Content = new StringContent(
                    Body("[simulator: words=4000 tokens_per_second=100]", true), System.Text.Encoding.UTF8, "application/json"),
            };
            request.Headers.Authorization = new("Bearer", TestGateway.Key);
            using var left = await gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Ct);
        }

        while (gateway.Records().Count < times * Rounds * CallsOfARound)
        {
            await Task.Yield(); // the gateway learns a little later that a client has left
        }
    }

    private static string Body(string said, bool stream) =>
        $$"""{"model":"fast","stream":{{(stream ? "true" : "false")}},"messages":[{"role":"user","content":"{{said}}"}]}""";
}
