using System.Globalization;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Resilience;

/// <summary>One check of a provider: reads a path of it, or calls a model for one token.</summary>
internal sealed class HealthProbe(TimeProvider clock)
{
    /// <summary>Anything will do; a model that refuses it has answered too.</summary>
    private static readonly byte[] Ping = [.. """{"model":"m","messages":[{"role":"user","content":"ping"}],"max_tokens":1}"""u8];

    /// <returns>Why it is not up, or <see langword="null"/>.</returns>
    public async Task<string?> AskAsync(Provider provider, TargetHealth health, CancellationToken ct)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var timer = clock.CreateTimer(
            static s => ((CancellationTokenSource)s!).Cancel(), deadline, health.Settings.Timeout, Timeout.InfiniteTimeSpan);
        using var body = new PooledBuffer(256);
        try
        {
            await using var answer = await provider.Upstream.SendAsync(Request(provider, health, body), deadline.Token);
            return Judge(answer.Status, isCall: health.Model is not null);
        }
        catch (UpstreamException e)
        {
            return e.Message;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return "No answer in time.";
        }
    }

    /// <summary>
    /// A server that answers is up, also when it finds fault with the question or wants to be asked less; one that refuses our credential,
    /// or does not know the model, serves no calls.
    /// </summary>
    internal static string? Judge(int status, bool isCall) => status is 401 or 403 or >= 500 || (status == 404 && isCall)
        ? string.Create(CultureInfo.InvariantCulture, $"It answered with status {status}.")
        : null;

    private static UpstreamRequest Request(Provider provider, TargetHealth health, PooledBuffer body)
    {
        var settings = provider.Settings;
        var headers = settings.Wire == WireFormat.Anthropic
            ? (List<KeyValuePair<string, string>>)[new("anthropic-version", "2023-06-01")]
            : [];
        var credential = provider.Credentials is { } ring ? ring[ring.Pick(out _)] : null;
        if (health.Model is not { } model)
        {
            return new UpstreamRequest(
                health.Settings.Path!, default, headers, health.Settings.Timeout) { IsGet = true, ApiKey = credential };
        }

        var wire = ProviderWire.Of(settings.Wire);
        wire.WriteRequest(ChatRequestReader.Read(Ping), model, settings, body, []);
        return new UpstreamRequest(
            wire.PathOf(settings, model, stream: false), body.Memory, headers, health.Settings.Timeout) { ApiKey = credential };
    }
}
