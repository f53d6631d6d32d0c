using System.Net;
using System.Net.Http.Headers;

namespace Gatehouse.Observability.Traces;

/// <summary>Posts OTLP to one receiver.</summary>
/// <param name="http">Made when there is something to be sent.</param>
internal sealed class OtlpClient(OtlpOptions options, Lazy<HttpClient> http, TimeProvider clock)
{
    private const int Attempts = 4;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <param name="signal"><c>traces</c> or <c>metrics</c>.</param>
    /// <returns>Whether the receiver took it. What is worth another try (busy, unreachable) was tried four times.</returns>
    public async Task<bool> TrySendAsync(string signal, byte[] body, CancellationToken ct)
    {
        var pause = FirstPause;
        for (var attempt = 1; ; attempt++)
        {
            var (sent, again, wait) = await TryOnceAsync(signal, body, ct);
            if (sent || !again || attempt == Attempts)
            {
                return sent;
            }

            await Task.Delay(wait is { } asked && asked < LongestPause ? asked : pause, clock, ct);
            pause *= 2;
        }
    }

    /// <summary>The receiver's address for a signal: a base address, or one that names the signal already.</summary>
    internal static Uri AddressOf(Uri url, string signal)
    {
        var text = url.GetLeftPart(UriPartial.Path).TrimEnd('/');
        foreach (var known in (string[])["/v1/traces", "/v1/metrics"])
        {
            if (text.EndsWith(known, StringComparison.Ordinal))
            {
                text = text[..^known.Length];
            }
        }

        return new Uri($"{text}/v1/{signal}{url.Query}");
    }

    private async Task<(bool Sent, bool Again, TimeSpan? Wait)> TryOnceAsync(string signal, byte[] body, CancellationToken ct)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, AddressOf(options.Url!, signal));
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            foreach (var (name, value) in options.Headers)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }

            using var answer = await http.Value.SendAsync(request, ct);
            var again = answer.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway
                or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;
            return (answer.IsSuccessStatusCode, again, answer.Headers.RetryAfter?.Delta);
        }
        catch (HttpRequestException)
        {
            return (false, true, null);
        }
        catch (TaskCanceledException) when (!ct.IsCancellationRequested)
        {
            return (false, true, null);
        }
    }
}
