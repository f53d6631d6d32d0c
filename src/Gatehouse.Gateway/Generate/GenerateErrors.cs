using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Generate;

/// <summary>Errors in Google's format.</summary>
internal static class GenerateErrors
{
    public static void Write(Problem p, string requestId, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteStartObject("error");
        json.WriteNumber("code", p.Status);
        json.WriteString("message", p.Message);
        json.WriteString("status", StatusOf(p.Status));
        json.WriteStartArray("details");
        json.WriteStartObject();
        json.WriteString("@type", "type.googleapis.com/google.rpc.ErrorInfo");
        json.WriteString("reason", p.Code);
        json.WriteString("domain", "gatehouse");
        json.WriteStartObject("metadata");
        json.WriteString("request_id", requestId);
        if (p.Field is { } field)
        {
            json.WriteString("field", field);
        }

        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public static string StatusOf(int status) => status switch
    {
        401 => "UNAUTHENTICATED",
        402 or 403 => "PERMISSION_DENIED",
        404 or 405 => "NOT_FOUND",
        409 => "ABORTED",
        408 or 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        502 or 503 or 529 => "UNAVAILABLE",
        >= 500 => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
}
