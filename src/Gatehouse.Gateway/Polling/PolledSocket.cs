using System.Runtime.InteropServices;

namespace Gatehouse.Gateway.Polling;

/// <summary>
/// A non-blocking socket under a <see cref="Poller"/>. For each way it is one of:
/// <code>
/// Idle ──event──► Ready          Ready ──Receive, Send, Accept──► Idle, then the system call, which may make it Ready again
/// Idle ──TryWait──► Waiting      Waiting ──event──► Ready, and OnReadable or OnWritable runs
///                                Waiting ──TryStopWaiting──► Idle
/// </code>
/// <list type="number">
/// <item>Whoever takes it out of Waiting, and nobody else, completes what waits.</item>
/// <item>It leaves Ready before the system call, so that what arrives behind its back makes it Ready again: nothing is missed.</item>
/// <item>A receipt shorter than its room has emptied the socket, unless the peer has closed: then the end is still to be received.</item>
/// </list>
/// </summary>
internal abstract unsafe class PolledSocket(SafeHandle handle, Poller poller) : IDisposable
{
    public const int Failed = -1;
    public const int NothingYet = -2;

    /// <summary>So many receipts in a row, then others have their turn: a sender that is faster than we are would keep us.</summary>
    private const int MaxInARow = 16;

    private const int Idle = 0;
    private const int Ready = 1;
    private const int Waiting = 2;

    private readonly Lock _lock = new(); // shutdown and close; the descriptor may be another's afterwards
    private int _reading;
    private int _writing;
    private int _inARow;
    private volatile bool _hungUp; // the peer has sent its end, or the connection is broken; there may be bytes before the end
    private bool _closed;

    /// <summary>Of a descriptor that no other handle closes: a system call holds it open.</summary>
    public SafeHandle Handle { get; } = handle;

    public Poller Poller { get; } = poller;

    /// <summary>The poller's.</summary>
    public ulong Token { get; set; }

    public bool IsReadable => Volatile.Read(ref _reading) == Ready;

    public bool IsWritable => Volatile.Read(ref _writing) == Ready;

    /// <summary>
    /// Who sends at the end of its turn what is to be sent now; <see langword="null"/> on other threads, and while there is no room.
    /// </summary>
    public Poller? Later => Poller.Current == Poller && IsWritable ? Poller : null;

    /// <summary>To be called before the socket is watched, by whoever can write to it at once.</summary>
    public void MayWrite() => _writing = Ready;

    /// <summary>An event; on the poller's thread.</summary>
    public void Happened(uint events)
    {
        const uint Broken = Libc.Error | Libc.HungUp;
        var hungUp = (events & (Broken | Libc.PeerClosed)) != 0;
        if (hungUp)
        {
            _hungUp = true;
        }

        _inARow = 0;
        if ((events & (Libc.In | Libc.PeerClosed | Broken)) != 0 && Awakes(ref _reading))
        {
            OnReadable();
        }

        if ((events & (Libc.Out | Broken)) != 0 && Volatile.Read(ref _writing) != Ready && Awakes(ref _writing))
        {
            OnWritable();
        }

        if (hungUp)
        {
            OnHungUp();
        }
    }

    /// <returns>Bytes, 0 at the end, <see cref="NothingYet"/> or <see cref="Failed"/>.</returns>
    public int Receive(Span<byte> into)
    {
        Interlocked.Exchange(ref _reading, Idle);
        if (++_inARow > MaxInARow && Poller.Current == Poller)
        {
            _inARow = 0;
            Poller.GiveWay(this);
            return NothingYet;
        }

        var count = Receive(into, 0);
        if (count == into.Length || (_hungUp ? count != NothingYet : count is 0 or Failed))
        {
            Volatile.Write(ref _reading, Ready);
        }

        return count;
    }

    /// <summary>Takes a client of a listening socket.</summary>
    /// <returns>Its descriptor, or -1 with the error at hand.</returns>
    public int Accept(byte* address, int* addressBytes)
    {
        Interlocked.Exchange(ref _reading, Idle);
        var descriptor = Libc.Accept(Handle, address, addressBytes, Libc.NonBlocking | Libc.CloseOnExec);
        if (descriptor >= 0)
        {
            Volatile.Write(ref _reading, Ready);
        }

        return descriptor;
    }

    /// <summary>
    /// A listening socket no longer hears who wants to connect: they ask again a second later, and are refused if it is closed by then.
    /// Whoever the kernel has answered already comes through.
    /// </summary>
    /// <returns><see langword="false"/> when the kernel cannot do so.</returns>
    public bool TryTurnDeaf()
    {
        const ushort LoadByte = 0x30;
        const ushort JumpIfAnySet = 0x45;
        const ushort Return = 0x06;
        const uint Flags = 13; // its place in the header of TCP, where what the filter sees begins
        const uint Synchronise = 2;
        var steps = stackalloc Libc.FilterStep[]
        {
            new(LoadByte, 0, 0, Flags), new(JumpIfAnySet, 0, 1, Synchronise), new(Return, 0, 0, 0), new(Return, 0, 0, uint.MaxValue),
        };
        var filter = new Libc.Filter { Count = 4, Steps = steps };
        lock (_lock)
        {
            return !_closed && Libc.SetOption(Handle, Libc.SocketLevel, Libc.AttachFilter, &filter, sizeof(Libc.Filter)) == 0;
        }
    }

