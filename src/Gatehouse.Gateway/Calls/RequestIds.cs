using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Calls;

/// <summary>The id that a client may quote: its own when it sent a sane one, else one made from the call's id.</summary>
internal static class RequestIds
{
    private const int MaxChars = 128;

    private static readonly SearchValues<char> Sane =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:");

    public static string For(HttpRequest request, string callId)
    {
        var given = request.Headers["x-request-id"];
        return given.Count == 1 && given[0] is { Length: > 0 and <= MaxChars } id && !id.AsSpan().ContainsAnyExcept(Sane)
            ? id
            : "req_" + callId;
    }
}
