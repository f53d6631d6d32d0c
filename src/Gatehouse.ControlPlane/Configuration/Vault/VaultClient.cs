using System.Net;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Outbound;

namespace Gatehouse.Configuration;

/// <summary>
/// Reads secrets over the HTTP API of HashiCorp Vault, which OpenBao and others speak too: key/value stores of version 1 and 2, and
/// whatever else answers a GET. No message repeats what the vault said: it might hold a token.
/// </summary>
internal sealed class VaultClient(Lazy<HttpClient> http, Func<string, string?> variable, string folder, TimeProvider clock)
{
    private const int MaxTokenFileBytes = 64 << 10;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly VaultTokenLife _life = new(clock);

    /// <summary>A sign-in holds until two thirds of its lease are over, or the vault refuses it.</summary>
    private (string For, string Token, Ending Until, Ending? Ends)? _signedIn;

    /// <summary>When the token that Gatehouse was given is to be renewed; <see langword="null"/> when none is.</summary>
    public Ending? TokenDue => _life.Due;

    /// <summary>Made when a vault is asked: most installations have none.</summary>
    public static Lazy<HttpClient> Http() => new(static () => OutboundClient.Create(OutboundRule.Infrastructure, Patience));

    /// <summary>Renews the token that Gatehouse was given, if it is time. Never throws: what is read with it tells what is wrong.</summary>
    public async Task KeepTokenAsync(VaultOptions options, CancellationToken ct)
    {
        if ((options.Address ?? Address()) is { } address && GivenToken(options) is { } token)
        {
            await _life.KeepAsync(
                token,
                async (method, path) =>
                {
                    byte[]? body = method == HttpMethod.Post ? [.. "{}"u8] : null;
                    using var answer = await SendAsync(options, address, method, path, token, body, ct);
                    return (answer.StatusCode, await ParseAsync(answer, ct));
                },
                ct);
        }
    }

    public async Task<VaultReading> ReadAsync(VaultOptions options, string path, CancellationToken ct)
    {
        if ((options.Address ?? Address()) is not { } address)
        {
            return new() { Problem = "'${vault:…}' needs the address of a vault.",
                Mend = "Write 'vault: { address: https://vault.example.com:8200 }', or set VAULT_ADDR." };
        }

        try
        {
            var token = await TokenAsync(options, address, ct);
            using var first = await SendAsync(options, address, HttpMethod.Get, path, token, null, ct);
            if (first.StatusCode != HttpStatusCode.Forbidden || _signedIn is null)
            {
                return WithinSignIn(await ReadingAsync(first, address, path, ct));
            }

            // The sign-in may be over before its time.
            _signedIn = null;
            using var second = await SendAsync(options, address, HttpMethod.Get, path, await TokenAsync(options, address, ct), null, ct);
            return WithinSignIn(await ReadingAsync(second, address, path, ct));
        }
        catch (VaultProblemException e)
        {
            return e.Reading;
        }
        catch (Exception e) when (e is HttpRequestException or IOException
            || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            return Away(address, path, "does not answer");
        }
    }

    /// <summary>What a vault leases ends with the sign-in that it was read with, at the latest.</summary>
    private VaultReading WithinSignIn(VaultReading reading) =>
        _signedIn is { } signedIn && reading.Lease > TimeSpan.Zero && signedIn.Ends?.Left(clock) is { } left && left < reading.Lease
            ? reading with { Lease = left > TimeSpan.Zero ? left : TimeSpan.FromTicks(1) }
            : reading;

    /// <returns><see langword="null"/> when it comes from a file or a sign-in.</returns>
    private string? GivenToken(VaultOptions options) =>
        options.Token ?? (options is { TokenFile: null, Kubernetes: null, Approle: null } && variable("VAULT_TOKEN") is { Length: > 0 } found
            ? found
            : null);

    private Uri? Address() => variable("VAULT_ADDR") is { Length: > 0 } text && Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0 ? uri : null;

