using System.Net.Sockets;
using System.Text;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>Large bodies, whose memory is bounded for the process: no other test holds some meanwhile.</summary>
[Collection(nameof(Alone))]
public sealed class LargeRequestTests
{
    private const int Mebibyte = 1 << 20;
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Uploads that stalled held their memory for hours, in any number: forty of 30 MB took 1.7 GB.</summary>
    [Fact]
    public async Task One_that_finds_no_room_is_a_503_and_what_ended_makes_room()
    {
        var clock = new ManualClock();
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(player)], clock, maxBodyBytes: 4 * Mebibyte, maxBodyMemoryBytes: 3 * Mebibyte);
        using var stalled = await StallAsync(gateway, clock, Body(2 * Mebibyte), sent: (2 * Mebibyte) - 1, 2 * Mebibyte);

        using (var refused = await gateway.ChatAsync(Body(2 * Mebibyte)))
        {
            Assert.Equal(503, (int)refused.StatusCode);
            Assert.Equal("busy_with_large_requests", await FallbackTests.ErrorCodeAsync(refused));
        }

        using (var small = await gateway.ChatAsync(Wire.ChatRequest))
        {
            Assert.Equal(200, (int)small.StatusCode);
        }

        clock.Advance(Silence);
        Assert.StartsWith("HTTP/1.1 408 ", await ReadAsync(stalled), StringComparison.Ordinal);
        using var taken = await gateway.ChatAsync(Body(2 * Mebibyte));
        Assert.Equal(200, (int)taken.StatusCode);
        Assert.Equal(
            ["busy_with_large_requests", null, "request_timeout", null], gateway.Records().Select(r => r.ErrorCode));
    }

    [Fact]
    public async Task The_only_one_finds_room_always()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer), e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(player)], maxBodyBytes: 4 * Mebibyte, maxBodyMemoryBytes: 1);

        for (var i = 0; i < 2; i++)
        {
            using var response = await gateway.ChatAsync(Body(3 * Mebibyte));
            Assert.Equal(200, (int)response.StatusCode);
        }
    }

    /// <summary>Each piece that comes begins the silence anew.</summary>
    [Fact]
    public async Task One_that_goes_on_coming_is_waited_for()
    {
        var clock = new ManualClock();
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(player)], clock, maxBodyBytes: 4 * Mebibyte);
        var body = Body(4 * Mebibyte);
        using var client = await StallAsync(gateway, clock, body, sent: Mebibyte / 2, Mebibyte / 2);

        clock.Advance(Silence - TimeSpan.FromSeconds(1));
        await client.SendAsync(Encoding.ASCII.GetBytes(body).AsMemory(Mebibyte / 2, 2 * Mebibyte), Ct);
        Await(4 * Mebibyte);
        clock.Advance(Silence - TimeSpan.FromSeconds(1));
        await client.SendAsync(Encoding.ASCII.GetBytes(body).AsMemory(5 * Mebibyte / 2), Ct);

        Assert.StartsWith("HTTP/1.1 200 ", await ReadAsync(client), StringComparison.Ordinal);
    }

    /// <returns>A client that has sent a part of its body, when the server has taken so much memory for it.</returns>
    private static async Task<Socket> StallAsync(TestGateway gateway, ManualClock clock, string body, int sent, long taken)
    {
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(gateway.Client.BaseAddress!.Host, gateway.Client.BaseAddress.Port, Ct);
        await client.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TestGateway.Key}\r\n"
            + $"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {body.Length}\r\n\r\n"), Ct);
        await client.SendAsync(Encoding.ASCII.GetBytes(body).AsMemory(0, sent), Ct);
        await clock.ArmedAsync(Silence);
        Await(taken);
        return client;
    }

    private static void Await(long taken) => Assert.True(
        SpinWait.SpinUntil(() => BodyMemory.Taken >= taken, TimeSpan.FromSeconds(20)), $"{BodyMemory.Taken} bytes are taken.");

    private static async Task<string> ReadAsync(Socket client)
    {
        using var stream = new NetworkStream(client);
        using var reader = new StreamReader(stream);
        return await reader.ReadLineAsync(Ct) ?? "";
    }

    /// <summary>Of exactly so many bytes.</summary>
    private static string Body(int bytes)
    {
        const string Start = """{"model":"fast","messages":[{"role":"user","content":" """;
        const string End = "\"}]}";
        return Start + new string('a', bytes - Start.Length - End.Length) + End;
    }
}
