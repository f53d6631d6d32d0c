using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// Who calls: the presented key, looked up in the table. Each refusal says what is wrong with the key and never repeats it.
/// </summary>
internal static class Authentication
{
    private const string BearerScheme = "Bearer ";

    private static readonly Problem MissingKey = new(
        "missing_api_key", 401, "No key was sent: send a Gatehouse key as 'Authorization: Bearer …', 'x-api-key' or 'x-goog-api-key'.");

    private static readonly Problem UnknownKey = new(
        "invalid_api_key", 401, "This key is not known here. Make one with 'gatehouse key create' or on the system's page in the console.");

    private static readonly Problem ProviderKey = new(
        "invalid_api_key", 401, "This is a provider's key. Gatehouse holds those itself: send the Gatehouse key of your system (gh_…).");

    private static readonly Problem RevokedKey = new(
        "revoked_api_key", 401, "This key has been revoked. Ask its system's owner for another.");

    private static readonly Problem RemovedKey = new("invalid_api_key", 401, "The key that asked for this is not here any more.");

    /// <inheritdoc cref="Check(GatewayTable, HttpRequest, DateTimeOffset, out Principal?)"/>
    public static Problem? Check(Call call, DateTimeOffset now, [NotNullIfNotNull("principal")] out Principal? principal)
    {
        if (call.Origin is not { } origin)
        {
            return Check(call.Table, call.Http.Request, now, out principal);
        }

        principal = null;
        return call.Table.Keys.TryFind(origin.KeyId, out var found) ? Judge(found, now, out principal) : RemovedKey;
    }

    /// <returns><see langword="null"/> when the call may go on. A principal of a refused call is known when the key is good.</returns>
    public static Problem? Check(GatewayTable table, HttpRequest request, DateTimeOffset now, [NotNullIfNotNull("principal")]
        out Principal? principal)
    {
        principal = null;
        var presented = Presented(request, out var header);
        if (presented.IsEmpty)
        {
            return MissingKey;
        }

        var known = request.HttpContext.Features.Get<KnownKey>();
        if (known is not null && known.TryFind(table.Keys, header, presented.Length, out var found))
        {
            // looked up by an earlier request of this connection
        }
        else if (table.Keys.TryFind(presented, out found))
        {
            known?.Keep(table.Keys, header, presented.Length, found);
        }
        else
        {
            return presented.StartsWith("sk-", StringComparison.Ordinal) ? ProviderKey : UnknownKey;
        }

        return Judge(found, now, out principal);
    }

    private static Problem? Judge(Principal found, DateTimeOffset now, out Principal? principal)
    {
        principal = null;
        if (found.Revoked)
        {
            return RevokedKey;
        }

        if (found.ExpiresAt is { } expiresAt && expiresAt <= now)
        {
            var date = expiresAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
            return new Problem("expired_api_key", 401, $"This key expired at {date} UTC. Ask its system's owner for another.");
        }

        principal = found;
        return found.Stage == SystemStage.Retired
            ? new Problem("system_retired", 403, $"The system '{found.System}' is retired: its calls are refused.")
            : found.Off is { } why ? new Problem("switched_off", 403, why) : null;
    }

    /// <param name="header">The value that holds the key.</param>
    private static ReadOnlySpan<char> Presented(HttpRequest request, out string header)
    {
        var authorization = request.Headers.Authorization;
        if (authorization.Count == 1
            && authorization[0] is { } bearer
            && bearer.StartsWith(BearerScheme, StringComparison.OrdinalIgnoreCase))
        {
            header = bearer;
            return bearer.AsSpan(BearerScheme.Length).Trim();
        }

        var key = request.Headers["x-api-key"];
        if (key.Count == 0)
        {
            key = request.Headers["x-goog-api-key"];
        }

        if (key.Count == 0 && request.Path.StartsWithSegments(GatewayDispatch.GeneratePrefix))
        {
            key = request.Query["key"]; // how Google's format has it; addresses are logged by proxies, so no other surface takes it
        }

        header = key.Count == 1 ? key[0] ?? "" : "";
        return header.AsSpan().Trim();
    }
}
