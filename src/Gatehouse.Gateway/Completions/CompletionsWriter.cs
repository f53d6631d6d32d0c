using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Completions;

/// <summary>Writes a <c>text_completion</c>.</summary>
internal static class CompletionsWriter
{
    public static void Write(ChatAnswer answer, ChatRequest request, IBufferWriter<byte> to)
    {
        var echo = EchoOf(request);
        using var json = JsonOut.Begin(to);
        WriteHead(json, answer.Id, answer.Created, answer.Model);
        foreach (var choice in answer.Choices)
        {
            var text = string.Concat(choice.Parts.Select(p => p is TextPart t ? t.Text : (p as RefusalPart)?.Text));
            BeginChoice(json, choice.Index, echo + text);
            if (choice.Logprobs is { } logprobs)
            {
                json.WritePropertyName("logprobs");
                WriteLogprobs(json, logprobs, echo.Length);
            }
            else
            {
                json.WriteNull("logprobs");
            }

            json.WriteString("finish_reason", FinishOf(choice.Finish));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (answer.Usage is { } usage)
        {
            json.WritePropertyName("usage");
            OpenAiUsage.Write(json, usage);
        }

        json.WriteEndObject();
    }

    /// <summary>The prompt where the client wants it back ahead of the text, else nothing.</summary>
    public static string EchoOf(ChatRequest request) =>
        WireJson.TryGet(request.Body, "echo", out var echo) && WireJson.Bool(echo, "echo")
            ? CompletionsRequestReader.PromptOf(request.Body)
            : "";

    public static void WriteHead(Utf8JsonWriter json, string id, long created, string model)
    {
        json.WriteStartObject();
        json.WriteString("id", id.Length > 0 ? id : $"cmpl-{Guid.CreateVersion7():N}");
        json.WriteString("object", "text_completion");
        json.WriteNumber("created", created > 0 ? created : TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
        json.WriteString("model", model);
        json.WriteStartArray("choices");
    }

    public static void BeginChoice(Utf8JsonWriter json, int index, string text)
    {
        json.WriteStartObject();
        json.WriteString("text", text);
        json.WriteNumber("index", index);
    }

    public static string FinishOf(FinishReason reason) =>
        StopReasons.ToOpenAi(reason) is var name && name == "tool_calls" ? "stop" : StopReasons.ToOpenAi(reason);

    /// <summary>The chat format's list of tokens as this format's parallel lists.</summary>
    /// <returns>The offset behind the last token.</returns>
    public static int WriteLogprobs(Utf8JsonWriter json, JsonElement chat, int offset)
    {
        var tokens = WireJson.Items(chat, "content").ToList();
        json.WriteStartObject();
        json.WriteStartArray("tokens");
        tokens.ForEach(t => json.WriteStringValue(WireJson.StringOrEmpty(t, "token")));
        json.WriteEndArray();
        json.WriteStartArray("token_logprobs");
        tokens.ForEach(t => WriteNumber(json, t));
        json.WriteEndArray();
        json.WriteStartArray("top_logprobs");
        foreach (var token in tokens)
        {
            json.WriteStartObject();
            foreach (var top in WireJson.Items(token, "top_logprobs").DistinctBy(t => WireJson.StringOrEmpty(t, "token")))
            {
                json.WritePropertyName(WireJson.StringOrEmpty(top, "token"));
                WriteNumber(json, top);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("text_offset");
        foreach (var token in tokens)
        {
            json.WriteNumberValue(offset);
            offset += WireJson.StringOrEmpty(token, "token").Length;
        }

        json.WriteEndArray();
        json.WriteEndObject();
        return offset;
    }

    private static void WriteNumber(Utf8JsonWriter json, JsonElement token)
    {
        if (WireJson.TryGet(token, "logprob", out var number))
        {
            json.WriteRaw(number);
        }
        else
        {
            json.WriteNullValue();
        }
    }
}

/// <summary>Writes a stream of <c>text_completion</c> chunks.</summary>
internal sealed class CompletionsStreamWriter(ChatRequest request) : IStreamWriter
{
    private readonly Dictionary<int, int> _offsets = []; // of the next token in the text of each choice that has begun
    private string _id = "";
    private string _model = "";
    private long _created;
    private TokenUsage? _usage;

    public void Write(ChatEvent e, IBufferWriter<byte> to)
    {
        switch (e)
        {
            case StartedEvent started:
                _id = started.Id.Length > 0 ? started.Id : $"cmpl-{Guid.CreateVersion7():N}";
                _model = started.Model;
                _created = started.Created > 0 ? started.Created : TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
                _usage = started.Usage;
                break;
            case TextEvent text when text.Text.Length > 0 || text.Logprobs is not null:
                WriteChunk(text.Choice, text.Text, null, to, text.Logprobs);
                break;
            case RefusalEvent { Text.Length: > 0 } refusal:
                WriteChunk(refusal.Choice, refusal.Text, null, to);
                break;
            case FinishedEvent finished:
                WriteChunk(finished.Choice, "", CompletionsWriter.FinishOf(finished.Reason), to);
                break;
            case UsageEvent usage:
                _usage = usage.Usage;
                break;
            case PingEvent:
                to.Write(": ping\n\n"u8);
                break;
            case FailedEvent failed:
                Error(failed.ToProblem(), to);
                break;
        }
    }

    public void End(IBufferWriter<byte> to) =>
        ChatFrames.End(to, request.IncludeUsage ? _usage : null, json => CompletionsWriter.WriteHead(json, _id, _created, _model));

    public void Error(Problem p, IBufferWriter<byte> to) => ChatFrames.Error(p, to);

    private void WriteChunk(int choice, string text, string? finish, IBufferWriter<byte> to, JsonElement? logprobs = null)
    {
        if (!_offsets.TryGetValue(choice, out var offset))
        {
            var echo = CompletionsWriter.EchoOf(request);
            (text, offset) = (echo + text, echo.Length);
        }

        to.Write("data: "u8);
        using var json = JsonOut.Begin(to);
        CompletionsWriter.WriteHead(json, _id, _created, _model);
        CompletionsWriter.BeginChoice(json, choice, text);
        if (logprobs is { } known)
        {
            json.WritePropertyName("logprobs");
            offset = CompletionsWriter.WriteLogprobs(json, known, offset);
        }
        else
        {
            json.WriteNull("logprobs");
        }

        _offsets[choice] = offset;
        json.WriteStringOrNull("finish_reason", finish);
        json.WriteEndObject();
        json.WriteEndArray();
        if (request.IncludeUsage)
        {
            json.WriteNull("usage");
        }

        json.WriteEndObject();
        json.Flush();
        to.Write("\n\n"u8);
    }
}
