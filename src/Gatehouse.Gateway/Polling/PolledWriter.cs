using System.Buffers;
using System.IO.Pipelines;

namespace Gatehouse.Gateway.Polling;

/// <summary>
/// What a client gets. A flush sends all in one system call, from where it was written, and is over when the kernel has it: a client that
/// does not read holds its writer back. For one writer at a time; <see cref="CancelPendingFlush"/> from anywhere.
/// </summary>
internal sealed unsafe class PolledWriter : PipeWriter
{
    private const int MaxPieces = 64;

    private readonly PolledSocket _socket;
    private readonly MemoryPool<byte> _memory;
    private readonly FlushWait _wait;
    private MemoryHandle[]? _pins;
    private Block? _head;
    private Block? _tail;
    private Block? _spare;
    private long _unflushed;
    private bool _isLent; // memory that may still be advanced over, also behind a flush
    private bool _isBroken;
    private bool _isCompleted;

    public PolledWriter(PolledSocket socket, MemoryPool<byte> memory)
    {
        _socket = socket;
        _memory = memory;
        _wait = new FlushWait(this);
    }

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unflushed;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_isCompleted)
        {
            throw new InvalidOperationException("The writer has been completed.");
        }

        _isLent = true;
        if (_tail is { } tail && tail.Room >= Math.Max(1, sizeHint))
        {
            return tail.Free;
        }

        var block = _spare ?? new Block();
        _spare = null;
        block.Open(sizeHint <= _memory.MaxBufferSize ? _memory.Rent() : MemoryPool<byte>.Shared.Rent(sizeHint));
        if (_tail is null)
        {
            _head = block;
        }
        else
        {
            _tail.Append(block);
        }

        _tail = block;
        return block.Free;
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        _isLent = false;
        if (bytes > 0)
        {
            _tail!.Fill(bytes);
            _unflushed += bytes;
        }
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => _wait.RunAsync(cancellationToken);

    public override void CancelPendingFlush() => _wait.CancelPending();

    public override void Complete(Exception? exception = null)
    {
        if (!_isCompleted)
        {
            _isCompleted = true;
            _wait.CancelPending();
            if (exception is null)
            {
                TrySend(); // what nobody flushed, as far as it goes at once
            }

            Drop();
        }
    }

    /// <inheritdoc cref="Wait{T}.GoOn"/>
    public void GoOn() => _wait.GoOn();

    /// <returns>Whether nothing is left to be sent: the kernel has it, or there is nobody to send it to.</returns>
    private bool TrySend()
    {
        while (_unflushed > 0 && !_isBroken)
        {
            var sent = _head == _tail ? _socket.Send(_head!.Held) : SendPieces();
            if (sent == PolledSocket.NothingYet)
            {
                return false;
            }

            if (sent == PolledSocket.Failed)
            {
                _isBroken = true; // what comes now goes nowhere
            }
            else
            {
                Sent(sent);
            }
        }

        if (!_isLent)
        {
            Drop();
        }

        return true;
    }

    private int SendPieces()
    {
        var pins = _pins ??= new MemoryHandle[MaxPieces];
        var pieces = stackalloc Libc.Piece[MaxPieces];
        var (count, bytes) = (0, 0);
        for (var block = _head; block is not null && count < MaxPieces; block = block.Following)
        {
            if (block.Filled > 0)
            {
                pins[count] = block.Memory[block.Start..].Pin();
                pieces[count++] = new Libc.Piece { Start = (byte*)pins[count - 1].Pointer, Length = block.Filled };
                bytes += block.Filled;
            }
        }

        try
        {
            return _socket.Send(pieces, count, bytes);
        }
        finally
        {
            foreach (ref var pin in pins.AsSpan(0, count))
            {
                pin.Dispose();
            }
        }
    }

    private void Sent(int bytes)
    {
        _unflushed -= bytes;
        while (bytes > 0)
        {
            var part = Math.Min(bytes, _head!.Filled);
            _head.Start += part;
            bytes -= part;
            if (_head.Filled == 0 && _head != _tail)
            {
                Free();
            }
        }
    }

    private void Drop()
    {
        while (_head is not null)
        {
            Free();
        }

        _tail = null;
        _unflushed = 0;
    }

    private void Free()
    {
        var block = _head!;
        _head = block.Following;
        block.Close();
        _spare = block;
    }

    private sealed class FlushWait(PolledWriter writer) : Wait<FlushResult>
    {
        protected override bool Try(out FlushResult result)
        {
            result = default;
            if (!writer.TrySend())
            {
                return false;
            }

            result = new FlushResult(isCanceled: false, isCompleted: writer._isBroken);
            return true;
        }

        protected override FlushResult Cancelled() => new(isCanceled: true, writer._isBroken);

        protected override bool TryWait() => writer._socket.TryWaitToWrite();

        protected override bool TryStopWaiting() => writer._socket.TryStopWriting();
    }
}
