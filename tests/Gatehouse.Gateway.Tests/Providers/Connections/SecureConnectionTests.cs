using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Connections;

namespace Gatehouse.Gateway.Tests.Providers.Connections;

public sealed class SecureConnectionTests
{
    private const int BufferBytes = 8 << 10;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(2, false, true)]
    [InlineData(2, true, false)]
    [InlineData(3_000, true, false)]
    [InlineData(40_000, false, true)]
    [InlineData(40_000, true, false)]
    [InlineData(BufferBytes, true, false)]
    public async Task A_connection_with_bytes_behind_the_answer_is_not_used_again(int bytes, bool surplus, bool reusable)
    {
        var (client, server, socket) = await ConnectAsync();
        await using var owned = server;
        using var connection = new UpstreamConnection(client, () => false, 0, () => { });
        var settings =
            new ProviderSettings { Name = "p", Kind = "openai", Wire = WireFormat.OpenAi, BaseUrl = new("https://localhost/v1") };
        await connection.SendAsync(new RequestHead(settings), new("/chat/completions", "{}"u8.ToArray(), [], TimeSpan.FromSeconds(5)), Ct);
        await server.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n"), Ct);
        Assert.True(await connection.ReceiveHeadAsync(Ct));
        var body = new byte[bytes + (surplus ? 60 : 0)];
        await server.WriteAsync(body, Ct);

        var into = new byte[64 << 10];
        var total = 0;
        for (int read; (read = await connection.ReadBodyAsync(into.AsMemory(0, Math.Min(into.Length, bytes)), Ct)) > 0;)
        {
            total += read;
        }

        Assert.Equal((bytes, reusable), (total, connection.IsReusable));
    }

    private static async Task<(SslStream Client, SslStream Server, Socket Socket)> ConnectAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(listener.LocalEndpoint, Ct);
        var accepted = await listener.AcceptSocketAsync(Ct);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = DateTimeOffset.UnixEpoch.AddYears(50);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(
            now, now.AddYears(100));
        var server = new SslStream(new NetworkStream(accepted, ownsSocket: true));
        var client = new SslStream(
            new NetworkStream(socket, ownsSocket: true), false, (_, shown, _, _) => shown!.GetCertHashString() == certificate.Thumbprint);
        await Task.WhenAll(
            server.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, Ct),
            client.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost" }, Ct));
        return (client, server, socket);
    }
}
