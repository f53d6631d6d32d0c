using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Gateway.Polling;

/// <summary>
/// Accepts clients. One that cannot be accepted for want of descriptors (<see cref="Descriptors"/>) or memory waits in the kernel's queue.
/// </summary>
internal sealed partial class PolledListener : IConnectionListener
{
    private static readonly TimeSpan Exhausted = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Between a proxy's wish to connect, which the kernel has answered, and what it says to that. Not longer: whoever wishes to connect
    /// meanwhile loses a second.
    /// </summary>
    private static readonly TimeSpan Travelling = TimeSpan.FromMilliseconds(10);

    private readonly Socket _socket; // kept, since its end would close the handle
    private readonly ListeningSocket _polled;
    private readonly MemoryPool<byte> _memory;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private bool _isFull; // as many clients as there may be
    private bool _isSaid; // once
    private volatile bool _mayBeUnderWay; // to a listener that hears nobody new
    private bool _isClosed;

    /// <param name="socket">Listens already.</param>
    public PolledListener(Socket socket, MemoryPool<byte> memory, TimeProvider clock, ILogger log)
    {
        _socket = socket;
        _memory = memory;
        _clock = clock;
        _log = log;
        socket.Blocking = false;
        socket.NoDelay = true; // and with it those that it accepts
        EndPoint = socket.LocalEndPoint!;
        _polled = new ListeningSocket(socket.SafeHandle, Pollers.Next()); // the one handle there is: who accepts keeps it open
        _polled.Poller.Watch(_polled);
    }

    public EndPoint EndPoint { get; }

    internal SafeHandle Handle => _polled.Handle;

    /// <returns><see langword="null"/> once the listener is unbound and everybody who had connected by then is accepted.</returns>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (!Volatile.Read(ref _isClosed))
        {
            if (_isFull && IsFull())
            {
                if (_polled.IsEnding)
                {
                    break;
                }

                if (!_isSaid)
                {
                    _isSaid = true;
                    Full(Descriptors.Limit, Descriptors.Mend);
                }

                await Task.Delay(Exhausted, _clock, cancellationToken);
                continue;
            }

            var (descriptor, remote) = await _polled.Wait.RunAsync(cancellationToken);
            if (descriptor == AcceptWait.Closed)
            {
                if (!_mayBeUnderWay)
                {
                    break;
                }

                _mayBeUnderWay = false;
                await Task.Delay(Travelling, _clock, cancellationToken);
                continue;
            }

            if (descriptor == AcceptWait.Again)
            {
                continue;
            }

            if (descriptor == AcceptWait.Refused)
            {
                if (_polled.IsEnding)
                {
                    break;
                }

                await Task.Delay(Exhausted, _clock, cancellationToken);
                continue;
            }

            _isFull = descriptor >= Descriptors.OfClients;
            var connection = new PolledConnection(
                new SocketHandle(descriptor), Pollers.Next(), _memory, EndPoint, remote!, _clock);
            try
            {
                connection.Begin();
                return connection;
            }
            catch (SocketException)
            {
                await connection.DisposeAsync();
                await Task.Delay(Exhausted, _clock, cancellationToken);
            }
        }

        Close();
        return null;
    }

    /// <summary>
    /// Whoever accepts takes those who are connected already, who may have sent their requests, and closes the listener behind them. None
    /// comes between the last of them and the end, who would be reset with the request that it had sent.
    /// </summary>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _mayBeUnderWay = _polled.TryTurnDeaf();
        _polled.IsEnding = true;
        _polled.Wait.CancelPending();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        Close();
        _memory.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Close()
    {
        if (!Interlocked.Exchange(ref _isClosed, true))
        {
            _polled.Wait.CancelPending();
            _polled.Dispose();
            GC.KeepAlive(_socket); // closed with its handle, as soon as nobody accepts; its own disposal would wait for that
        }
    }

    private bool IsFull()
    {
        try
        {
            return _isFull = !Descriptors.AreLeft(Handle);
        }
        catch (ObjectDisposedException)
        {
            return false; // unbound meanwhile
        }
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "Clients wait to be accepted: of {Limit} files and sockets that may be open, all for clients are. {Mend}")]
    private partial void Full(int limit, string mend);

    private sealed class ListeningSocket : PolledSocket
    {
        private volatile bool _isEnding;

        public ListeningSocket(SafeHandle handle, Poller poller)
            : base(handle, poller)
        {
            Wait = new AcceptWait(this);
        }

        public AcceptWait Wait { get; }

        /// <summary>Nobody waits for clients any longer.</summary>
        public bool IsEnding { get => _isEnding; set => _isEnding = value; }

        protected override void OnReadable() => Wait.GoOn();

        protected override void OnWritable()
        {
        }
    }

    private sealed unsafe class AcceptWait(ListeningSocket listener) : Wait<(int Descriptor, EndPoint? Remote)>
    {
        public const int Closed = -1;
        public const int Refused = -2;
        public const int Again = -3;

        private const int MostAddressBytes = 28; // IPv6

        protected override bool Try(out (int Descriptor, EndPoint? Remote) result)
        {
            var address = stackalloc byte[MostAddressBytes];
            while (true)
            {
                var bytes = MostAddressBytes;
                int descriptor;
                try
                {
                    descriptor = listener.Accept(address, &bytes);
                }
                catch (ObjectDisposedException)
                {
                    result = (Closed, null); // unbound meanwhile
                    return true;
                }

                if (descriptor >= 0)
                {
                    result = (descriptor, Remote(new ReadOnlySpan<byte>(address, bytes)));
                    return true;
                }

                var error = Marshal.GetLastPInvokeError();
                if (error == Libc.WouldBlock)
                {
                    result = (Closed, null);
                    return listener.IsEnding;
                }

                if (error is not (Libc.Interrupted or Libc.ConnectionAborted))
                {
                    result = (error is Libc.BadDescriptor or Libc.Invalid ? Closed : Refused, null);
                    return true;
                }
            }
        }

        protected override (int Descriptor, EndPoint? Remote) Cancelled() => (Again, null);

        private static EndPoint Remote(ReadOnlySpan<byte> address)
        {
            var any = address[0] == Libc.Ipv6 ? new IPEndPoint(IPAddress.IPv6Any, 0) : new IPEndPoint(IPAddress.Any, 0);
            var socketAddress = new SocketAddress(any.AddressFamily, address.Length);
            address.CopyTo(socketAddress.Buffer.Span);
            return any.Create(socketAddress);
        }

        protected override bool TryWait() => listener.TryWaitToRead();

        protected override bool TryStopWaiting() => listener.TryStopReading();
    }
}
