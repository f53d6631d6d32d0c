using System.Runtime.CompilerServices;
using Gatehouse.Gateway.Outbound;
using Gatehouse.Gateway.Providers.Connections;
using Gatehouse.Gateway.Scheduling;

namespace Gatehouse.Gateway.Providers;

/// <summary>
/// A provider over HTTP/1.1 with pooled connections. Follows no redirect (it would carry the credential elsewhere), keeps no cookie,
/// asks for no compression, and names no credential in what it throws.
/// </summary>
internal sealed class HttpUpstream : IUpstream, IDisposable
{
    /// <summary>
    /// An idle connection that the provider closes meets us within this; later, the request may have been at work, and be billed.
    /// </summary>
    private static readonly TimeSpan IdleRace = TimeSpan.FromSeconds(1);

    private readonly string _host;
    private readonly RequestHead _head;
    private readonly TimeProvider _clock;

    public HttpUpstream(ProviderSettings settings, TimeProvider clock, ResolveHost? resolve = null)
    {
        _host = settings.BaseUrl.Host;
        _clock = clock;
        _head = new RequestHead(settings);
        Connections = new ConnectionPool(settings.BaseUrl, settings.TlsName, OutboundRule.Of(settings, resolve), clock);
    }

    public ConnectionPool Connections { get; }

    [AsyncMethodBuilder(typeof(KeptStateBuilder<>))]
    public async ValueTask<UpstreamAnswer> SendAsync(UpstreamRequest request, CancellationToken ct)
    {
        // The provider may close an idle connection just as we use it; then the request has not been answered, and is sent once more.
        for (var connection = Connections.TryTake(); ; connection = null)
        {
            var wasIdle = connection is not null;
            connection ??= await Connections.ConnectAsync(request.ConnectTimeout, ct);
            var beganAt = _clock.GetTimestamp(); // before the provider can have begun: the answer may come before we go on
            long? sentAt = null;
            IOException? broke = null;
            try
            {
                await connection.SendAsync(_head, request, ct);
                sentAt = beganAt;
                request.Listener?.Sent();
                do
                {
                    if (connection.TryReadHead())
                    {
                        return new HttpAnswer(connection, Connections);
                    }
                }
                while (connection.TryTake(await connection.ReceiveAsync(ct)));
            }
            catch (FormatException e)
            {
                connection.Dispose();
                throw Broken($"{_host} did not answer in HTTP.", e);
            }
            catch (IOException e)
            {
                broke = e;
            }
            catch
            {
                connection.Dispose();
                throw;
            }

            connection.Dispose();
            if (!wasIdle || connection.HasAnswered || IsLate(sentAt))
            {
                throw Closed(broke);
            }
        }
    }

    public void Dispose() => Connections.Dispose();

    private bool IsLate(long? sentAt) => sentAt is { } at && _clock.GetElapsedTime(at) > IdleRace;

    private UpstreamException Closed(Exception? e) => Broken($"{_host} closed the connection before it answered.", e);

    private static UpstreamException Broken(string message, Exception? e) => new(UpstreamFailure.Broken, message, e);
}
