using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Hosting;

namespace Gatehouse.Gateway.Tests.Polling;

/// <summary>What clients do to sockets, on our transport and on the runtime's.</summary>
public sealed class TransportTests
{
    private const int ManyBytes = 100 << 20;

    public static TheoryData<bool> Transports =>
        OperatingSystem.IsLinux() ? new TheoryData<bool>(true, false) : new TheoryData<bool>(false);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_request_that_comes_in_single_bytes_is_answered(bool isPolled)
    {
        await using var server = await RawServer.StartAsync(isPolled);
        using var client = await server.ConnectAsync();

        foreach (var one in "POST /count HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")
        {
            await client.SendAsync(new[] { (byte)one }, Ct);
        }

        Assert.Contains("5 ", await RawServer.ReadToEndAsync(client));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_body_of_100_MB_arrives_to_the_byte(bool isPolled)
    {
        await using var server = await RawServer.StartAsync(isPolled);
        using var client = await server.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /count HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {ManyBytes}\r\n\r\n"), Ct);

        var piece = new byte[1 << 20];
        var (count, sum) = (0L, 0L);
        for (var i = 0; i < ManyBytes / piece.Length; i++)
        {
            for (var j = 0; j < piece.Length; j++)
            {
                piece[j] = (byte)(count % 241);
                sum += piece[j] * ++count % 251;
            }

            for (var sent = 0; sent < piece.Length;)
            {
                sent += await client.SendAsync(piece.AsMemory(sent), Ct);
            }
        }

        Assert.EndsWith($"{count} {sum}\r\n0\r\n\r\n", await RawServer.ReadToEndAsync(client));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_client_that_does_not_read_holds_the_server_back_and_gets_all_when_it_does(bool isPolled)
    {
        await using var server = await RawServer.StartAsync(isPolled);
        using var client = await server.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes($"GET /big?bytes={ManyBytes} HTTP/1.0\r\n\r\n"), Ct);

        Assert.InRange(await server.HeldBack.Task.WaitAsync(Ct), 1, ManyBytes - 1);

        var (buffer, received) = (new byte[1 << 20], 0L);
        var head = new StringBuilder();
        for (int read; (read = await client.ReceiveAsync(buffer, Ct)) > 0;)
        {
            var start = 0;
            while (start < read && !head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                head.Append((char)buffer[start++]);
            }

            foreach (var one in buffer.AsSpan(start, read - start))
            {
                if (one != received++ % 251)
                {
                    Assert.Fail($"Byte {received - 1} is another.");
                }
            }
        }

        Assert.Equal(ManyBytes, received);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Requests_that_come_together_are_answered_in_their_order(bool isPolled)
    {
        await using var server = await RawServer.StartAsync(isPolled);
        using var client = await server.ConnectAsync();
        var requests = new StringBuilder();
        for (var i = 0; i < 300; i++)
        {
            requests.Append($"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: {i}\r\n\r\n{new string('a', i)}");
        }

        requests.Append("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        await client.SendAsync(Encoding.ASCII.GetBytes(requests.ToString()), Ct);
        var answers = await RawServer.ReadToEndAsync(client);

        var at = 0;
        for (var i = 0; i < 300; i++)
        {
            at = answers.IndexOf($"\r\n\r\n{i} ", at, StringComparison.Ordinal) is var found and >= 0 ? found
                : answers.IndexOf($"\r\n{i} ", at, StringComparison.Ordinal);
            Assert.True(at >= 0, $"Answer {i} is missing.");
        }

        Assert.Contains("hello", answers[at..]);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_client_that_goes_away_aborts_what_is_answered(bool isPolled)
    {
        foreach (var isReset in new[] { false, true })
        {
            await using var server = await RawServer.StartAsync(isPolled);
            var client = await server.ConnectAsync();
            await client.SendAsync("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray(), Ct);
            await server.Entered.Task.WaitAsync(Ct);

            client.LingerState = new LingerOption(isReset, 0);
            client.Dispose();

            await server.Aborted.Task.WaitAsync(Ct);
        }
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_client_that_goes_away_within_its_body_leaves_the_server_well(bool isPolled)
    {
        await using var server = await RawServer.StartAsync(isPolled);
        for (var i = 0; i < 50; i++)
        {
            var client = await server.ConnectAsync();
            await client.SendAsync("POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nonly this"u8.ToArray(), Ct);
            client.LingerState = new LingerOption(i % 2 == 0, 0);
            client.Dispose();
        }

        Assert.Contains("hello", await GetAsync(server));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_head_that_does_not_end_and_a_connection_that_is_not_used_are_closed(bool isPolled)
    {
        await using var server = await RawServer.StartAsync(isPolled, limits =>
        {
            limits.RequestHeadersTimeout = TimeSpan.FromSeconds(1);
            limits.KeepAliveTimeout = TimeSpan.FromSeconds(1);
        });
        using var slow = await server.ConnectAsync();
        using var idle = await server.ConnectAsync();
        await slow.SendAsync("GET / HTTP/1.1\r\nHos"u8.ToArray(), Ct);
        await idle.SendAsync("GET / HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray(), Ct);

        Assert.Contains("408", await RawServer.ReadToEndAsync(slow));
        Assert.EndsWith("hello\r\n0\r\n\r\n", await RawServer.ReadToEndAsync(idle));
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_reader_that_is_too_slow_is_cut_off(bool isPolled)
    {
        await using var server = await RawServer.StartAsync(isPolled, limits =>
            limits.MinResponseDataRate = new(bytesPerSecond: 1 << 30, gracePeriod: TimeSpan.FromSeconds(1.5)));
        using var client = await server.ConnectAsync();
        await client.SendAsync(Encoding.ASCII.GetBytes($"GET /big?bytes={ManyBytes} HTTP/1.0\r\n\r\n"), Ct);

        await server.Aborted.Task.WaitAsync(Ct);

        Assert.True(await RawServer.CountToEndAsync(client) < ManyBytes);
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_thousand_connections_come_and_go(bool isPolled)
    {
        await using var server = await RawServer.StartAsync(isPolled);

        for (var round = 0; round < 5; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => GetAsync(server)));

            Assert.All(answers, a => Assert.Contains("hello", a));
        }
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_server_that_stops_ends_what_is_under_way_and_takes_nobody_new(bool isPolled)
    {
        await using var server = await RawServer.StartAsync(isPolled);
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray(), Ct);
        await server.Entered.Task.WaitAsync(Ct);

        var stopped = server.StopAsync();
        while (true)
        {
            try
            {
                using var late = await server.ConnectAsync();
            }
            catch (SocketException)
            {
                break;
            }
        }

        server.Released.SetResult();

        Assert.Contains("done", await RawServer.ReadToEndAsync(client));
        await stopped;
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Tls_stands_above_it(bool isPolled)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var made = request.CreateSelfSigned(new DateTimeOffset(2020, 1, 1, 0, 0, 0, default), new(2100, 1, 1, 0, 0, 0, default));
        using var certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
        await using var server = await RawServer.StartAsync(isPolled, listen: o => o.UseHttps(certificate));
        using var client = await server.ConnectAsync();
        await using var secure = new SslStream(
            new NetworkStream(client), false, (_, shown, _, _) => shown!.GetCertHashString() == certificate.Thumbprint);
        await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost" }, Ct);

        var body = new byte[3 << 20];
        await secure.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /count HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {body.Length}\r\n\r\n"), Ct);
        await secure.WriteAsync(body, Ct);
        using var reader = new StreamReader(secure);

        Assert.Contains($"{body.Length} 0", await reader.ReadToEndAsync(Ct));
    }

    private static async Task<string> GetAsync(RawServer server)
    {
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"u8.ToArray(), Ct);
        return await RawServer.ReadToEndAsync(client);
    }
}
