using System.Net;
using System.Net.Sockets;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>
/// A process that has as many files and sockets open as it may have: it accepted clients until no thread could be started, and ended.
/// </summary>
public sealed class OpenFilesTests
{
    private const int Most = 512;
    private const int OfClients = Most - (Most / 4);
    private const int Clients = 500; // more than it accepts, and no more than the kernel keeps for it besides

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_cannot_be_accepted_waits_and_is_served_when_others_have_left()
    {
        await using var gatehouse = await GatehouseProcess.StartLimitedAsync(Most);
        using var known = gatehouse.CreateClient();
        Assert.Equal(HttpStatusCode.OK, (await known.GetAsync("healthz", Ct)).StatusCode);
        var clients = await FillAsync(gatehouse);

        var late = clients[^1];
        Assert.True(await late.TrySendAsync("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await known.GetAsync("healthz", Ct)).StatusCode); // who is in is served
        }

        clients.GetRange(0, Clients - 1).ForEach(c => c.Dispose());
        Assert.StartsWith("HTTP/1.1 200 OK", await late.ReadToEndAsync(), StringComparison.Ordinal);
        late.Dispose();
        Assert.Single(gatehouse.Output.Split('\n'), line => line.Contains("Clients wait to be accepted: of 512", StringComparison.Ordinal));
        using var other = gatehouse.CreateClient();
        Assert.Equal(HttpStatusCode.OK, (await other.GetAsync("healthz", Ct)).StatusCode);
        Assert.Equal(0, await gatehouse.StopAsync());
    }

    /// <summary>Only connections without TLS once left the last descriptors to the threads that the runtime starts.</summary>
    [Fact]
    public async Task Connections_to_a_provider_over_tls_leave_the_last_ones_too()
    {
        const int atOnce = 150; // of those that are in: with a connection to the provider each, more than there may be
        var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start(Clients);
        await using var gatehouse = await GatehouseProcess.StartLimitedAsync(Most, $$"""
            providers:
              silent: { kind: openai-compatible, base_url: "https://127.0.0.1:{{((IPEndPoint)silent.LocalEndpoint).Port}}/v1", api_key: none, breaker: { enabled: false } }
            routes:
              silent: { attempts: 1, timeouts: { connect: 8s }, targets: [{ provider: silent, model: m }] }
            """);
        var clients = await FillAsync(gatehouse);
        const string body = """{"model":"silent","messages":[{"role":"user","content":"Hello"}]}""";
        var head = $"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gatehouse.SampleKey}\r\n"
            + $"Content-Type: application/json\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n";

        var answers = await Task.WhenAll(clients.Take(atOnce).Select(async client =>
        {
            await client.TrySendAsync(head + body);
            return await client.ReadToEndAsync();
        }));
        clients.ForEach(c => c.Dispose());

        Assert.Contains(answers, answer => answer.Contains("as many files and sockets open as it may", StringComparison.Ordinal));
        Assert.All(answers, answer => Assert.Contains("\"error\"", answer, StringComparison.Ordinal));
        using var other = gatehouse.CreateClient();
        Assert.Equal(HttpStatusCode.OK, (await other.GetAsync("healthz", Ct)).StatusCode);
        Assert.Equal(0, await gatehouse.StopAsync());
        silent.Stop();
    }

    /// <summary>It ended with a stack, or the runtime aborted.</summary>
    [Theory]
    [InlineData(128)]
    [InlineData(256)]
    public async Task A_start_that_could_serve_nobody_is_refused_with_the_way_to_have_more(int limit)
    {
        var result = await GatehouseProcess.RunLimitedAsync(limit);

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        var said = Assert.Single(result.Error.TrimEnd().Split('\n'));
        Assert.Contains($"Only {limit} files and sockets may be open", said, StringComparison.Ordinal);
        Assert.Contains("LimitNOFILE=65536", said, StringComparison.Ordinal);
    }

    /// <summary>As many clients as it accepts, and some that wait.</summary>
    private static async Task<List<RawConnection>> FillAsync(GatehouseProcess gatehouse)
    {
        var clients = new List<RawConnection>();
        for (var i = 0; i < Clients; i++)
        {
            clients.Add(await RawConnection.OpenAsync(gatehouse.Url));
        }

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (Directory.GetFileSystemEntries($"/proc/{gatehouse.Id}/fd").Length < OfClients)
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        return clients;
    }
}
