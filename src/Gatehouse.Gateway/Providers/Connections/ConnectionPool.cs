using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Gatehouse.Gateway.Outbound;
using Gatehouse.Gateway.Polling;
using Gatehouse.Gateway.Scheduling;

namespace Gatehouse.Gateway.Providers.Connections;

/// <summary>
/// The connections to one provider. The one used last is used next, so that those too many fall idle and are closed. A connection is
/// either with a caller or in here, and whoever has it disposes it or brings it back.
/// </summary>
internal sealed class ConnectionPool : IDisposable
{
    /// <summary>With all of these in use, a call is refused here and may go to another target.</summary>
    public const int MaxConnections = 4096;

    /// <summary>Below the 60 s after which many load balancers drop a connection.</summary>
    public static readonly TimeSpan MaxIdleTime = TimeSpan.FromSeconds(50);

    /// <summary>A new connection asks for the name's addresses anew: providers move.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(10);

    /// <summary>How far the search for a connection of this thread goes: further back are those that shall fall idle.</summary>
    private const int MaxLooks = 16;

    private readonly Uri _address;
    private readonly string _tlsName;
    private readonly OutboundRule _rule;
    private readonly TimeProvider _clock;
    private readonly ITimer _sweep;
    private readonly Action _closed;
    private readonly Lock _lock = new(); // held for a few instructions
    private readonly List<UpstreamConnection> _idle = []; // the last is the one used last
    private int _open;
    private bool _sweeping;
    private bool _disposed;

