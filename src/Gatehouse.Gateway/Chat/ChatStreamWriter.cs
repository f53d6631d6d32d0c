using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Chat;

/// <summary>
/// Writes a stream of <c>chat.completion.chunk</c>s. No chunk has an empty delta, and none has empty <c>choices</c> but the usage
/// chunk of a client that asked for it: clients read <c>choices[0]</c> unguarded.
/// </summary>
/// <param name="request">Says whether usage was asked for, which tools are custom ones, and which form of tools the client speaks.</param>
internal sealed class ChatStreamWriter(ChatRequest request) : IStreamWriter
{
    private readonly List<int> _spoken = []; // choices whose role was sent
    private readonly StringBuilder _thinking = new();
    private readonly List<CustomCall> _customCalls = [];
    private string _id = "";
    private string _model = "";
    private long _created;
    private int _details;
    private TokenUsage? _usage;

    public void Write(ChatEvent e, IBufferWriter<byte> to)
    {
        switch (e)
        {
            case StartedEvent started:
                _id = started.Id.Length > 0 ? started.Id : $"chatcmpl-{Guid.CreateVersion7():N}";
                _model = started.Model;
                _created = started.Created > 0 ? started.Created : TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
                _usage = started.Usage;
                using (var chunk = Open(to, 0))
                {
                    chunk.WriteString("content", "");
                    Close(chunk, to);
                }

                break;
            case TextEvent text:
                WriteString(to, text.Choice, "content", text.Text, text.Logprobs);
                break;
            case RefusalEvent refusal:
                WriteString(to, refusal.Choice, "refusal", refusal.Text);
                break;
            case ThinkingEvent thinking:
                _thinking.Append(thinking.Text);
                WriteString(to, thinking.Choice, "reasoning_content", thinking.Text);
                break;
            case ThinkingSignedEvent signed:
                WriteDetail(to, signed.Choice, new ThinkingPart(_thinking.ToString(), signed.Signature));
                _thinking.Clear();
                break;
            case RedactedThinkingEvent redacted:
                WriteDetail(to, redacted.Choice, new RedactedThinkingPart(redacted.Data));
                break;
            case ToolStartedEvent tool:
                WriteToolStart(to, tool);
                break;
            case ToolArgumentsEvent arguments:
                WriteArguments(to, arguments);
                break;
            case FinishedEvent finished:
                WriteFinish(to, finished);
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

    public void End(IBufferWriter<byte> to) => ChatFrames.End(to, request.IncludeUsage ? _usage : null, WriteHead);

    public void Error(Problem p, IBufferWriter<byte> to) => ChatFrames.Error(p, to);

    private void WriteString(IBufferWriter<byte> to, int choice, string name, string text, JsonElement? logprobs = null)
    {
        if (text.Length == 0 && logprobs is null)
        {
            return;
        }

        using var json = Open(to, choice);
        json.WriteString(name, text);
        Close(json, to, logprobs: logprobs);
    }

    private void WriteDetail(IBufferWriter<byte> to, int choice, Part part)
    {
        using var json = Open(to, choice);
        json.WriteStartArray("reasoning_details");
        ChatReasoning.WriteDetail(json, part, _details++);
        json.WriteEndArray();
        Close(json, to);
    }

    private void WriteToolStart(IBufferWriter<byte> to, ToolStartedEvent tool)
    {
        if (request.IsCustomTool(tool.Name))
        {
            _customCalls.Add(new CustomCall(tool, new StringBuilder()));
            return;
        }

        using var json = Open(to, tool.Choice);
        if (request.LegacyFunctions)
        {
            json.WriteStartObject("function_call");
        }
        else
        {
            BeginCall(json, tool, "function");
        }

        json.WriteString("name", tool.Name);
        json.WriteString("arguments", "");
        EndCall(json);
        Close(json, to);
    }

    private void WriteArguments(IBufferWriter<byte> to, ToolArgumentsEvent e)
    {
        foreach (var custom in _customCalls)
        {
            if (custom.Start.Choice == e.Choice && custom.Start.Index == e.Index)
            {
                custom.Arguments.Append(e.Arguments);
                return;
            }
        }

        if (e.Arguments.Length == 0)
        {
            return;
        }

        using var json = Open(to, e.Choice);
        if (request.LegacyFunctions)
        {
            json.WriteStartObject("function_call");
        }
        else
        {
            json.WriteStartArray("tool_calls");
            json.WriteStartObject();
            json.WriteNumber("index", e.Index);
            json.WriteStartObject("function");
        }

        json.WriteString("arguments", e.Arguments);
        EndCall(json);
        Close(json, to);
    }

    private void WriteFinish(IBufferWriter<byte> to, FinishedEvent finished)
    {
        // The input of a custom tool is one string inside JSON: it can be told only when it is whole.
        foreach (var (start, arguments) in _customCalls)
        {
            if (start.Choice == finished.Choice)
            {
                using var call = Open(to, start.Choice);
                BeginCall(call, start, "custom");
                call.WriteString("name", start.Name);
                call.WriteString("input", ToolArguments.CustomText(arguments.ToString()));
                EndCall(call);
                Close(call, to);
            }
        }

        _customCalls.RemoveAll(c => c.Start.Choice == finished.Choice);
        using var json = Open(to, finished.Choice);
        Close(json, to, ChatAnswerWriter.FinishOf(finished.Reason, request.LegacyFunctions));
    }

    private static void BeginCall(Utf8JsonWriter json, ToolStartedEvent tool, string type)
    {
        json.WriteStartArray("tool_calls");
        json.WriteStartObject();
        json.WriteNumber("index", tool.Index);
        json.WriteString("id", tool.Id);
        json.WriteString("type", type);
        json.WriteStartObject(type);
    }

    private void EndCall(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        if (!request.LegacyFunctions)
        {
            json.WriteEndObject();
            json.WriteEndArray();
        }
    }

    /// <summary>Begins a chunk and leaves its delta open; the first one of a choice carries the role.</summary>
    private Utf8JsonWriter Open(IBufferWriter<byte> to, int choice)
    {
        to.Write("data: "u8);
        var json = JsonOut.Begin(to);
        WriteHead(json);
        json.WriteStartObject();
        json.WriteNumber("index", choice);
        json.WriteStartObject("delta");
        if (!_spoken.Contains(choice))
        {
            _spoken.Add(choice);
            json.WriteString("role", "assistant");
        }

        return json;
    }

    private void Close(Utf8JsonWriter json, IBufferWriter<byte> to, string? finish = null, JsonElement? logprobs = null)
    {
        json.WriteEndObject();
        if (logprobs is { } known)
        {
            json.WriteRaw("logprobs", known);
        }
        else
        {
            json.WriteNull("logprobs");
        }

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

    private void WriteHead(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("id", _id);
        json.WriteString("object", "chat.completion.chunk");
        json.WriteNumber("created", _created);
        json.WriteString("model", _model);
        json.WriteStartArray("choices");
    }

    private sealed record CustomCall(ToolStartedEvent Start, StringBuilder Arguments);
}
