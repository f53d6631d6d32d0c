using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Outbound;

namespace Gatehouse.Gateway.Providers.Vertex;

/// <summary>
/// Access tokens of a service account: a claim signed with its key is exchanged for a token that holds an hour. One is fetched at a
/// time, ahead of the end of the one in use, which goes on until then.
/// </summary>
internal sealed class GoogleTokens(GoogleSettings account, OutboundRule rule, TimeProvider clock) : IRequestSigner, IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);
    private static readonly TimeSpan Ahead = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(10); // a request that is on its way must still find it good
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly HttpClient _http = OutboundClient.Create(rule, Patience);
    private readonly SemaphoreSlim _fetching = new(1);
    private Token? _token;

    public IReadOnlyList<string> Presented => _token is { } token ? [token.Value] : [];

    public async ValueTask<IReadOnlyList<KeyValuePair<string, string>>> SignAsync(UpstreamRequest request, CancellationToken ct) =>
        [.. request.Headers, new("Authorization", "Bearer " + await TokenAsync(ct))];

    public void Dispose()
    {
        _http.Dispose();
        _fetching.Dispose();
    }

    private async ValueTask<string> TokenAsync(CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        if (_token is { } fresh && fresh.Until - now > Ahead)
        {
            return fresh.Value;
        }

        var usable = _token is { } old && old.Until - now > Margin ? old : null;
        if (!await _fetching.WaitAsync(usable is null ? Timeout.InfiniteTimeSpan : TimeSpan.Zero, ct))
        {
            return usable!.Value; // somebody is at it
        }

        try
        {
            if (_token is not { } other || other.Until - clock.GetUtcNow() <= Ahead)
            {
                _token = await Task.Run(() => FetchAsync(ct), ct); // signing takes milliseconds: not on a thread that polls sockets
            }

            return _token.Value;
        }
        catch (UpstreamException) when (usable is not null)
        {
            return usable.Value;
        }
        finally
        {
            _fetching.Release();
        }
    }

    private async Task<Token> FetchAsync(CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        using var form = new FormUrlEncodedContent(
        [
            new("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            new("assertion", Assertion(now)),
        ]);
        try
        {
            using var response = await _http.PostAsync(account.TokenUri, form, ct);
            var body = await response.Content.ReadAsByteArrayAsync(ct);
            if (response.IsSuccessStatusCode && WireJson.ParseAnswer(body) is var json
                && WireJson.StringOrNull(json, "access_token") is { Length: > 0 } value
                && value.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0)
            {
                return new Token(value, now + TimeSpan.FromSeconds(Math.Clamp(WireJson.LongOrZero(json, "expires_in"), 60, 86_400)));
            }

            throw new UpstreamException(
                UpstreamFailure.NotAllowed,
                $"{account.TokenUri.Host} gave no access token for the service account (status {(int)response.StatusCode}).");
        }
        catch (HttpRequestException e) when (e.InnerException is UpstreamException refused)
        {
            throw refused;
        }
        catch (Exception e) when (e is HttpRequestException or FormatException
            || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            throw new UpstreamException(
                UpstreamFailure.Refused, $"{account.TokenUri.Host} gave no access token for the service account.", e);
        }
    }

    /// <summary>A JSON Web Token, signed RS256.</summary>
    private string Assertion(DateTimeOffset now)
    {
        var header = Encode(json =>
        {
            json.WriteString("alg", "RS256");
            json.WriteString("typ", "JWT");
            if (account.PrivateKeyId is { } id)
            {
                json.WriteString("kid", id);
            }
        });
        var claims = Encode(json =>
        {
            json.WriteString("iss", account.ClientEmail);
            json.WriteString("scope", "https://www.googleapis.com/auth/cloud-platform");
            json.WriteString("aud", account.TokenUri.OriginalString);
            json.WriteNumber("iat", now.ToUnixTimeSeconds());
            json.WriteNumber("exp", (now + Lifetime).ToUnixTimeSeconds());
        });
        using var key = RSA.Create();
        key.ImportFromPem(account.PrivateKey);
        var text = $"{header}.{claims}";
        var signature = key.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return $"{text}.{Base64Url.EncodeToString(signature)}";
    }

    private static string Encode(Action<Utf8JsonWriter> members)
    {
        var to = new ArrayBufferWriter<byte>();
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return Base64Url.EncodeToString(to.WrittenSpan);
    }

    private sealed record Token(string Value, DateTimeOffset Until);
}
