using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Chat;

/// <summary>
/// Errors in the chat format. The official SDKs choose their class by the HTTP status, and show message, type, param and code.
/// </summary>
internal static class ChatErrors
{
    public static void Write(Problem p, string requestId, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        WriteError(json, p);
        json.WriteString("request_id", requestId);
        json.WriteEndObject();
    }

    /// <summary>
    /// An error in the middle of a stream. SDKs raise on <c>error</c>; those that do not know it there (the .NET SDK) would take the event
    /// for an empty chunk and the answer for complete, so <c>choices</c> is null: that they cannot read.
    /// </summary>
    public static void WriteEvent(Problem p, string requestId, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        WriteError(json, p);
        json.WriteNull("choices");
        json.WriteString("request_id", requestId);
        json.WriteEndObject();
    }

    /// <summary>Writes the property <c>error</c> into an open object.</summary>
    public static void WriteError(Utf8JsonWriter json, Problem p)
    {
        json.WriteStartObject("error");
        json.WriteString("message", p.Message);
        json.WriteString("type", p.Code == "budget_exhausted" ? "insufficient_quota" : TypeOf(p.Status));
        json.WriteStringOrNull("param", p.Field);
        json.WriteString("code", CodeOf(p));
        json.WriteEndObject();
    }

    public static string TypeOf(int status) => status switch
    {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };

    /// <summary>The code that clients of this format branch on, where it has one; else our own.</summary>
    private static string CodeOf(Problem p) => (p.Status, p.Code) switch
    {
        (401, "unauthenticated") => "invalid_api_key",
        (404, "unknown_model") => "model_not_found",
        (429, "rate_limited") => "rate_limit_exceeded",
        (429, "budget_exhausted") => "insufficient_quota",
        (503 or 529, "overloaded") => "server_is_overloaded",
        _ => p.Code,
    };
}
