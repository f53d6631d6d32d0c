using System.Buffers;
using System.IO.Pipelines;

namespace Gatehouse.Gateway.Polling;

/// <summary>
/// What a client sends. Receives when asked, and no more than a block at a time: a reader that does not ask holds its client back. For
/// one reader at a time; <see cref="CancelPendingRead"/> from anywhere.
/// </summary>
internal sealed class PolledReader : PipeReader
{
    /// <summary>Less room than this behind what is unread is left unused.</summary>
    private const int LeastRoom = 512;

    private readonly PolledConnection _connection;
    private readonly PolledSocket _socket;
    private readonly MemoryPool<byte> _memory;
    private readonly ReadWait _wait;
    private Block? _head;
    private Block? _tail;
    private Block? _spare;
    private Exception? _error;
    private bool _hasUnexamined;
    private bool _hasEnded;
    private bool _isCompleted;

    public PolledReader(PolledConnection connection, PolledSocket socket, MemoryPool<byte> memory)
    {
        _connection = connection;
        _socket = socket;
        _memory = memory;
        _wait = new ReadWait(this);
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfCompleted();
        return _wait.RunAsync(cancellationToken);
    }

    /// <returns><see langword="false"/> when nothing has come that was not examined.</returns>
    public override bool TryRead(out ReadResult result)
    {
        ThrowIfCompleted();
        return _wait.TryNow(out result);
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_tail is null || consumed.GetObject() is not Block to)
        {
            return;
        }

        _hasUnexamined = examined.GetObject() != _tail || examined.GetInteger() != _tail.End;
        while (_head != to)
        {
            Free();
        }

        _head.Start = consumed.GetInteger();
        if (_head == _tail && _head.Filled == 0)
        {
            Free();
            _tail = null;
        }
    }

    public override void CancelPendingRead() => _wait.CancelPending();

    public override void Complete(Exception? exception = null)
    {
        if (!_isCompleted)
        {
            _isCompleted = true;
            _wait.CancelPending();
            while (_head is not null)
            {
                Free();
            }

            _tail = null;
        }
    }

    /// <inheritdoc cref="Wait{T}.GoOn"/>
    public void GoOn() => _wait.GoOn();

    /// <returns>Whether there is something to tell: bytes, or the end.</returns>
    private bool TryFill()
    {
        var block = _tail is { Room: >= LeastRoom } tail ? tail : Open();
        var count = _socket.Receive(block.Free.Span);
        if (count > 0)
        {
            block.Fill(count);
            if (_tail != block)
            {
                _tail?.Append(block);
                _tail = block;
                _head ??= block;
            }

            return true;
        }

        if (block != _tail)
        {
            block.Close();
            _spare = block;
        }

        if (count == PolledSocket.NothingYet)
        {
            return false;
        }

        _hasEnded = true;
        _error = _connection.InputEnded(isBroken: count == PolledSocket.Failed);
        return true;
    }

    private ReadResult Result(bool isCancelled) => new(
        _head is null ? default : new ReadOnlySequence<byte>(_head, _head.Start, _tail!, _tail!.End), isCancelled, _hasEnded);

    private Block Open()
    {
        var block = _spare ?? new Block();
        _spare = null;
        block.Open(_memory.Rent());
        return block;
    }

    private void Free()
    {
        var block = _head!;
        _head = block.Following;
        block.Close();
        _spare = block;
    }

    private void ThrowIfCompleted()
    {
        if (_isCompleted)
        {
            throw new InvalidOperationException("The reader has been completed.");
        }
    }

    private sealed class ReadWait(PolledReader reader) : Wait<ReadResult>
    {
        protected override bool Try(out ReadResult result)
        {
            if (!reader._hasUnexamined && !reader._hasEnded && !(reader._socket.IsReadable && reader.TryFill()))
            {
                result = default;
                return false;
            }

            result = reader._error is null ? reader.Result(isCancelled: false) : throw reader._error;
            return true;
        }

        protected override ReadResult Cancelled() => reader.Result(isCancelled: true);

        protected override bool TryWait() => reader._socket.TryWaitToRead();

        protected override bool TryStopWaiting() => reader._socket.TryStopReading();
    }
}
