using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gatehouse.Gateway.Providers.Simulator;

/// <summary>Writes the simulator's answers in OpenAI's chat format, cut into the frames that arrive one after the other.</summary>
internal sealed class SimulatorWire(SimulatorRequest request, SimulatorReply reply, string id, long created)
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static byte[] Error(string message, string type, string? param, string? code)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        WriteError(buffer, message, type, param, code);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The answer as one body.</summary>
    public byte[] Body()
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, Relaxed))
        {
            json.WriteStartObject();
            Head(json, "chat.completion");
            json.WriteStartArray("choices");
            for (var index = 0; index < reply.Choices.Count; index++)
            {
                var choice = reply.Choices[index];
                json.WriteStartObject();
                json.WriteNumber("index", index);
                json.WriteStartObject("message");
                json.WriteString("role", "assistant");
                json.WriteString("content", choice.Refused || choice.Calls.Count > 0 ? null : choice.Text);
                json.WriteString("refusal", choice.Refused ? choice.Text : null);
                if (choice.Calls.Count > 0)
                {
                    json.WriteStartArray("tool_calls");
                    foreach (var call in choice.Calls)
                    {
                        ToolCall(json, call, null, call.Arguments);
                    }

                    json.WriteEndArray();
                }

                json.WriteEndObject();
                json.WriteNull("logprobs");
                json.WriteString("finish_reason", choice.Finish);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            Usage(json);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The answer as server-sent events; the fault, if it is one of a stream's, in their middle.</summary>
    /// <param name="after">Pieces of text before the fault.</param>
    /// <param name="tokenTime">The time that one token takes.</param>
    public SimulatorBody Stream(SimulatorFaultKind? fault, int after, TimeSpan tokenTime, TimeProvider clock)
    {
        var body = new SimulatorBody(clock);
        body.Wait(tokenTime * reply.ReasoningTokens);
        var sent = 0;
        for (var index = 0; index < reply.Choices.Count; index++)
        {
            var choice = reply.Choices[index];
            Chunk(body, index, null, json =>
            {
                json.WriteString("role", "assistant");
                json.WriteString("content", choice.Calls.Count > 0 || choice.Refused ? null : "");
            });
            foreach (var piece in Pieces(choice))
            {
                if (sent++ == after && Break(body, fault))
                {
                    return body;
                }

                body.Wait(tokenTime);
                Chunk(body, index, null, piece);
            }

            Chunk(body, index, choice.Finish, _ => { });
        }

        // An answer shorter than the fault's place breaks at its end.
        if (sent <= after && Break(body, fault))
        {
            return body;
        }

        if (request.IncludeUsage)
        {
            body.Event(json =>
            {
                json.WriteStartObject();
                Head(json, "chat.completion.chunk");
                json.WriteStartArray("choices");
                json.WriteEndArray();
                Usage(json);
                json.WriteEndObject();
            });
        }

        body.Bytes("data: [DONE]\n\n"u8);
        return body;
    }

    private static bool Break(SimulatorBody body, SimulatorFaultKind? fault)
    {
        body.Split();
        switch (fault)
        {
            case SimulatorFaultKind.StreamError:
                body.Bytes("data: "u8);
                body.Bytes(Error("The simulator was told to fail within the stream.", "server_error", null, "server_error"));
                body.Bytes("\n\n"u8);
                return true;
            case SimulatorFaultKind.StreamTruncated:
                return true;
            case SimulatorFaultKind.StreamStalled:
                body.End(SimulatorEnd.Stall);
                return true;
            case SimulatorFaultKind.MalformedJson:
                body.Bytes("data: {\"id\":\"chatcmpl-sim\",\"choices\":[{\"delta\":<html>\n\n"u8);
                return true;
            default:
                return false;
        }
    }

    private static IEnumerable<Action<Utf8JsonWriter>> Pieces(SimulatorChoice choice)
    {
        foreach (var piece in Cut(choice.Text))
        {
            yield return json => json.WriteString(choice.Refused ? "refusal" : "content", piece);
        }

        for (var index = 0; index < choice.Calls.Count; index++)
        {
            var call = choice.Calls[index];
            var at = index;
            yield return json => ToolCalls(json, () => ToolCall(json, call, at, ""));
            foreach (var piece in Cut(call.Arguments))
            {
                yield return json => ToolCalls(json, () => Arguments(json, at, piece));
            }
        }
    }

    private static IEnumerable<string> Cut(string text)
    {
        for (var at = 0; at < text.Length;)
        {
            var length = Math.Min(SimulatorReply.TokenChars, text.Length - at);
            length += char.IsHighSurrogate(text[at + length - 1]) && at + length < text.Length ? 1 : 0;
            yield return text.Substring(at, length);
            at += length;
        }
    }

    private static void ToolCalls(Utf8JsonWriter json, Action call)
    {
        json.WriteStartArray("tool_calls");
        call();
        json.WriteEndArray();
    }

    private static void ToolCall(Utf8JsonWriter json, SimulatorToolCall call, int? index, string arguments)
    {
        json.WriteStartObject();
        if (index is { } at)
        {
            json.WriteNumber("index", at);
        }

        json.WriteString("id", call.Id);
        json.WriteString("type", "function");
        json.WriteStartObject("function");
        json.WriteString("name", call.Name);
        json.WriteString("arguments", arguments);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Arguments(Utf8JsonWriter json, int index, string piece)
    {
        json.WriteStartObject();
        json.WriteNumber("index", index);
        json.WriteStartObject("function");
        json.WriteString("arguments", piece);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteError(IBufferWriter<byte> to, string message, string type, string? param, string? code)
    {
        using var json = new Utf8JsonWriter(to, Relaxed);
        json.WriteStartObject();
        json.WriteStartObject("error");
        json.WriteString("message", message);
        json.WriteString("type", type);
        json.WriteString("param", param);
        json.WriteString("code", code);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void Chunk(SimulatorBody body, int index, string? finish, Action<Utf8JsonWriter> delta) => body.Event(json =>
    {
        json.WriteStartObject();
        Head(json, "chat.completion.chunk");
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteNumber("index", index);
        json.WriteStartObject("delta");
        delta(json);
        json.WriteEndObject();
        json.WriteString("finish_reason", finish);
        json.WriteEndObject();
        json.WriteEndArray();
        if (request.IncludeUsage)
        {
            json.WriteNull("usage");
        }

        json.WriteEndObject();
    });

    private void Head(Utf8JsonWriter json, string kind)
    {
        json.WriteString("id", id);
        json.WriteString("object", kind);
        json.WriteNumber("created", created);
        json.WriteString("model", request.Model);
        json.WriteString("system_fingerprint", "simulator");
    }

    private void Usage(Utf8JsonWriter json)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", reply.InputTokens);
        json.WriteNumber("completion_tokens", reply.OutputTokens);
        json.WriteNumber("total_tokens", reply.InputTokens + reply.OutputTokens);
        json.WriteStartObject("prompt_tokens_details");
        json.WriteNumber("cached_tokens", 0);
        json.WriteEndObject();
        json.WriteStartObject("completion_tokens_details");
        json.WriteNumber("reasoning_tokens", reply.ReasoningTokens);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