    /// <param name="tlsName">The name that a certificate must be for.</param>
    public ConnectionPool(Uri address, string tlsName, OutboundRule rule, TimeProvider clock)
    {
        _address = address;
        _rule = rule;
        _tlsName = tlsName;
        _clock = clock;
        _closed = () => Interlocked.Decrement(ref _open);
        _sweep = clock.CreateTimer(
            static pool => ((ConnectionPool)pool!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Connections that are open, idle ones included.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Connections that wait for their next use.</summary>
    public int Idle
    {
        get
        {
            lock (_lock)
            {
                return _idle.Count;
            }
        }
    }

    /// <returns><see langword="null"/> when a new one is to be made.</returns>
    public UpstreamConnection? TryTake()
    {
        while (Pop() is { } connection)
        {
            var now = _clock.GetTimestamp();
            if (!IsOutdated(connection, now) && _clock.GetElapsedTime(connection.IdleSince, now) < MaxIdleTime && !connection.IsStale())
            {
                return connection;
            }

            connection.Dispose();
        }

        return null;
    }

    /// <summary>Takes a connection back; one that may not carry another exchange is closed.</summary>
    public void Return(UpstreamConnection connection)
    {
        var now = _clock.GetTimestamp();
        if (connection.IsReusable && !IsOutdated(connection, now))
        {
            connection.IdleSince = now;
            lock (_lock)
            {
                if (!_disposed)
                {
                    _idle.Add(connection);
                    if (!_sweeping)
                    {
                        // Runs only while there is something to sweep: it would keep a pool alive that nobody uses any more.
                        _sweeping = _sweep.Change(MaxIdleTime, Timeout.InfiniteTimeSpan);
                    }

                    return;
                }
            }
        }

        connection.Dispose();
    }

    /// <param name="timeout">For the name, the connection and the TLS handshake together.</param>
    /// <exception cref="UpstreamException">There is no connection to be had.</exception>
    public async ValueTask<UpstreamConnection> ConnectAsync(TimeSpan timeout, CancellationToken ct)
    {
        var host = _address.Host;
        if (Interlocked.Increment(ref _open) > MaxConnections)
        {
            _closed();
            throw new UpstreamException(UpstreamFailure.Refused, $"All {MaxConnections} connections to {host} are in use.");
        }

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(timeout);
        try
        {
            var addresses = await _rule.ResolveAsync(_address.IdnHost, deadline.Token);
            if (_address.Scheme != Uri.UriSchemeHttps && Pollers.AreUsed)
            {
                var polled = await PolledStream.ConnectAsync(addresses, _address.Port, deadline.Token);
                return new UpstreamConnection(polled, polled.HasInput, _clock.GetTimestamp(), _closed);
            }

            return await ConnectAsync(addresses, deadline.Token);
        }
        catch (Exception e)
        {
            _closed();
            throw e switch
            {
                OperationCanceledException when ct.IsCancellationRequested => new OperationCanceledException(ct),
                OperationCanceledException => new UpstreamException(UpstreamFailure.ConnectTimeout, $"No connection to {host} in time.", e),
                SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData
                    or SocketError.NoRecovery } =>
                    new UpstreamException(UpstreamFailure.Refused, $"The name {host} does not resolve.", e),
                SocketException { SocketErrorCode: SocketError.TooManyOpenSockets } => new UpstreamException(
                    UpstreamFailure.Refused, $"No connection to {host}: this process has as many files and sockets open as it may.", e),
                SocketException => new UpstreamException(UpstreamFailure.Refused, $"{host} refused the connection.", e),
                IOException or AuthenticationException => new UpstreamException(
                    UpstreamFailure.Refused, $"No TLS connection to {host}: its certificate or protocol was not accepted.", e),
                _ => e,
            };
        }
    }

    public void Dispose()
    {
        List<UpstreamConnection> idle;
        lock (_lock)
        {
            _disposed = true;
            idle = [.. _idle];
            _idle.Clear();
        }

        _sweep.Dispose();
        idle.ForEach(static c => c.Dispose());
    }

    private async ValueTask<UpstreamConnection> ConnectAsync(IPAddress[] addresses, CancellationToken ct)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, _address.Port, ct);
            Descriptors.LeaveSome(socket);
            var stream = await SecureAsync(new NetworkStream(socket, ownsSocket: true), ct);
            InlineSockets.TryPrefer(socket); // not before: a handshake may look for certificates, and block
            socket.Blocking = false; // only a look at an idle connection would block, and it must not
            return new UpstreamConnection(stream, () => HasInput(socket), _clock.GetTimestamp(), _closed);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static bool HasInput(Socket socket)
    {
        Span<byte> seen = stackalloc byte[1];
        try
        {
            socket.Receive(seen, SocketFlags.Peek, out var error);
            return error != SocketError.WouldBlock;
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }

    private async ValueTask<Stream> SecureAsync(NetworkStream stream, CancellationToken ct)
    {
        if (_address.Scheme != Uri.UriSchemeHttps)
        {
            return stream;
        }

        var secure = new SslStream(stream);
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = _tlsName,
            ApplicationProtocols = [SslApplicationProtocol.Http11],
            AllowRenegotiation = false,
        };
        await secure.AuthenticateAsClientAsync(options, ct);
        return secure;
    }

    /// <summary>Of those that were used last, one whose answer comes on this thread, if there is one.</summary>
    private UpstreamConnection? Pop()
    {
        lock (_lock)
        {
            if (_idle.Count == 0)
            {
                return null;
            }

            var at = _idle.Count - 1;
            for (var (i, least) = (at, Math.Max(0, at - MaxLooks)); Poller.Current is { } here && i >= least; i--)
            {
                if (_idle[i].Poller == here)
                {
                    at = i;
                    break;
                }
            }

            var last = _idle[at];
            _idle.RemoveAt(at);
            return last;
        }
    }

    private bool IsOutdated(UpstreamConnection connection, long now) => _clock.GetElapsedTime(connection.MadeAt, now) > MaxAge;

    /// <summary>Closes what has been idle for too long, which lies at the beginning.</summary>
    private void Sweep()
    {
        List<UpstreamConnection> spent;
        lock (_lock)
        {
            var kept = _idle.FindIndex(c => _clock.GetElapsedTime(c.IdleSince) < MaxIdleTime);
            spent = _idle.GetRange(0, kept < 0 ? _idle.Count : kept);
            _idle.RemoveRange(0, spent.Count);
            _sweeping = _idle.Count > 0 && !_disposed && _sweep.Change(MaxIdleTime / 2, Timeout.InfiniteTimeSpan);
        }

        spent.ForEach(static c => c.Dispose());
    }
}
