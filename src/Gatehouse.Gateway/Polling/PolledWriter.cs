using System.Buffers;
using System.IO.Pipelines;

namespace Gatehouse.Gateway.Polling;

/// <summary>
/// What a client gets, from where it was written. For one writer at a time; <see cref="CancelPendingFlush"/> from anywhere.
/// <list type="number">
/// <item>A flush on the poller's thread is over at once and sent at the end of the poller's turn, with what is flushed until then, in one
/// system call. Any other is sent at once.</item>
/// <item>Nothing is sent that was not flushed, and memory that is being written stays its writer's, whatever the poller sends
/// meanwhile.</item>
/// <item>What the kernel does not take is sent when it has room; flushes wait for that, so a client that does not read holds its writer
/// back.</item>
/// <item>What was flushed is sent also behind <see cref="Complete"/>: <see cref="SentAsync"/> tells when.</item>
/// </list>
/// </summary>
internal sealed unsafe class PolledWriter : PipeWriter, ISender
{
    /// <summary>Bytes that may wait for the end of a turn; more is sent at once.</summary>
    private const int MostLater = 32 * 1024;

    private const int MaxPieces = 64;

    private readonly PolledSocket _socket;
    private readonly MemoryPool<byte> _memory;
    private readonly Lock _lock = new(); // the writer against the poller, which sends behind its back
    private TaskCompletionSource<FlushResult>? _sent; // waited for: by a flush without room, or by the end of the connection
    private MemoryHandle[]? _pins;
    private Block? _head;
    private Block? _tail;
    private Block? _spare;
    private long _flushed; // and not yet sent
    private long _unflushed; // behind it
    private Sender _sender;
    private bool _isCancelled; // the next flush
    private bool _isLent; // memory that may still be advanced over, also behind a flush
    private bool _isBroken;
    private bool _isCompleted;

    public PolledWriter(PolledSocket socket, MemoryPool<byte> memory)
    {
        _socket = socket;
        _memory = memory;
    }

    /// <summary>Who sends what was flushed.</summary>
    private enum Sender
    {
        /// <summary>All is sent.</summary>
        Nobody,

        /// <summary>The poller, at the end of its turn.</summary>
        Turn,

        /// <summary>The poller, when the kernel has room.</summary>
        Room,
    }

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes
    {
        get
        {
            lock (_lock)
            {
                return _unflushed;
            }
        }
    }

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        lock (_lock)
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
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        lock (_lock)
        {
            _isLent = false;
            if (bytes > 0)
            {
                _tail!.Fill(bytes);
                _unflushed += bytes;
            }
        }
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<FlushResult>(cancellationToken);
        }

        lock (_lock)
        {
            if (_isCancelled)
            {
                _isCancelled = false;
                return new(Result(isCancelled: true));
            }

            (_flushed, _unflushed) = (_flushed + _unflushed, 0);
            if (_sender != Sender.Room && !TrySendLater())
            {
                Send();
            }

            return _sender != Sender.Room ? new(Result()) : new(WaitAsync().WaitAsync(cancellationToken));
        }
    }

    public override void CancelPendingFlush()
    {
        lock (_lock)
        {
            if (_sent is null)
            {
                _isCancelled = true;
            }
            else if (!_isCompleted)
            {
                EndWait(isCancelled: true);
            }
        }
    }

    public override void Complete(Exception? exception = null)
    {
        lock (_lock)
        {
            if (_isCompleted)
            {
                return;
            }

            _isCompleted = true;
            (_flushed, _unflushed) = (exception is null ? _flushed + _unflushed : _flushed, 0);
            if (_sender == Sender.Nobody)
            {
                Send(); // what nobody flushed
            }

            EndWait(isCancelled: true);
        }
    }

    /// <summary>Everything that was flushed has been sent, or never will be.</summary>
    public Task SentAsync()
    {
        lock (_lock)
        {
            return _sender == Sender.Nobody ? Task.CompletedTask : WaitAsync();
        }
    }

    /// <summary>The connection is about to be cut off: what was flushed in this turn goes before.</summary>
    public void SendNow()
    {
        lock (_lock)
        {
            if (_sender == Sender.Turn)
            {
                Send();
            }
        }
    }

    /// <summary>Nothing more is sent.</summary>
    public void Abandon()
    {
        lock (_lock)
        {
            _isBroken = true;
            Drop();
        }
    }

    /// <inheritdoc/>
    public void GoOn()
    {
        lock (_lock)
        {
            if (_sender != Sender.Nobody) // else it was sent since, by who could not wait for the turn's end
            {
                Send();
            }
        }
    }

    private FlushResult Result(bool isCancelled = false) => new(isCancelled, _isBroken);

    private bool TrySendLater()
    {
        if (_flushed is 0 or > MostLater || _socket.Later is not { } poller)
        {
            return false;
        }

        if (_sender == Sender.Nobody)
        {
            _sender = Sender.Turn;
            poller.SendLater(this);
        }

        return true;
    }

    /// <summary>Sends what was flushed; what does not go waits for room.</summary>
    private void Send()
    {
        _sender = Sender.Nobody;
        while (!TrySend())
        {
            _sender = Sender.Room;
            if (_socket.TryWaitToWrite())
            {
                return;
            }
        }

        _sender = Sender.Nobody;
        EndWait();
    }

    private Task<FlushResult> WaitAsync() =>
        (_sent ??= new TaskCompletionSource<FlushResult>(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    private void EndWait(bool isCancelled = false)
    {
        _sent?.SetResult(Result(isCancelled));
        _sent = null;
    }

    /// <returns>Whether nothing is left to be sent: the kernel has it, or there is nobody to send it to.</returns>
    private bool TrySend()
    {
        while (_flushed > 0 && !_isBroken)
        {
            var sent = _head!.Filled >= _flushed ? _socket.Send(_head.Held[..(int)_flushed]) : SendPieces();
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

        _flushed = 0;
        if (_isCompleted || (_unflushed == 0 && !_isLent))
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
        for (var block = _head; block is not null && count < MaxPieces && bytes < _flushed; block = block.Following)
        {
            if (block.Filled > 0)
            {
                var length = (int)Math.Min(block.Filled, _flushed - bytes);
                pins[count] = block.Memory[block.Start..].Pin();
                pieces[count++] = new Libc.Piece { Start = (byte*)pins[count - 1].Pointer, Length = length };
                bytes += length;
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
        _flushed -= bytes;
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
        _flushed = _unflushed = 0;
    }

    private void Free()
    {
        var block = _head!;
        _head = block.Following;
        block.Close();
        _spare = block;
    }
}
