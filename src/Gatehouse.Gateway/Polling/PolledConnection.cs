using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Gatehouse.Gateway.Polling;

/// <summary>A client's connection, as the server below HTTP wants it.</summary>
internal sealed class PolledConnection : ConnectionContext,
    IConnectionIdFeature, IConnectionTransportFeature, IConnectionItemsFeature, IMemoryPoolFeature, IConnectionLifetimeFeature,
    IConnectionEndPointFeature, IDuplexPipe
{
    /// <summary>How long a client whose connection is closed may take for what it was sent last.</summary>
    private static readonly TimeSpan MostSending = TimeSpan.FromSeconds(30);

    private static long _lastId;

    private readonly ClientSocket _socket;
    private readonly PolledReader _input;
    private readonly PolledWriter _output;
    private readonly CancellationTokenSource _closed = new();
    private readonly TimeProvider _clock;
    private ConnectionAbortedException? _abortReason;
    private int _isClosed;

    public PolledConnection(
        SocketHandle handle, Poller poller, MemoryPool<byte> memory, EndPoint local, EndPoint remote, TimeProvider clock)
    {
        _clock = clock;
        MemoryPool = memory;
        LocalEndPoint = local;
        RemoteEndPoint = remote;
        ConnectionClosed = _closed.Token;
        Transport = this;
        _socket = new ClientSocket(handle, poller, this);
        _input = new PolledReader(this, _socket, memory);
        _output = new PolledWriter(_socket, memory);
        Features = new FeatureCollection(8);
        Features.Set<IConnectionIdFeature>(this);
        Features.Set<IConnectionTransportFeature>(this);
        Features.Set<IConnectionItemsFeature>(this);
        Features.Set<IMemoryPoolFeature>(this);
        Features.Set<IConnectionLifetimeFeature>(this);
        Features.Set<IConnectionEndPointFeature>(this);
    }

    public override string ConnectionId
    {
        get => field ??= Interlocked.Increment(ref _lastId).ToString("X13", CultureInfo.InvariantCulture);
        set;
    }

    public override IFeatureCollection Features { get; }

    public override IDictionary<object, object?> Items { get; set; } = new ConnectionItems();

    public override IDuplexPipe Transport { get; set; }

    public override CancellationToken ConnectionClosed { get; set; }

    public override EndPoint? LocalEndPoint { get; set; }

    public override EndPoint? RemoteEndPoint { get; set; }

    public MemoryPool<byte> MemoryPool { get; }

    PipeReader IDuplexPipe.Input => _input;

    PipeWriter IDuplexPipe.Output => _output;

    /// <exception cref="SocketException">The kernel refuses.</exception>
    public void Begin()
    {
        _socket.MayWrite();
        _socket.Poller.Watch(_socket);
    }

    public override void Abort() => Abort(new ConnectionAbortedException());

    public override void Abort(ConnectionAbortedException abortReason)
    {
        if (Interlocked.CompareExchange(ref _abortReason, abortReason, null) is null)
        {
            _output.SendNow();
            _socket.ShutDown(reset: true);
            Closed();
        }
    }

    public override async ValueTask DisposeAsync()
    {
        _input.Complete();
        _output.Complete();
        try
        {
            await _output.SentAsync().WaitAsync(MostSending, _clock);
        }
        catch (TimeoutException)
        {
            // A client that takes nothing for so long has no use for the rest.
        }

        _socket.ShutDown(reset: false);
        _socket.Dispose();
        _output.Abandon();
        Closed();
        await base.DisposeAsync();
    }

    /// <summary>Nothing more will come.</summary>
    /// <returns>What the reader is to be told; <see langword="null"/> when the client has ended it in an orderly way.</returns>
    public Exception? InputEnded(bool isBroken)
    {
        Closed();
        return Volatile.Read(ref _abortReason) is { } reason ? reason
            : isBroken ? new ConnectionResetException("The client has reset the connection.") : null;
    }

    /// <summary>Those who want to know run on the pool: they may do anything.</summary>
    private void Closed()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static c => c._closed.Cancel(), this, preferLocal: false);
        }
    }

    private sealed class ClientSocket(SocketHandle handle, Poller poller, PolledConnection connection) : PolledSocket(handle, poller)
    {
        protected override void OnReadable() => connection._input.GoOn();

        protected override void OnWritable() => connection._output.GoOn();

        /// <summary>Nobody may be reading: a call that is being answered ends when its client goes away.</summary>
        protected override void OnHungUp()
        {
            if (IsOver())
            {
                connection.Closed();
            }
        }
    }
}