    private async Task<string> TokenAsync(VaultOptions options, Uri address, CancellationToken ct)
    {
        if (GivenToken(options) is { } token)
        {
            return token;
        }

        if (options.TokenFile is { } file)
        {
            return ReadToken(Path.GetFullPath(file, folder), "vault.token_file");
        }

        if (options.Kubernetes is { } pod)
        {
            return await SignInAsync(
                options, address, pod.Mount, ("role", pod.Role), ("jwt", ReadToken(pod.TokenFile, "vault.kubernetes.token_file")), ct);
        }

        if (options.Approle is { } role)
        {
            return await SignInAsync(options, address, role.Mount, ("role_id", role.RoleId), ("secret_id", role.SecretId), ct);
        }

        throw Problem(
            "There is nothing to sign in to the vault with.",
            "Write 'vault.token', 'token_file', 'kubernetes' or 'approle', or set VAULT_TOKEN.");
    }

    private async Task<string> SignInAsync(
        VaultOptions options, Uri address, string mount, (string Name, string Value) who, (string Name, string Value) proof,
        CancellationToken ct)
    {
        var key = $"{address} {options.Namespace} {mount} {who.Value}";
        if (_signedIn is { } known && known.For == key && !known.Until.IsOver(clock))
        {
            return known.Token;
        }

        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString(who.Name, who.Value);
            json.WriteString(proof.Name, proof.Value);
            json.WriteEndObject();
        }

        using var answer = await SendAsync(options, address, HttpMethod.Post, $"auth/{mount.Trim('/')}/login", null, body.ToArray(), ct);
        if (IsAway(answer.StatusCode))
        {
            throw new VaultProblemException(Away(address, $"auth/{mount}/login", $"answers {(int)answer.StatusCode}"));
        }

        using var document = await ParseAsync(answer, ct);
        if (!answer.IsSuccessStatusCode || document?.RootElement is not { } root
            || !root.TryGetProperty("auth", out var auth) || !auth.TryGetProperty("client_token", out var token)
            || token.GetString() is not { Length: > 0 } text)
        {
            throw Problem(
                $"The vault at {Shown(address)} refused the sign-in at 'auth/{mount}' ({(int)answer.StatusCode}).",
                "Check the role and what it is bound to.");
        }

