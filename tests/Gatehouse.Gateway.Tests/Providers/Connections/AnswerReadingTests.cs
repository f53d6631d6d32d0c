using System.Net.Sockets;
using System.Text;
using Gatehouse.Gateway.Providers.Connections;

namespace Gatehouse.Gateway.Tests.Providers.Connections;

/// <summary>Heads and bodies as a connection reads them, however their bytes are cut.</summary>
public class AnswerReadingTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 hello keep")]
    [InlineData("HTTP/1.1 200\r\ncontent-length:5\r\n\r\nhello", "200 hello keep")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "200 hello keep")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, Close\r\n\r\nhello", "200 hello close")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more than was said", "200 hello close")]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 hello close")]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\nhello", "200 hello keep")]
    [InlineData("HTTP/1.1 200 OK\r\n\r\nhello", "200 hello close")]
    [InlineData("HTTP/1.1 204 No\r\n\r\n", "204  keep")]
    [InlineData("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", "204  keep")]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "200 hello keep")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "200 hello keep")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0005;name=\"v\"\r\nhello\r\n0;x\r\nTrailer: of\r\nsome: kind\r\n\r\n",
        "200 hello keep")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\nmore", "200 hello close")]
    public async Task Every_cut_of_the_bytes_gives_the_same_answer(string bytes, string expected)
    {
        var all = Encoding.Latin1.GetBytes(bytes);
        for (var first = 1; first <= all.Length; first++)
        {
            foreach (var then in (int[])[1, 3, 7, all.Length])
            {
                Assert.Equal(expected, await ReadAsync(new CutStream(all, first, then)));
            }
        }
    }

    [Theory]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n")]
    [InlineData("HTTP/2 200 OK\r\n\r\n")]
    [InlineData("HTTP/1.2 200 OK\r\n\r\n")]
    [InlineData("http/1.1 200 OK\r\n\r\n")]
    [InlineData("HTTP/1.1  200 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 20x OK\r\n\r\n")]
    [InlineData("HTTP/1.1 099 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 2000 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching\r\n\r\n")]
    [InlineData("HTTP/1.1 200 O\0K\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\n Content-Length: 5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nX: a\r\n\tb\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\n: 5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nNo colon\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello")]
    [InlineData("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    public async Task A_head_that_leaves_a_doubt_is_refused(string bytes)
    {
        var all = Encoding.Latin1.GetBytes(bytes);
        foreach (var step in (int[])[1, 5, all.Length])
        {
            await Assert.ThrowsAsync<FormatException>(() => ReadAsync(new CutStream(all, step, step)));
        }
    }

    [Theory]
    [InlineData("x\r\nhello\r\n0\r\n\r\n")]
    [InlineData("\r\nhello\r\n0\r\n\r\n")]
    [InlineData("-5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5_\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5\nhello\r\n0\r\n\r\n")]
    [InlineData("5\r\nhello!\r\n0\r\n\r\n")]
    [InlineData("5\r\nhello0\r\n\r\n")]
    [InlineData("5\r\nhello\n0\r\n\r\n")]
    [InlineData("5;a\rb\r\nhello\r\n0\r\n\r\n")]
    [InlineData("8000000000000000\r\nhello\r\n0\r\n\r\n")]
    [InlineData("00000000000000000005\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\n")]
    [InlineData("5\r\nhel")]
    [InlineData("5\r\nhello\r\n")]
    [InlineData("")]
    public async Task Broken_chunks_are_no_end_of_the_body(string body)
    {
        var all = Encoding.Latin1.GetBytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body);
        foreach (var step in (int[])[1, 5, all.Length])
        {
            await Assert.ThrowsAsync<IOException>(() => ReadAsync(new CutStream(all, step, step)));
        }
    }

    [Fact]
    public async Task Heads_lines_and_trailers_have_limits()
    {
        var endless = new string('a', 70_000);

        await Assert.ThrowsAsync<FormatException>(() => ReadAsync(new CutStream($"HTTP/1.1 200 OK\r\nX: {endless}\r\n\r\n")));
        await Assert.ThrowsAsync<FormatException>(() => ReadAsync(new CutStream(
            "HTTP/1.1 200 OK\r\n" + string.Concat(Enumerable.Repeat("X: y\r\n", 12_000)) + "\r\n")));
        await Assert.ThrowsAsync<FormatException>(
            () => ReadAsync(new CutStream(string.Concat(Enumerable.Repeat("HTTP/1.1 102 Wait\r\n\r\n", 100)))));
        await Assert.ThrowsAsync<IOException>(
            () => ReadAsync(new CutStream("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;" + endless)));
        await Assert.ThrowsAsync<IOException>(() => ReadAsync(new CutStream(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + string.Concat(Enumerable.Repeat("Abc: def\r\n", 3_000)))));
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le")]
    [InlineData("H")]
    public async Task An_answer_that_is_cut_off_is_none(string bytes) =>
        await Assert.ThrowsAsync<IOException>(() => ReadAsync(new CutStream(bytes)));

    [Fact]
    public async Task Bodies_of_any_size_in_any_chunks_come_as_they_were_sent()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var body = new byte[random.Next(60_000)];
            random.NextBytes(body);
            var chunked = random.Next(2) == 0;
            using var wire = new MemoryStream();
            wire.Write(Encoding.ASCII.GetBytes(
                "HTTP/1.1 200 OK\r\n" + (chunked ? "Transfer-Encoding: chunked\r\n\r\n" : $"Content-Length: {body.Length}\r\n\r\n")));
            for (var at = 0; chunked && at < body.Length;)
            {
                var size = Math.Min(body.Length - at, 1 + random.Next(random.Next(2) == 0 ? 20 : 20_000));
                wire.Write(Encoding.ASCII.GetBytes($"{size:x}\r\n"));
                wire.Write(body, at, size);
                wire.Write("\r\n"u8);
                at += size;
            }

            wire.Write(chunked ? "0\r\n\r\n"u8 : body);
            using var connection = Connect(new CutStream(wire.ToArray(), random.Next(1, 3_000), random.Next(1, 30_000)));

            Assert.True(await connection.ReceiveHeadAsync(Ct));
            using var read = new MemoryStream();
            var into = new byte[random.Next(1, 20_000)];
            for (int count; (count = await connection.ReadBodyAsync(into, Ct)) > 0;)
            {
                read.Write(into, 0, count);
            }

            Assert.Equal(body, read.ToArray());
            Assert.True(connection.IsReusable);
        }
    }

    /// <summary>
    /// Damages a good answer in many ways: it is read, or refused by one of two exceptions, and never taken for longer than it is.
    /// </summary>
    [Fact]
    public async Task Damaged_answers_end_in_an_answer_or_a_refusal()
    {
        var good = "HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n6;e=1\r\nabcdef\r\na\r\n0123456789\r\n0\r\nT: u\r\n\r\n"u8.ToArray();
        for (var seed = 0; seed < 3_000; seed++)
        {
            var random = new Random(seed);
            var bytes = (byte[])good.Clone();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                bytes[random.Next(bytes.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : "\r\n:;0a \t"u8[random.Next(8)];
            }

            try
            {
                Assert.True((await ReadAsync(new CutStream(bytes, random.Next(1, 40), random.Next(1, 40)))).Length < good.Length);
            }
            catch (Exception e) when (e is FormatException or IOException)
            {
                // refused
            }
        }
    }

    private static UpstreamConnection Connect(Stream stream) =>
        new(stream, () => false, 0, () => { });

    /// <returns>Status, body, and whether the connection may be used again.</returns>
    private static async Task<string> ReadAsync(CutStream stream)
    {
        using var connection = Connect(stream);
        Assert.True(await connection.ReceiveHeadAsync(Ct));
        var body = new StringBuilder();
        var into = new byte[4];
        for (int count; (count = await connection.ReadBodyAsync(into, Ct)) > 0;)
        {
            body.Append(Encoding.Latin1.GetString(into, 0, count));
        }

        // What was received behind the answer makes the connection useless; what comes later is the idle connection's business.
        return $"{connection.Status} {body} {(connection.IsReusable && stream.IsSpent ? "keep" : "close")}";
    }

    /// <summary>Gives its bytes in pieces: a first one, then others of one length.</summary>
    private sealed class CutStream(byte[] bytes, int first, int then) : MemoryStream
    {
        private int _at;

        public CutStream(string text)
            : this(Encoding.Latin1.GetBytes(text), 1000, 1000)
        {
        }

        public bool IsSpent => _at == bytes.Length;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = Math.Min(Math.Min(_at == 0 ? first : then, buffer.Length), bytes.Length - _at);
            bytes.AsMemory(_at, count).CopyTo(buffer);
            _at += count;
            return new ValueTask<int>(count);
        }
    }
}
