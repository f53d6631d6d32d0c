using System.Net.Security;
using System.Runtime.CompilerServices;
using Gatehouse.Gateway.Polling;
using Gatehouse.Gateway.Scheduling;

namespace Gatehouse.Gateway.Providers.Connections;

/// <summary>
/// One connection to a provider and the exchange under way on it.
/// <list type="number">
/// <item>One exchange at a time, by one logical thread.</item>
/// <item>It may carry another one only when the last was read to its end, to the byte, and both sides want to keep it.</item>
/// <item>Its buffer is its own: no memory of a caller is used after the method that took it has returned.</item>
/// </list>
/// </summary>
internal sealed class UpstreamConnection(Stream stream, Func<bool> hasInput, long madeAt, Action closed) : IDisposable
{
    private const int BufferBytes = 8 << 10;

    /// <summary>Larger bodies are sent from where they lie, behind the head.</summary>
    private const int MaxCopiedBytes = 16 << 10;

    /// <summary>More than these in a row is no answer but a way to keep us busy.</summary>
    private const int MaxInterimAnswers = 8;

    private byte[] _buffer = GC.AllocateUninitializedArray<byte>(BufferBytes);
    private int _start; // of what was received and not yet taken
    private int _end;
    private byte[] _fields = [];
    private int _fieldBytes;
    private AnswerHead _head = new();
    private int _interim; // answers before the one that counts
    private ChunkedBody _chunks;
    private long _left; // of a body with a length
    private bool _over;
    private bool _filled; // by the last receipt, to the last byte: a stream that deciphers may hold more
    private int _disposed;

    /// <summary>Timestamps of the pool's clock.</summary>
    public long MadeAt { get; } = madeAt;

    public long IdleSince { get; set; }

    public int Status => _head.Status;

    /// <summary>Something has come back for the request.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>The headers of the answer; valid until the next exchange begins.</summary>
    public ReadOnlySpan<byte> Fields => _fields.AsSpan(0, _fieldBytes);

    /// <summary>The exchange is over and the connection may carry the next one.</summary>
    public bool IsReusable => _over && _start == _end && !_filled && _head.KeepsAlive;

    /// <summary>Whether what is missing of the answer could be read in a moment, for the connection's sake.</summary>
    public bool IsNearlyOver => !_over && _head.KeepsAlive && (_head.End == BodyEnd.Chunks || _left <= BufferBytes);

    /// <summary>Whose thread its answers come on; <see langword="null"/>: the runtime's.</summary>
    public Poller? Poller { get; } = (stream as PolledStream)?.Poller;

    /// <summary>Nothing is asked of an idle connection: bytes on it, or its end, mean that it is not to be used.</summary>
    public bool IsStale() => hasInput();

    /// <exception cref="IOException">The connection is broken.</exception>
    [AsyncMethodBuilder(typeof(KeptStateBuilder))]
    public async ValueTask SendAsync(RequestHead head, UpstreamRequest request, CancellationToken ct)
    {
        _start = _end = 0;
        _over = _filled = HasAnswered = false;
        (_head, _interim) = (new AnswerHead(), 0);
        var body = request.Body;
        var most = head.Measure(request);
        var copied = body.Length <= MaxCopiedBytes ? body.Length : 0;
        if (_buffer.Length < most + copied)
        {
            _buffer = GC.AllocateUninitializedArray<byte>(most + copied);
        }

        var length = head.Write(request, _buffer);
        body.Span[..copied].CopyTo(_buffer.AsSpan(length));
        await stream.WriteAsync(_buffer.AsMemory(0, length + copied), ct);
        if (copied < body.Length)
        {
            await stream.WriteAsync(body, ct);
        }
    }

    /// <summary>
    /// Reads the head as far as it has come. While it is not there: <see cref="ReceiveAsync"/>, then <see cref="TryTake"/>, by whoever
    /// waits for the answer, since one more method that waits is paid for by every call.
    /// </summary>
    /// <returns>Whether the answer has begun.</returns>
    /// <exception cref="FormatException">It is no answer of HTTP/1.1.</exception>
    public bool TryReadHead()
    {
        while (_end > _start && _head.TryRead(_buffer.AsSpan(_start, _end - _start)))
        {
            if (_head.Status >= 200)
            {
                BeginBody();
                return true;
            }

            if (++_interim > MaxInterimAnswers || _head.Status == 101)
            {
                throw new FormatException("Not the answer to a plain request.");
            }

            _start += _head.Bytes;
            _head = new AnswerHead();
        }

        return false;
    }

    /// <summary>Waits for more of the head.</summary>
    /// <returns>For <see cref="TryTake"/>.</returns>
    /// <exception cref="IOException">The connection is broken.</exception>
    public ValueTask<int> ReceiveAsync(CancellationToken ct) => stream.ReadAsync(Room(), ct);

    /// <returns><see langword="false"/> when the connection ended before the first byte of an answer.</returns>
    /// <exception cref="IOException">It ended within the head.</exception>
    public bool TryTake(int received) =>
        Received(received) || (HasAnswered ? throw new IOException("The connection ended within the head.") : false);

