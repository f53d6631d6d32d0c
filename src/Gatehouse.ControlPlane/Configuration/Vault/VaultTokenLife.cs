using System.Net;
using System.Text.Json;
using Gatehouse.Contracts;

namespace Gatehouse.Configuration;

/// <summary>
/// Keeps a token alive that Gatehouse was given: asks once how long it lives, and renews it when half of that is over. A token in a file is
/// renewed by whoever writes the file, and one of a sign-in is replaced by the next sign-in.
/// </summary>
internal sealed class VaultTokenLife(TimeProvider clock)
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(5);
    private string? _token;

    /// <summary>When it is to be renewed; <see langword="null"/>: it lives for ever, cannot be renewed, or there is none.</summary>
    public Ending? Due { get; private set; }

    /// <param name="ask">Sends a request with the token.</param>
    public async Task KeepAsync(
        string token, Func<HttpMethod, string, Task<(HttpStatusCode Status, JsonDocument? Body)>> ask, CancellationToken ct)
    {
        var isKnown = token == _token;
        if (isKnown && Due?.IsOver(clock) != true)
        {
            return;
        }

        try
        {
            var (status, body) = await ask(isKnown ? HttpMethod.Post : HttpMethod.Get, $"auth/token/{(isKnown ? "renew" : "lookup")}-self");
            using (body)
            {
                _token = token;
                Due = (int)status >= 500 ? Ending.In(Again, clock)
                    : LifeOf(body, isKnown) is { } life && life > TimeSpan.Zero ? Ending.In(life / 2, clock)
                    : null; // what it is read with tells when it is over
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException
            || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            Due = isKnown ? Ending.In(Again, clock) : null;
        }
    }

    private static TimeSpan? LifeOf(JsonDocument? body, bool isRenewal)
    {
        if (body?.RootElement is not { ValueKind: JsonValueKind.Object } root
            || !root.TryGetProperty(isRenewal ? "auth" : "data", out var about) || about.ValueKind != JsonValueKind.Object
            || !about.TryGetProperty("renewable", out var renewable) || renewable.ValueKind != JsonValueKind.True
            || !about.TryGetProperty(isRenewal ? "lease_duration" : "ttl", out var seconds) || !seconds.TryGetInt64(out var value))
        {
            return null;
        }

        return TimeSpan.FromSeconds(Math.Clamp(value, 0, 86_400 * 365));
    }
}
