using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gatehouse.Gateway.Providers.Simulator;

/// <summary>How a body ends.</summary>
internal enum SimulatorEnd
{
    Complete,

    /// <summary>The connection breaks: reading on throws.</summary>
    Broken,

    /// <summary>Nothing more comes, and no end either: only cancellation ends the reading.</summary>
    Stall,
}

/// <summary>
/// A body whose bytes arrive over time. It is filled before anyone reads; a read gives what has arrived by then, or waits for the next
/// bytes by the clock. Nothing runs while nobody reads, so a body that is let go leaves nothing behind.
/// </summary>
internal sealed class SimulatorBody(TimeProvider clock) : Stream
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly ArrayBufferWriter<byte> _bytes = new(1024);
    private readonly List<(int End, TimeSpan At)> _waits = []; // bytes from End on arrive no earlier than At
    private int _split = int.MaxValue;
    private long? _opened; // at the first read
    private TimeSpan _at;
    private SimulatorEnd _end;
    private int _read;
    private int _passed; // waits that are over

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => _read;
        set => throw new NotSupportedException();
    }

    /// <summary>What is written from here on arrives that much later.</summary>
    public void Wait(TimeSpan time)
    {
        if (time > TimeSpan.Zero)
        {
            _at += time;
            _waits.Add((_bytes.WrittenCount, _at));
        }
    }

    /// <summary>What is written from here on comes with another read than what was before, as it does over a network. Once.</summary>
    public void Split() => _split = _bytes.WrittenCount;

    public void Bytes(ReadOnlySpan<byte> bytes) => _bytes.Write(bytes);

    public void Json(Action<Utf8JsonWriter> write)
    {
        using var json = new Utf8JsonWriter(_bytes, Relaxed);
        write(json);
    }

    /// <summary>A server-sent event with JSON as its data.</summary>
    public void Event(Action<Utf8JsonWriter> write)
    {
        _bytes.Write("data: "u8);
        using (var json = new Utf8JsonWriter(_bytes, Relaxed))
        {
            write(json);
        }

        _bytes.Write("\n\n"u8);
    }

    public void End(SimulatorEnd end) => _end = end;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (buffer.IsEmpty)
        {
            return 0;
        }

        var opened = _opened ??= clock.GetTimestamp();
        while (true)
        {
            var arrived = Arrived(clock.GetElapsedTime(opened));
            if (arrived > _read)
            {
                var until = _read < _split ? Math.Min(arrived, _split) : arrived;
                var count = Math.Min(buffer.Length, until - _read);
                _bytes.WrittenSpan.Slice(_read, count).CopyTo(buffer.Span);
                _read += count;
                return count;
            }

            if (_passed < _waits.Count)
            {
                await Task.Delay(Later(_waits[_passed].At - clock.GetElapsedTime(opened)), clock, cancellationToken);
                continue;
            }

            switch (_end)
            {
                case SimulatorEnd.Broken:
                    throw new IOException("The simulator was told to break the connection.");
                case SimulatorEnd.Stall:
                    await Task.Delay(Timeout.InfiniteTimeSpan, clock, cancellationToken);
                    break;
                default:
                    return 0;
            }
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>Timers count whole milliseconds, and one of nothing would spin.</summary>
    private static TimeSpan Later(TimeSpan time) => time < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : time;

    private int Arrived(TimeSpan time)
    {
        while (_passed < _waits.Count && time >= _waits[_passed].At)
        {
            _passed++;
        }

        return _passed < _waits.Count ? _waits[_passed].End : _bytes.WrittenCount;
    }
}
