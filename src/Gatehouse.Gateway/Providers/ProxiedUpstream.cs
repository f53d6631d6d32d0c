using System.Net.Security;
using System.Net.Sockets;
using System.Net;
using System.Security.Authentication;
using Gatehouse.Gateway.Outbound;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Providers.Connections;
using Gatehouse.Gateway.Providers.OpenAi;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Providers;

/// <summary>
/// A provider behind the proxy that the environment names (<c>HTTPS_PROXY</c>, <c>HTTP_PROXY</c>, <c>NO_PROXY</c>): the platform's client
/// speaks to it, otherwise as <see cref="HttpUpstream"/> does.
/// </summary>
internal sealed class ProxiedUpstream : IUpstream, IDisposable
{
    private const string Json = "application/json";

    private static readonly HttpRequestOptionsKey<TimeSpan> ConnectTimeout = new("gatehouse.connect_timeout");

    private readonly ProviderSettings _settings;
    private readonly OutboundRule _rule;
    private readonly HttpMessageInvoker _invoker;
    private readonly Dictionary<string, Uri> _addresses = []; // by path: those without a model in them are made up front

    public ProxiedUpstream(ProviderSettings settings)
    {
        _settings = settings;
        _rule = OutboundRule.Of(settings);
        _invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null, // the trace context is ours to send
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(50), // below the 60 s after which many load balancers drop a connection
            PooledConnectionLifetime = TimeSpan.FromMinutes(10), // follow the provider's DNS
            // for proxies; the route's own bounds name, connection and TLS handshake (ConnectAsync)
            ConnectTimeout = TimeSpan.FromSeconds(30),
            MaxResponseHeadersLength = 64, // KiB
            // enough for a stream's last chunk; an abandoned answer is not paid to the end
            ResponseDrainTimeout = TimeSpan.FromMilliseconds(100),
            MaxResponseDrainSize = 16 << 10,
            ConnectCallback = ConnectAsync,
        });
        foreach (var path in (ReadOnlySpan<string>)[OpenAiWire.ChatPath, AnthropicWire.MessagesPath])
        {
            _addresses[path] = RequestHead.Address(settings, path);
        }
    }

    public async ValueTask<UpstreamAnswer> SendAsync(UpstreamRequest request, CancellationToken ct)
    {
        _rule.CheckLiteral(_settings.BaseUrl.IdnHost);
        var message = new HttpRequestMessage(
            request.IsGet ? HttpMethod.Get : HttpMethod.Post,
            _addresses.GetValueOrDefault(request.Path) ?? RequestHead.Address(_settings, request.Path))
        {
            Version = HttpVersion.Version11,
            // HTTP/1.1 sends the whole body before it returns an answer, which is what lets the caller reuse the body's memory.
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = request.IsGet ? null : new RequestBody(request),
        };
        AddHeaders(message, request);
        try
        {
            var response = await _invoker.SendAsync(message, ct);
            return new Answer(response, await response.Content.ReadAsStreamAsync(CancellationToken.None));
        }
        catch (HttpRequestException e)
        {
            throw Failure(e);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new UpstreamException(UpstreamFailure.ConnectTimeout, $"No connection to {_settings.BaseUrl.Host} in time.", e);
        }
    }

    public void Dispose() => _invoker.Dispose();

    private void AddHeaders(HttpRequestMessage message, UpstreamRequest request)
    {
        message.Options.Set(ConnectTimeout, request.ConnectTimeout);
        message.Content?.Headers.TryAddWithoutValidation("Content-Type", request.ContentType ?? Json);
        var headers = message.Headers;
        headers.TryAddWithoutValidation("Accept-Encoding", "identity");
        headers.TryAddWithoutValidation("User-Agent", "gatehouse");
        for (var i = 0; i < request.Headers.Count; i++)
        {
            var (name, value) = request.Headers[i];
            if (!_settings.Headers.ContainsKey(name)) // the operator's word wins
            {
                headers.TryAddWithoutValidation(name, value);
            }
        }

        if (_settings.Headers.Count > 0)
        {
            foreach (var (name, value) in _settings.Headers)
            {
                headers.TryAddWithoutValidation(name, value);
            }
        }

        if ((request.ApiKey ?? _settings.ApiKey) is { } key)
        {
            var bearer = string.Equals(_settings.ApiKeyHeader, "Authorization", StringComparison.OrdinalIgnoreCase);
            headers.TryAddWithoutValidation(_settings.ApiKeyHeader, bearer ? "Bearer " + key : key);
        }
    }

    private static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        if (context.InitialRequestMessage.Options.TryGetValue(ConnectTimeout, out var timeout))
        {
            deadline.CancelAfter(timeout);
        }

        var endPoint = context.DnsEndPoint;
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            // The proxy's own name: it looks the provider's up itself.
            var addresses = await OutboundRule.Infrastructure.ResolveAsync(endPoint.Host, deadline.Token);
            await socket.ConnectAsync(addresses, endPoint.Port, deadline.Token);
            Polling.Descriptors.LeaveSome(socket);
            return await SecureAsync(new NetworkStream(socket, ownsSocket: true), context, deadline.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            socket.Dispose();
            throw new UpstreamException(UpstreamFailure.ConnectTimeout, $"No connection to {endPoint.Host} in time.", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The handshake is done here, and not by the handler, so that the route's time bounds it.</summary>
    private static async ValueTask<Stream> SecureAsync(NetworkStream stream, SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var request = context.InitialRequestMessage;
        if (request.RequestUri!.Scheme != Uri.UriSchemeHttps)
        {
            return stream; // also the way to a proxy, whose tunnel the handler secures
        }

        var host = request.Headers.Host is { } header && Uri.TryCreate("https://" + header, UriKind.Absolute, out var named)
            ? named.IdnHost
            : context.DnsEndPoint.Host;
        var secure = new SslStream(stream);
        try
        {
            var options = new SslClientAuthenticationOptions { TargetHost = host, ApplicationProtocols = [SslApplicationProtocol.Http11] };
            await secure.AuthenticateAsClientAsync(options, ct);
            return secure;
        }
        catch (Exception e) when (e is IOException or AuthenticationException)
        {
            throw new UpstreamException(UpstreamFailure.Refused, NoTls(context.DnsEndPoint.Host), e);
        }
    }

    private static string NoTls(string host) => $"No TLS connection to {host}: its certificate or protocol was not accepted.";

    private UpstreamException Failure(HttpRequestException e)
    {
        for (Exception? inner = e; inner is not null; inner = inner.InnerException)
        {
            if (inner is UpstreamException known)
            {
                return known;
            }
        }

        var host = _settings.BaseUrl.Host;
        return e switch
        {
            { HttpRequestError: HttpRequestError.NameResolutionError } =>
                new UpstreamException(UpstreamFailure.Refused, $"The name {host} does not resolve.", e),
            { HttpRequestError: HttpRequestError.ConnectionError } =>
                new UpstreamException(UpstreamFailure.Refused, $"{host} refused the connection.", e),
            { HttpRequestError: HttpRequestError.SecureConnectionError } or { InnerException: AuthenticationException } =>
                new UpstreamException(UpstreamFailure.Refused, NoTls(host), e),
            { HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded } =>
                new UpstreamException(UpstreamFailure.Broken, $"{host} did not answer in HTTP.", e),
            _ => new UpstreamException(UpstreamFailure.Broken, $"{host} closed the connection before it answered.", e),
        };
    }

    /// <summary>The request's body; says when all of it has been written.</summary>
    private sealed class RequestBody(UpstreamRequest request) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(request.Body, cancellationToken);
            request.Listener?.Sent();
        }

        protected override bool TryComputeLength(out long length)
        {
            length = request.Body.Length;
            return true;
        }
    }

    private sealed class Answer(HttpResponseMessage response, Stream body) : UpstreamAnswer
    {
        public override int Status => (int)response.StatusCode;

        public override Stream Body => body;

        public override string? Header(string name) =>
            response.Headers.NonValidated.TryGetValues(name, out var values)
                || response.Content.Headers.NonValidated.TryGetValues(name, out values)
                ? values.ToString()
                : null;

        public override void PassHeaders(IHeaderDictionary to)
        {
            foreach (var (name, values) in response.Headers.NonValidated)
            {
                if (PassedHeaders.Includes(name) && values.ToString() is var value && PassedHeaders.CanHold(value))
                {
                    to[name] = value;
                }
            }
        }

        public override ValueTask DisposeAsync()
        {
            response.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