        var seconds = auth.TryGetProperty("lease_duration", out var lease) && lease.TryGetInt64(out var value)
            ? Math.Clamp(value, 0, 86_400)
            : 0;
        var life = TimeSpan.FromSeconds(seconds == 0 ? 3600 : seconds);
        _signedIn = (key, text, Ending.In(life * (2.0 / 3), clock), seconds == 0 ? null : Ending.In(life, clock));
        return text;
    }

    private async Task<HttpResponseMessage> SendAsync(
        VaultOptions options, Uri address, HttpMethod method, string path, string? token, byte[]? body, CancellationToken ct)
    {
        var url = new Uri($"{address.AbsoluteUri.TrimEnd('/')}/v1/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");
        using var request = new HttpRequestMessage(method, url);
        request.Headers.TryAddWithoutValidation("X-Vault-Request", "true");
        if (token is not null)
        {
            request.Headers.TryAddWithoutValidation("X-Vault-Token", token);
        }

        if ((options.Namespace ?? variable("VAULT_NAMESPACE")) is { Length: > 0 } space)
        {
            request.Headers.TryAddWithoutValidation("X-Vault-Namespace", space);
        }

        request.Content = body is null ? null : new ByteArrayContent(body) { Headers = { ContentType = new("application/json") } };
        return await http.Value.SendAsync(request, ct);
    }

    private static async Task<VaultReading> ReadingAsync(HttpResponseMessage answer, Uri address, string path, CancellationToken ct)
    {
        if (IsAway(answer.StatusCode))
        {
            return Away(address, path, (int)answer.StatusCode < 400
                ? $"redirects ({(int)answer.StatusCode}), and a token is not carried elsewhere"
                : $"answers {(int)answer.StatusCode}");
        }

        switch (answer.StatusCode)
        {
            case HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized:
                return new() { Problem = $"The vault at {Shown(address)} does not let Gatehouse read '{path}'.",
                    Mend = "Give the token's policy 'read' on this path, or a token that has not expired." };
            case HttpStatusCode.NotFound:
                return new()
                {
                    Problem = $"The vault at {Shown(address)} has nothing at '{path}'.",
                    Mend = path.Contains("/data/", StringComparison.Ordinal) || path.IndexOf(
                        '/', StringComparison.Ordinal) is var at && at < 0
                        ? "Store it there, or mend the path."
                        : $"Store it there, or mend the path; in a key/value store of version 2 it is '{path.Insert(path.IndexOf('/', StringComparison.Ordinal), "/data")}'.",
                };
        }

        using var document = await ParseAsync(answer, ct);
        return answer.IsSuccessStatusCode && document?.RootElement is { ValueKind: JsonValueKind.Object } root
            && root.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Object
            ? new() { Fields = FieldsOf(data), Lease = LeaseOf(root) }
            : new() { Problem = $"What answers at {Shown(address)} for '{path}' ({(int)answer.StatusCode}) is no vault.",
                Mend = "Check 'vault.address'." };
    }

    /// <summary>Version 2 of the key/value store wraps them once more, beside their metadata.</summary>
    private static Dictionary<string, string> FieldsOf(JsonElement data)
    {
        if (data.TryGetProperty("data", out var inner) && inner.ValueKind == JsonValueKind.Object
            && data.TryGetProperty("metadata", out var metadata) && metadata.ValueKind == JsonValueKind.Object)
        {
            data = inner;
        }

        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var field in data.EnumerateObject())
        {
            fields[field.Name] = field.Value.ValueKind switch
            {
                JsonValueKind.String => field.Value.GetString()!,
                JsonValueKind.Null => "",
                _ => field.Value.GetRawText(),
            };
        }

        return fields;
    }

    /// <summary>Key/value stores of version 1 name a duration without a lease: nothing ends then.</summary>
    private static TimeSpan LeaseOf(JsonElement root) =>
        root.TryGetProperty("lease_id", out var id) && id.ValueKind == JsonValueKind.String && id.GetString() is { Length: > 0 }
        && root.TryGetProperty("lease_duration", out var duration) && duration.TryGetInt64(out var seconds)
            ? TimeSpan.FromSeconds(Math.Clamp(seconds, 0, 86_400 * 30))
            : TimeSpan.Zero;

    private static async Task<JsonDocument?> ParseAsync(HttpResponseMessage answer, CancellationToken ct)
    {
        try
        {
            return JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(ct));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string ReadToken(string path, string setting)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[MaxTokenFileBytes];
            return Encoding.UTF8.GetString(bytes, 0, stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Problem($"The file of '{setting}' cannot be read.", "Create it, or let the user that runs Gatehouse read it.");
        }
    }

    /// <summary>A standby node that does not forward requests redirects them.</summary>
    private static bool IsAway(HttpStatusCode status) => (int)status is >= 500 or 429 or 408 or (>= 300 and < 400);

    private static VaultReading Away(Uri address, string path, string what) => new()
    {
        Problem = $"The vault at {Shown(address)} {what}, so '{path}' cannot be read.",
        Mend = "Check its address and state; a Gatehouse that runs goes on with the values that it has read.",
        IsAway = true,
    };

    private static string Shown(Uri address) => address.GetLeftPart(UriPartial.Authority);

    private static VaultProblemException Problem(string problem, string mend) => new(new() { Problem = problem, Mend = mend });

    private sealed class VaultProblemException(VaultReading reading) : Exception(reading.Problem)
    {
        public VaultReading Reading { get; } = reading;
    }
}
