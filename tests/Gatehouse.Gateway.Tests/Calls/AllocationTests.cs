using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>Counts what the whole process allocates, so nothing else may run beside it.</summary>
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
public sealed class AllocationCollection;

/// <summary>What a passed-through call allocates, from a client's socket to the provider's and back, everything on.</summary>
[Collection(nameof(AllocationTests))]
public sealed class AllocationTests(ITestOutputHelper output)
{
    /// <summary>
    /// A third more than was counted when this was written, so that a change of the runtime passes and a new habit does not.
    /// </summary>
    private const long MaxBytesPerCall = 3_600;

    [Fact]
    public async Task A_call_allocates_little_and_no_more_for_a_large_body()
    {
        var small = await CountAsync(bodyBytes: 1_000);
        var large = await CountAsync(bodyBytes: 100_000);

        output.WriteLine($"{small} bytes a call with a body of 1 KB, {large} with 100 KB");
        Assert.InRange(small, 1, MaxBytesPerCall);
        Assert.InRange(large - small, -4096, 4096);
    }

    private static async Task<long> CountAsync(int bodyBytes)
    {
        const int Calls = 400;
        using var provider = new Provider();
        await using var gateway = await TestGateway.StartAsync(
            [new Route("fast", [new Target(TestGateway.Http("p", provider.Address), "m")])]);
        var body = $$"""{"model":"fast","messages":[{"role":"user","content":"{{new string('x', bodyBytes)}}"}]}""";
        var request = Encoding.ASCII.GetBytes(
            $"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TestGateway.Key}\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(gateway.Client.BaseAddress!.Host, gateway.Client.BaseAddress.Port, TestContext.Current.CancellationToken);
        var buffer = new byte[16 << 10];
        Repeat(client, request, buffer, 20 * Calls); // code that is compiled well allocates a sixth less

        var before = GC.GetTotalAllocatedBytes(precise: true);
        Repeat(client, request, buffer, Calls);
        return (GC.GetTotalAllocatedBytes(precise: true) - before) / Calls;
    }

    private static void Repeat(Socket client, byte[] request, byte[] buffer, int times)
    {
        for (var i = 0; i < times; i++)
        {
            client.Send(request);
            var answer = ReceiveMessage(client, buffer);
            Assert.True(answer.StartsWith("HTTP/1.1 200"u8));
        }
    }

    /// <summary>Head and as much of the body as fits; allocates nothing.</summary>
    private static ReadOnlySpan<byte> ReceiveMessage(Socket socket, byte[] buffer)
    {
        var received = 0;
        var rest = int.MaxValue;
        while (rest > 0)
        {
            var read = socket.Receive(buffer.AsSpan(Math.Min(received, buffer.Length / 2)));
            if (read == 0)
            {
                return default;
            }

            received += read;
            if (rest == int.MaxValue)
            {
                var head = buffer.AsSpan(0, received).IndexOf("\r\n\r\n"u8);
                var length = buffer.AsSpan(0, received).IndexOf("ontent-Length: "u8);
                rest = head < 0 || !Utf8Parser.TryParse(buffer.AsSpan(length + 15), out int body, out _)
                    ? int.MaxValue
                    : head + 4 + body - received;
            }
            else
            {
                rest -= read;
            }
        }

        return buffer.AsSpan(0, Math.Min(received, buffer.Length));
    }

    /// <summary>Answers every request with the same bytes, from a thread of its own and without allocating.</summary>
    private sealed class Provider : IDisposable
    {
        private static readonly byte[] Answer = Encoding.ASCII.GetBytes(Whole("""
            {"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},
            "finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}
            """));

        private readonly Socket _listener = new(SocketType.Stream, ProtocolType.Tcp);
        private readonly Thread _thread;
        private Socket? _socket;

        public Provider()
        {
            _listener.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
            _listener.Listen();
            _thread = new Thread(Serve);
            _thread.Start();
        }

        public Uri Address => new($"http://[::1]:{((IPEndPoint)_listener.LocalEndPoint!).Port}/v1");

        public void Dispose()
        {
            _listener.Dispose();
            _socket?.Dispose();
            _thread.Join();
        }

        private static string Whole(string body) =>
            $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}";

        private void Serve()
        {
            var buffer = new byte[16 << 10];
            try
            {
                _socket = _listener.Accept(); // one connection is all that one client at a time needs
                while (!ReceiveMessage(_socket, buffer).IsEmpty)
                {
                    _socket.Send(Answer);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // the test is over
            }
        }
    }
}