    /// <returns>Whether bytes or an end are there to be received.</returns>
    public bool HasInput()
    {
        Span<byte> seen = stackalloc byte[1];
        return Receive(seen, Libc.Peek) != NothingYet;
    }

    /// <returns>Bytes, <see cref="NothingYet"/> when there is no room, or <see cref="Failed"/>.</returns>
    public int Send(ReadOnlySpan<byte> from)
    {
        fixed (byte* start = from)
        {
            var piece = new Libc.Piece { Start = start, Length = from.Length };
            return Send(&piece, 1, from.Length);
        }
    }

    /// <inheritdoc cref="Send(ReadOnlySpan{byte})"/>
    /// <param name="bytes">Of all pieces.</param>
    public int Send(Libc.Piece* pieces, int count, int bytes)
    {
        Interlocked.Exchange(ref _writing, Idle);
        var message = new Libc.MessageHead { Pieces = pieces, Count = count };
        nint sent;
        do
        {
            try
            {
                sent = count == 1
                    ? Libc.Send(Handle, pieces->Start, pieces->Length, Libc.NoSignal)
                    : Libc.SendPieces(Handle, &message, Libc.NoSignal);
            }
            catch (ObjectDisposedException)
            {
                return Failed;
            }
        }
        while (sent < 0 && Marshal.GetLastPInvokeError() == Libc.Interrupted);

        if (sent == bytes)
        {
            Volatile.Write(ref _writing, Ready);
        }

        return sent >= 0 ? (int)sent : Marshal.GetLastPInvokeError() == Libc.WouldBlock ? NothingYet : Failed;
    }

    /// <returns><see langword="false"/> when it has become ready meanwhile: try again.</returns>
    public bool TryWaitToRead() => Interlocked.CompareExchange(ref _reading, Waiting, Idle) == Idle;

    /// <inheritdoc cref="TryWaitToRead"/>
    public bool TryWaitToWrite() => Interlocked.CompareExchange(ref _writing, Waiting, Idle) == Idle;

    /// <returns>Whether somebody waited, and is to be completed by the caller.</returns>
    public bool TryStopReading() => Interlocked.CompareExchange(ref _reading, Idle, Waiting) == Waiting;

    /// <inheritdoc cref="TryStopReading"/>
    public bool TryStopWriting() => Interlocked.CompareExchange(ref _writing, Idle, Waiting) == Waiting;

    /// <summary>Ends both ways; who waits is woken by the event that follows.</summary>
    /// <param name="reset">The peer shall see a reset, and what was not sent is dropped.</param>
    public void ShutDown(bool reset)
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            if (reset)
            {
                var linger = stackalloc int[] { 1, 0 };
                _ = Libc.SetOption(Handle, Libc.SocketLevel, Libc.Linger, linger, 2 * sizeof(int));
            }

            _ = Libc.ShutDown(Handle, Libc.BothWays);
        }
    }

    /// <summary>The end has come, and nothing before it is still to be received.</summary>
    public bool IsOver()
    {
        var unread = 0;
        lock (_lock)
        {
            return _hungUp && (_closed || Libc.Control(Handle, Libc.UnreadBytes, &unread) != 0 || unread == 0);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
        }

        Poller.Forget(this);
        Handle.Dispose();
    }

    /// <summary>Somebody waited to read and may. On the poller's thread.</summary>
    protected abstract void OnReadable();

    /// <summary>Somebody waited to write and may. On the poller's thread.</summary>
    protected abstract void OnWritable();

    /// <summary>After the others. On the poller's thread.</summary>
    protected virtual void OnHungUp()
    {
    }

    private int Receive(Span<byte> into, int flags)
    {
        fixed (byte* start = into)
        {
            nint count;
            do
            {
                try
                {
                    count = Libc.Receive(Handle, start, into.Length, flags);
                }
                catch (ObjectDisposedException)
                {
                    return Failed;
                }
            }
            while (count < 0 && Marshal.GetLastPInvokeError() == Libc.Interrupted);

            return count >= 0 ? (int)count : Marshal.GetLastPInvokeError() == Libc.WouldBlock ? NothingYet : Failed;
        }
    }

    private static bool Awakes(ref int state)
    {
        while (true)
        {
            var seen = Volatile.Read(ref state);
            if (seen == Waiting)
            {
                if (Interlocked.CompareExchange(ref state, Ready, Waiting) == Waiting)
                {
                    return true;
                }
            }
            else if (seen == Ready || Interlocked.CompareExchange(ref state, Ready, Idle) == Idle)
            {
                return false;
            }
        }
    }
}
