using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Responses;

/// <summary>What Gatehouse decides about a response, whoever makes its content.</summary>
/// <param name="Id">Used where a provider of another format answers, and for background runs.</param>
/// <param name="IsStored">It can be asked for again.</param>
internal sealed record ResponseTerms(string Id, string? PreviousId, bool IsStored, bool IsBackground);

/// <summary>Writes a <c>response</c> object and its items; what was asked is echoed as the format wants it.</summary>
internal static class ResponseWriter
{
    public static void Write(ChatAnswer answer, ChatRequest request, ResponseTerms terms, IBufferWriter<byte> to)
    {
        var draft = new ResponseDraft(terms.Id);
        draft.Add(answer, request);
        using var json = JsonOut.Begin(to);
        Write(json, draft, request, terms, draft.Incomplete is null ? "completed" : "incomplete");
    }

    /// <param name="status"><c>in_progress</c> writes no output yet.</param>
    public static void Write(
        Utf8JsonWriter json, ResponseDraft draft, ChatRequest request, ResponseTerms terms, string status, Problem? error = null)
    {
        json.WriteStartObject();
        json.WriteString("id", draft.Id);
        json.WriteString("object", "response");
        json.WriteNumber("created_at", draft.CreatedAt);
        json.WriteString("status", status);
        json.WriteBoolean("background", terms.IsBackground);
        WriteError(json, error);
        if (status == "incomplete")
        {
            json.WriteStartObject("incomplete_details");
            json.WriteString("reason", draft.Incomplete);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("incomplete_details");
        }

        json.WriteString("model", draft.Model.Length > 0 ? draft.Model : request.Model);
        json.WriteStartArray("output");
        foreach (var item in draft.Items)
        {
            if (item.IsDone)
            {
                WriteItem(json, item, status == "incomplete" && item == draft.Items[^1] ? "incomplete" : "completed");
            }
        }

        json.WriteEndArray();
        json.WriteStringOrNull("previous_response_id", terms.PreviousId);
        json.WriteBoolean("store", terms.IsStored);
        WriteEcho(json, request);
        json.WriteString("service_tier", draft.ServiceTier is null or "standard" ? "default" : draft.ServiceTier);
        json.WritePropertyName("usage");
        if (draft.Usage is { } usage)
        {
            WriteUsage(json, usage);
        }
        else
        {
            json.WriteNullValue();
        }

        json.WriteEndObject();
    }

    public static void WriteItem(Utf8JsonWriter json, OutputItem item, string status)
    {
        json.WriteStartObject();
        json.WriteString("id", item.Id);
        switch (item.Kind)
        {
            case OutputKind.Message:
                json.WriteString("type", "message");
                json.WriteString("status", status);
                json.WriteString("role", "assistant");
                json.WriteStartArray("content");
                foreach (var refusal in (ReadOnlySpan<bool>)[item.RefusalFirst, !item.RefusalFirst])
                {
                    if (refusal ? item.HasRefusal : item.HasText)
                    {
                        WritePart(json, refusal, (refusal ? item.Refusal : item.Text).ToString(), item.Logprobs);
                    }
                }

                json.WriteEndArray();
                break;
            case OutputKind.Reasoning:
                json.WriteString("type", "reasoning");
                json.WriteStartArray("summary");
                if (item.HasText)
                {
                    WriteSummary(json, item.Text.ToString());
                }

                json.WriteEndArray();
                if (item.Seal is { } seal)
                {
                    json.WriteString("encrypted_content", seal);
                }

                break;
            default:
                var custom = item.Kind == OutputKind.CustomCall;
                json.WriteString("type", custom ? "custom_tool_call" : "function_call");
                json.WriteString("status", status);
                json.WriteString("call_id", item.CallId);
                json.WriteString("name", item.Name);
                json.WriteString(custom ? "input" : "arguments", item.Text.ToString());
                break;
        }

        json.WriteEndObject();
    }

    public static void WritePart(Utf8JsonWriter json, bool refusal, string text, IReadOnlyList<JsonElement> logprobs)
    {
        json.WriteStartObject();
        json.WriteString("type", refusal ? "refusal" : "output_text");
        if (refusal)
        {
            json.WriteString("refusal", text);
        }
        else
        {
            json.WriteString("text", text);
            json.WriteStartArray("annotations");
            json.WriteEndArray();
            Logprobs.WriteResponses(json, logprobs);
        }

        json.WriteEndObject();
    }

    public static void WriteSummary(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString("type", "summary_text");
        json.WriteString("text", text);
        json.WriteEndObject();
    }

    public static void WriteUsage(Utf8JsonWriter json, in TokenUsage usage)
    {
        json.WriteStartObject();
        json.WriteNumber("input_tokens", usage.TotalInput);
        json.WriteStartObject("input_tokens_details");
        json.WriteNumber("cached_tokens", usage.CacheRead);
        json.WriteNumber("cache_write_tokens", usage.CacheWrite + usage.CacheWriteLong);
        json.WriteEndObject();
        json.WriteNumber("output_tokens", usage.TotalOutput);
        json.WriteStartObject("output_tokens_details");
        json.WriteNumber("reasoning_tokens", usage.Reasoning);
        json.WriteEndObject();
        json.WriteNumber("total_tokens", usage.Total);
        json.WriteEndObject();
    }

    /// <summary>The property <c>error</c> of a response.</summary>
    public static void WriteError(Utf8JsonWriter json, Problem? error)
    {
        if (error is null)
        {
            json.WriteNull("error");
            return;
        }

        json.WriteStartObject("error");
        json.WriteString("code", ResponsesErrors.KnownCodeOf(error));
        json.WriteString("message", error.Message);
        json.WriteEndObject();
    }

    private static void WriteEcho(Utf8JsonWriter json, ChatRequest request)
    {
        Echo(json, request, "instructions", "null"u8);
        Echo(json, request, "max_output_tokens", "null"u8);
        Echo(json, request, "max_tool_calls", "null"u8);
        Echo(json, request, "metadata", "{}"u8);
        Echo(json, request, "parallel_tool_calls", "true"u8);
        Echo(json, request, "prompt_cache_key", "null"u8);
        Echo(json, request, "reasoning", """{"effort":null,"summary":null}"""u8);
        Echo(json, request, "safety_identifier", "null"u8);
        Echo(json, request, "temperature", "1"u8);
        Echo(json, request, "text", """{"format":{"type":"text"}}"""u8);
        Echo(json, request, "tool_choice", "\"auto\""u8);
        Echo(json, request, "tools", "[]"u8);
        Echo(json, request, "top_logprobs", "0"u8);
        Echo(json, request, "top_p", "1"u8);
        Echo(json, request, "truncation", "\"disabled\""u8);
        Echo(json, request, "user", "null"u8);
    }

    private static void Echo(Utf8JsonWriter json, ChatRequest request, string name, ReadOnlySpan<byte> otherwise)
    {
        json.WritePropertyName(name);
        if (WireJson.TryGet(request.Body, name, out var value))
        {
            json.WriteRaw(value);
        }
        else
        {
            json.WriteRawValue(otherwise, skipInputValidation: true);
        }
    }
}
