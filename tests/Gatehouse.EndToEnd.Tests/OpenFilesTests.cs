using System.Net;

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

        var late = clients[^1];
        Assert.True(await late.TrySendAsync("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await known.GetAsync("healthz", Ct)).StatusCode); // who is in is served
        }

        clients.GetRange(0, Clients - 1).ForEach(c => c.Dispose());
        Assert.StartsWith("HTTP/1.1 200 OK", await late.ReadToEndAsync(), StringComparison.Ordinal);
        late.Dispose();
        using var other = gatehouse.CreateClient();
        Assert.Equal(HttpStatusCode.OK, (await other.GetAsync("healthz", Ct)).StatusCode);
        Assert.Equal(0, await gatehouse.StopAsync());
    }
}
