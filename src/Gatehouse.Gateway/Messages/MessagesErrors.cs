using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Messages;

/// <summary>Errors in the messages format. The official SDKs choose their class by the HTTP status.</summary>
internal static class MessagesErrors
{
    public static void Write(Problem p, string requestId, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        WriteError(json, p);
        json.WriteString("request_id", requestId);
        json.WriteEndObject();
    }

    /// <summary>Writes <c>type</c> and <c>error</c> into an open object.</summary>
    public static void WriteError(Utf8JsonWriter json, Problem p)
    {
        json.WriteString("type", "error");
        json.WriteStartObject("error");
        json.WriteString("type", TypeOf(p.Status));
        json.WriteString("message", p.Message);
        json.WriteEndObject();
    }

    public static string TypeOf(int status) => status switch
    {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 or 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 or 529 => "overloaded_error",
        >= 500 => "api_error",
        _ => "invalid_request_error",
    };
}
