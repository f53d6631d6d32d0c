using System.Buffers;
using Gatehouse.Gateway.Journal;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Calls;

/// <summary>The id that a client may quote: its own when it sent a sane one, else one made from the call's id.</summary>
internal static class RequestIds
{
    private const int MaxChars = 128;
    private const int MadeChars = 36;

    private static readonly SearchValues<char> Sane =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:");

    public static string For(HttpRequest request, Guid callId)
    {
        var given = request.Headers["x-request-id"];
        return given.Count == 1 && given[0] is { Length: > 0 and <= MaxChars } id && !id.AsSpan().ContainsAnyExcept(Sane)
            ? id
            : string.Create(null, stackalloc char[MadeChars], $"{CallRecord.RequestIdPrefix}{callId:N}");
    }
}