    /// <returns>0 at the end of the body, and of nothing else.</returns>
    /// <exception cref="IOException">The body is broken, or ended too early.</exception>
    public ValueTask<int> ReadBodyAsync(Memory<byte> into, CancellationToken ct)
    {
        if (_over || into.IsEmpty)
        {
            return new ValueTask<int>(0);
        }

        var taken = Take(into.Span);
        return taken > 0 || _over ? new ValueTask<int>(taken) : WaitForBodyAsync(into, ct);
    }

    /// <summary>Passes over what has been received of the body.</summary>
    /// <returns>Whether the exchange is over.</returns>
    public bool TrySkip()
    {
        try
        {
            Span<byte> skipped = stackalloc byte[1024];
            while (!_over && Take(skipped) > 0)
            {
            }

            return _over;
        }
        catch (IOException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            stream.Dispose(); // and the socket
            closed();
        }
    }

    private void BeginBody()
    {
        var fields = _buffer.AsSpan(_start, _head.Bytes)[_head.FieldsStart..];
        if (_fields.Length < fields.Length)
        {
            _fields = new byte[Math.Max(512, fields.Length)];
        }

        fields.CopyTo(_fields);
        _fieldBytes = fields.Length;
        _start += _head.Bytes;
        _chunks = default;
        _left = _head.Length;
        _over = _head.End == BodyEnd.Length && _left == 0;
    }

    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    private async ValueTask<int> WaitForBodyAsync(Memory<byte> into, CancellationToken ct)
    {
        while (true)
        {
            var direct = DirectBytes(into.Length);
            if (direct > 0)
            {
                var read = await stream.ReadAsync(into[..direct], ct);
                if (read > 0)
                {
                    Count(read);
                    return read;
                }

                EndAtClose();
                return 0;
            }

            if (!Received(await stream.ReadAsync(Room(), ct)))
            {
                EndAtClose();
                return 0;
            }

            var taken = Take(into.Span);
            if (taken > 0 || _over)
            {
                return taken;
            }
        }
    }

    /// <summary>
    /// How much may be received straight into the caller's memory: data, and nothing of the framing or of what follows the body. The tail
    /// of a body comes through our buffer, where bytes behind it show: those within a stream that deciphers show nowhere else.
    /// </summary>
    private int DirectBytes(int room) => _start < _end ? 0 : _head.End switch
    {
        BodyEnd.Length => _left > _buffer.Length ? (int)Math.Min(room, _left - 1) : 0,
        BodyEnd.Close => room,
        _ => _chunks.Data >= room ? room : 0,
    };

    /// <summary>Takes as much of the body as has been received and there is room for, and the framing behind it.</summary>
    private int Take(Span<byte> into)
    {
        var taken = 0;
        while (_start < _end && !_over)
        {
            if (_head.End == BodyEnd.Chunks && _chunks.Data == 0)
            {
                var framing = _chunks.TakeFraming(_buffer.AsSpan(_start, _end - _start));
                _start += framing;
                _over = _chunks.IsOver;
                if (framing == 0 || _over)
                {
                    break;
                }

                continue;
            }

            var left = _head.End switch { BodyEnd.Length => _left, BodyEnd.Chunks => _chunks.Data, _ => long.MaxValue };
            var count = (int)Math.Min(Math.Min(left, _end - _start), into.Length - taken);
            if (count == 0)
            {
                break;
            }

            _buffer.AsSpan(_start, count).CopyTo(into[taken..]);
            _start += count;
            taken += count;
            Count(count);
        }

        return taken;
    }

    private void Count(int bytes)
    {
        if (_head.End == BodyEnd.Chunks)
        {
            _chunks.TakeData(bytes);
        }
        else if (_head.End == BodyEnd.Length)
        {
            _left -= bytes;
            _over = _left == 0;
        }
    }

    private void EndAtClose()
    {
        _over = _head.End == BodyEnd.Close ? true : throw new IOException("The connection ended within the body.");
    }

    /// <summary>Where the next receipt goes. Receipts have no method of their own: each would wait for another.</summary>
    private Memory<byte> Room()
    {
        if (_start == _end)
        {
            _start = _end = 0;
        }
        else if (_end == _buffer.Length)
        {
            MakeRoom();
        }

        return _buffer.AsMemory(_end);
    }

    /// <returns><see langword="false"/> when the peer has ended the connection.</returns>
    private bool Received(int read)
    {
        _end += read;
        _filled = _end == _buffer.Length && stream is SslStream;
        HasAnswered |= read > 0;
        return read > 0;
    }

    private void MakeRoom()
    {
        var unread = _buffer.AsSpan(_start, _end - _start);
        var to = unread.Length < _buffer.Length / 2 ? _buffer : GC.AllocateUninitializedArray<byte>(_buffer.Length * 2);
        unread.CopyTo(to);
        _buffer = to;
        (_start, _end) = (0, unread.Length);
    }
}
