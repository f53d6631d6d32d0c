using System.Net.Sockets;

namespace Gatehouse.Load;

/// <summary>One connection that sends the same request again and again and reads each answer to its end. Blocks its thread.</summary>
internal sealed class Exchange : IDisposable
{
    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _buffer = new byte[64 << 10];

    public Exchange(Uri url) => _socket.Connect(url.Host, url.Port);

    /// <summary>Pieces that the last answer came in, its head's included.</summary>
    public int Receipts { get; private set; }

    /// <summary>When the first byte of the last answer came.</summary>
    public long FirstByteAt { get; private set; }

    /// <returns>Whether the answer was a whole one of status 200.</returns>
    public bool TrySend(byte[] request)
    {
        Receipts = 0;
        _socket.Send(request);
        var (received, rest, isGood) = (0, long.MaxValue, false);
        Span<byte> tail = stackalloc byte[7];
        while (rest > 0)
        {
            var from = rest == long.MaxValue ? received : 0;
            var read = _socket.Receive(_buffer.AsSpan(from));
            if (read == 0)
            {
                return false;
            }

            FirstByteAt = Receipts++ == 0 ? Clock.Now : FirstByteAt;
            received += read;
            var seen = _buffer.AsSpan(0, from + read);
            if (rest != long.MaxValue && rest != Chunked)
            {
                rest -= read;
                continue;
            }

            if (rest == long.MaxValue)
            {
                var end = seen.IndexOf("\r\n\r\n"u8);
                if (end < 0)
                {
                    continue;
                }

                isGood = seen.StartsWith("HTTP/1.1 200"u8);
                rest = LengthOf(seen[..(end + 2)]) is { } length ? end + 4 + length - received : Chunked;
            }

            if (rest == Chunked)
            {
                Append(tail, seen);
                rest = tail.SequenceEqual("\r\n0\r\n\r\n"u8) ? 0 : Chunked;
            }
        }

        return isGood;
    }

    public void Dispose() => _socket.Dispose();

    private const long Chunked = long.MaxValue - 1;

    private static void Append(Span<byte> tail, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length >= tail.Length)
        {
            bytes[^tail.Length..].CopyTo(tail);
            return;
        }

        tail[bytes.Length..].CopyTo(tail);
        bytes.CopyTo(tail[^bytes.Length..]);
    }

    private static long? LengthOf(ReadOnlySpan<byte> head)
    {
        foreach (var range in head.Split("\r\n"u8))
        {
            var line = head[range];
            if (line.Length > 15 && System.Text.Ascii.EqualsIgnoreCase(line[..15], "content-length:"u8))
            {
                return long.Parse(line[15..], System.Globalization.CultureInfo.InvariantCulture);
            }
        }

        return null;
    }
}
