using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;
using Gatehouse.Gateway.Scheduling;

namespace Gatehouse.Gateway.Polling;

/// <summary>A connection of ours to another server, as a stream: one read and one write at a time.</summary>
internal sealed class PolledStream : Stream
{
    private readonly Line _socket;

    private PolledStream(Line socket)
    {
        _socket = socket;
    }

    public Poller Poller => _socket.Poller;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Connects to the first of the addresses that takes the connection.</summary>
    /// <exception cref="SocketException">None does; of the last.</exception>
    public static async ValueTask<PolledStream> ConnectAsync(IPAddress[] addresses, int port, CancellationToken ct)
    {
        for (var i = 0; ; i++)
        {
            var socket = new Line(Line.Open(addresses[i].AddressFamily), Pollers.Here);
            try
            {
                socket.Connect(new IPEndPoint(addresses[i], port));
                socket.Poller.Watch(socket);
                await socket.Writing.ConnectedAsync(ct);
                return new PolledStream(socket);
            }
            catch (SocketException) when (i + 1 < addresses.Length)
            {
                socket.Dispose();
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }

    /// <inheritdoc cref="PolledSocket.HasInput"/>
    public bool HasInput() => _socket.HasInput();

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _socket.Reading.ReadAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        return _socket.Writing.WriteAsync(buffer, cancellationToken);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Nothing may block here.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Nothing may block here.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _socket.ShutDown(reset: false);
            _socket.Dispose();
            _socket.Reading.CancelPending();
            _socket.Writing.CancelPending();
        }

        base.Dispose(disposing);
    }

    private sealed unsafe class Line : PolledSocket
    {
        public Line(SocketHandle handle, Poller poller)
            : base(handle, poller)
        {
            Reading = new ReadWait(this);
            Writing = new WriteWait(this);
        }

        public ReadWait Reading { get; }

        public WriteWait Writing { get; }

        public static SocketHandle Open(AddressFamily family)
        {
            var descriptor = Libc.CreateSocket(
                family == AddressFamily.InterNetworkV6 ? Libc.Ipv6 : Libc.Ipv4,
                Libc.Stream | Libc.NonBlocking | Libc.CloseOnExec,
                Libc.Tcp);
            if (descriptor < 0)
            {
                throw Libc.Failure(Marshal.GetLastPInvokeError());
            }

            var handle = new SocketHandle(descriptor);
            if (descriptor >= Descriptors.OfCalls)
            {
                handle.Dispose();
                throw Libc.Failure(Libc.TooManyFilesOfOurs);
            }

            var yes = 1;
            _ = Libc.SetOption(handle, Libc.Tcp, Libc.NoDelay, &yes, sizeof(int));
            return handle;
        }

        /// <summary>The first event tells when it is over.</summary>
        public void Connect(IPEndPoint to)
        {
            var address = to.Serialize();
            int result;
            fixed (byte* start = address.Buffer.Span)
            {
                result = Libc.Connect(Handle, start, address.Size);
            }

            if (result != 0 && Marshal.GetLastPInvokeError() is var error and not (Libc.InProgress or Libc.Interrupted))
            {
                throw Libc.Failure(error);
            }
        }

        public int PendingError()
        {
            var (error, bytes) = (0, sizeof(int));
            return Libc.GetOption(Handle, Libc.SocketLevel, Libc.PendingError, &error, &bytes) == 0 ? error : Marshal.GetLastPInvokeError();
        }

        protected override void OnReadable() => Reading.GoOn();

        protected override void OnWritable() => Writing.GoOn();
    }

    private sealed class ReadWait(Line socket) : Wait<int>
    {
        private Memory<byte> _into;

        public ValueTask<int> ReadAsync(Memory<byte> into, CancellationToken ct)
        {
            _into = into;
            return RunAsync(ct);
        }

        protected override bool Try(out int result)
        {
            result = socket.IsReadable ? socket.Receive(_into.Span) : PolledSocket.NothingYet;
            if (result == PolledSocket.NothingYet)
            {
                return false;
            }

            _into = default;
            return result >= 0 ? true : throw Broken();
        }

        protected override int Cancelled()
        {
            _into = default;
            return 0;
        }

        protected override bool TryWait() => socket.TryWaitToRead();

        protected override bool TryStopWaiting() => socket.TryStopReading();
    }

    private sealed class WriteWait(Line socket) : Wait<bool>, IValueTaskSource
    {
        private ReadOnlyMemory<byte> _from;
        private bool _isConnecting;

        [AsyncMethodBuilder(typeof(KeptStateBuilder))]
        public async ValueTask ConnectedAsync(CancellationToken ct)
        {
            _isConnecting = true;
            await RunAsync(ct);
            _isConnecting = false;
            if (socket.PendingError() is var error and not 0)
            {
                throw Libc.Failure(error);
            }
        }

        public ValueTask WriteAsync(ReadOnlyMemory<byte> from, CancellationToken ct)
        {
            _from = from;
            var written = RunAsync(ct);
            if (!written.IsCompleted)
            {
                return new ValueTask(this, Version);
            }

            return !written.IsCompletedSuccessfully ? new ValueTask(written.AsTask()) : written.Result ? default : throw Broken();
        }

        void IValueTaskSource.GetResult(short token)
        {
            if (!GetResult(token))
            {
                throw Broken();
            }
        }

        protected override bool Try(out bool result)
        {
            result = true;
            if (_isConnecting)
            {
                return socket.IsWritable;
            }

            while (_from.Length > 0)
            {
                var sent = socket.Send(_from.Span);
                if (sent == PolledSocket.NothingYet)
                {
                    return false;
                }

                if (sent == PolledSocket.Failed)
                {
                    _from = default;
                    throw Broken();
                }

                _from = _from[sent..];
            }

            _from = default;
            return true;
        }

        protected override bool Cancelled()
        {
            _from = default;
            return false;
        }

        protected override Poller? Later => _isConnecting ? null : socket.Later;

        protected override bool TryWait() => socket.TryWaitToWrite();

        protected override bool TryStopWaiting() => socket.TryStopWriting();
    }

    private static IOException Broken() => new("The connection is broken.");
}
