using System.Buffers;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Responses;

/// <summary>
/// Errors of the responses format. As a body they are those of the chat format; within a stream they are events of their own.
/// </summary>
internal static class ResponsesErrors
{
    /// <summary>
    /// The event <c>error</c>. Besides the fields that the format has, it carries an <c>error</c> object: SDKs for JavaScript raise on
    /// that.
    /// </summary>
    public static void WriteEvent(Problem p, int sequence, IBufferWriter<byte> to)
    {
        to.Write("event: error\ndata: "u8);
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            json.WriteString("type", "error");
            json.WriteNumber("sequence_number", sequence);
            json.WriteString("code", CodeOf(p));
            json.WriteString("message", p.Message);
            json.WriteStringOrNull("param", p.Field);
            ChatErrors.WriteError(json, p);
            json.WriteEndObject();
        }

        to.Write("\n\n"u8);
    }

    /// <summary>The code in a response's <c>error</c>, which the format knows a few of; the event <c>error</c> tells the others.</summary>
    public static string KnownCodeOf(Problem p) => p switch
    {
        { Code: "rate_limit_exceeded" or "server_error" or "invalid_prompt" } => p.Code,
        { Status: 429 } => "rate_limit_exceeded",
        { Status: >= 400 and < 500 } => "invalid_prompt",
        _ => "server_error",
    };

    /// <summary>The format's own word where it has one.</summary>
    public static string CodeOf(Problem p) => p.Code switch
    {
        "upstream_error" or "internal_error" => "server_error",
        _ => p.Code,
    };
}
