using System.Net.Sockets;
using System.Text;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class KnownKeyTests
{
    [Fact]
    public async Task A_connection_is_asked_for_its_key_anew_with_every_other_key_and_every_other_table()
    {
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo()]);
        using var client = new TcpClient();
        await client.ConnectAsync(gateway.Client.BaseAddress!.Host, gateway.Client.BaseAddress.Port, TestContext.Current.CancellationToken);
        const string Good = "Authorization: Bearer " + TestGateway.Key;
        const string Revoked = "Authorization: Bearer " + TestGateway.RevokedKey;

        Assert.Equal(
            [200, 200, 401, 401, 200, 200, 401, 200, 401],
            await AskAsync(
                client, Good, Good, Revoked, Revoked, Good, "x-api-key: " + TestGateway.Key, "x-api-key: Bearer " + TestGateway.Key, Good,
                "Accept: */*"));

        var table = gateway.Tables.Current;
        gateway.Tables.Publish(new GatewayTable { Revision = "r2", Keys = KeyTable.Empty, Routes = table.Routes, Prices = table.Prices });

        Assert.Equal([401, 401], await AskAsync(client, Good, Good));
    }

    [Fact]
    public void Only_the_same_object_under_the_same_table_is_known()
    {
        var (known, header) = (new KnownKey(), "Bearer k");
        var keys = new KeyTable(new byte[32], new Dictionary<KeyHash, Principal>());
        var principal = new Principal(Guid.Empty, Guid.Empty, Guid.Empty, "s", default, default, false, null, false);

        known.Keep(keys, header, 1, principal);

        Assert.True(known.TryFind(keys, header, 1, out var found));
        Assert.Same(principal, found);
        Assert.False(known.TryFind(keys, new string(header), 1, out _));
        Assert.False(known.TryFind(keys, header, 2, out _));
        Assert.False(known.TryFind(KeyTable.Empty, header, 1, out _));
    }

    private static async Task<List<int>> AskAsync(TcpClient client, params string[] headers)
    {
        var ct = TestContext.Current.CancellationToken;
        var (statuses, buffer) = (new List<int>(), new byte[16 << 10]);
        foreach (var header in headers)
        {
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"GET /v1/models HTTP/1.1\r\nHost: h\r\n{header}\r\n\r\n"), ct);
            var (received, end) = (0, 0);
            while (end == 0 || received < end)
            {
                received += await client.GetStream().ReadAsync(buffer.AsMemory(received), ct);
                var text = Encoding.ASCII.GetString(buffer, 0, received);
                var (head, length) =
                    (text.IndexOf("\r\n\r\n", StringComparison.Ordinal), text.IndexOf("Content-Length: ", StringComparison.Ordinal));
                end = head < 0
                    ? 0
                    : head + 4 + int.Parse(
                        text[(length + 16)..text.IndexOf('\r', length)], System.Globalization.CultureInfo.InvariantCulture);
            }

            statuses.Add(int.Parse(Encoding.ASCII.GetString(buffer, 9, 3), System.Globalization.CultureInfo.InvariantCulture));
        }

        return statuses;
    }
}
