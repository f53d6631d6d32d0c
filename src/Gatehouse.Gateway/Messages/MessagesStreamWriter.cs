using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Anthropic;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Messages;

/// <summary>
/// Writes the events of the messages format. Its invariants:
/// 1. <c>message_start</c> comes first, once; <c>message_delta</c> and <c>message_stop</c> come last, once, and only by <see cref="End"/>.
/// 2. One block is open at a time, and indexes are dense: what belongs to a later block waits in that block until those before it
///    are complete. Text and thinking are complete when another block follows, a tool call when its arguments are a whole JSON object;
///    all of them at the finish.
/// 3. <c>message_delta</c> waits for the end, because the usage it carries may come after the finish.
/// </summary>
internal sealed class MessagesStreamWriter(ChatRequest request) : IStreamWriter
{
    private readonly List<Block> _blocks = []; // the first one is open, the others wait
    private readonly HashSet<int> _closedCalls = [];
    private bool _started;
    private int _index;
    private FinishReason _finish;
    private string? _stopSequence;
    private TokenUsage? _usage;
    private long _characters; // of the answer so far

    private enum Kind
    {
        Text,
        Thinking,
        RedactedThinking,
        Tool,
    }

    public void Write(ChatEvent e, IBufferWriter<byte> to)
    {
        switch (e)
        {
            case StartedEvent started:
                Start(started, to);
                break;
            case TextEvent { Choice: 0 } text:
                Append(Kind.Text, text.Text, to);
                break;
            case RefusalEvent { Choice: 0 } refusal:
                Append(Kind.Text, refusal.Text, to);
                break;
            case ThinkingEvent { Choice: 0 } thinking:
                Append(Kind.Thinking, thinking.Text, to);
                break;
            case ThinkingSignedEvent { Choice: 0 } signed:
                LastOrNew(Kind.Thinking, to).Signature = signed.Signature;
                break;
            case RedactedThinkingEvent { Choice: 0 } redacted:
                Add(new Block(Kind.RedactedThinking) { Id = redacted.Data }, to);
                break;
            case ToolStartedEvent { Choice: 0 } tool:
                Add(new Block(Kind.Tool) { Call = tool.Index, Id = tool.Id, Name = tool.Name }, to);
                break;
            case ToolArgumentsEvent { Choice: 0 } arguments:
                AppendArguments(arguments, to);
                break;
            case FinishedEvent { Choice: 0 } finished:
                _finish = finished.Reason;
                _stopSequence = finished.StopSequence;
                CloseAll(to);
                break;
            case UsageEvent usage:
                _usage = usage.Usage;
                break;
            case PingEvent:
                to.Write("event: ping\ndata: {\"type\":\"ping\"}\n\n"u8);
                break;
            case FailedEvent failed:
                Error(failed.ToProblem(), to);
                break;
        }
    }

    public void End(IBufferWriter<byte> to)
    {
        Start(new StartedEvent("", request.Model, 0, null), to);
        CloseAll(to);
        using (var json = Open("message_delta", to))
        {
            json.WriteStartObject("delta");
            json.WriteString("stop_reason", StopReasons.ToAnthropic(_finish));
            json.WriteStringOrNull("stop_sequence", _stopSequence);
            json.WriteEndObject();
            json.WritePropertyName("usage");
            if (_usage is { } usage)
            {
                AnthropicUsage.Write(json, usage);
            }
            else
            {
                // Totals in message_delta overwrite those of message_start: its estimate of the input shall stand.
                json.WriteStartObject();
                json.WriteNumber("output_tokens", ChatRequest.EstimateTokens(_characters));
                json.WriteEndObject();
            }

            Close(json, to);
        }

        using var stop = Open("message_stop", to);
        Close(stop, to);
    }

    public void Error(Problem p, IBufferWriter<byte> to)
    {
        to.Write("event: error\ndata: "u8);
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        MessagesErrors.WriteError(json, p);
        Close(json, to);
    }

    private void Start(StartedEvent started, IBufferWriter<byte> to)
    {
        if (_started)
        {
            return;
        }

        _started = true;
        _usage = started.Usage;
        using var json = Open("message_start", to);
        json.WriteStartObject("message");
        json.WriteString("id", started.Id.Length > 0 ? started.Id : $"msg_{Guid.CreateVersion7():N}");
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteString("model", started.Model);
        json.WriteStartArray("content");
        json.WriteEndArray();
        json.WriteNull("stop_reason");
        json.WriteNull("stop_sequence");
        json.WritePropertyName("usage");
        AnthropicUsage.Write(json, started.Usage ?? new TokenUsage(request.EstimateInputTokens(), 0, 0, 0, 1, 0));
        json.WriteEndObject();
        Close(json, to);
    }

    private void Append(Kind kind, string text, IBufferWriter<byte> to)
    {
        if (text.Length > 0)
        {
            Append(LastOrNew(kind, to), text, to);
        }
    }

    private void AppendArguments(ToolArgumentsEvent e, IBufferWriter<byte> to)
    {
        var block = _blocks.Find(b => b.Kind == Kind.Tool && b.Call == e.Index);
        if (block is not null)
        {
            block.Arguments.Add(e.Arguments);
            Append(block, e.Arguments, to);
            Advance(to);
        }
        else if (!_closedCalls.Contains(e.Index) || !string.IsNullOrWhiteSpace(e.Arguments))
        {
            throw new FormatException("The provider sent arguments of a tool call that is complete or was never begun.");
        }
    }

    private void Append(Block block, string text, IBufferWriter<byte> to)
    {
        if (text.Length == 0)
        {
            return;
        }

        if (block == _blocks[0])
        {
            WriteDelta(block.Kind, text, to);
        }
        else
        {
            block.Waiting.Append(text);
        }
    }

    /// <summary>Thinking that is signed is complete: what follows is another block.</summary>
    private Block LastOrNew(Kind kind, IBufferWriter<byte> to)
    {
        if (_blocks.Count > 0 && _blocks[^1] is { Signature: null } last && last.Kind == kind)
        {
            return last;
        }

        var block = new Block(kind);
        Add(block, to);
        return block;
    }

    private void Add(Block block, IBufferWriter<byte> to)
    {
        _blocks.Add(block);
        if (_blocks.Count == 1)
        {
            WriteStart(block, to);
        }

        Advance(to);
    }

    private void Advance(IBufferWriter<byte> to)
    {
        while (_blocks.Count > 1 && (_blocks[0].Kind != Kind.Tool || _blocks[0].Arguments.Complete))
        {
            CloseFirst(to);
        }
    }

    private void CloseAll(IBufferWriter<byte> to)
    {
        while (_blocks.Count > 0)
        {
            CloseFirst(to);
        }
    }

    private void CloseFirst(IBufferWriter<byte> to)
    {
        var block = _blocks[0];
        if (block.Signature is { } signature)
        {
            WriteDelta("signature_delta", "signature", signature, to);
        }

        using (var json = Open("content_block_stop", to))
        {
            json.WriteNumber("index", _index++);
            Close(json, to);
        }

        if (block.Kind == Kind.Tool)
        {
            _closedCalls.Add(block.Call);
        }

        _blocks.RemoveAt(0);
        if (_blocks.Count > 0)
        {
            var next = _blocks[0];
            WriteStart(next, to);
            if (next.Waiting.Length > 0)
            {
                WriteDelta(next.Kind, next.Waiting.ToString(), to);
            }
        }
    }

    private void WriteStart(Block block, IBufferWriter<byte> to)
    {
        using var json = Open("content_block_start", to);
        json.WriteNumber("index", _index);
        json.WriteStartObject("content_block");
        switch (block.Kind)
        {
            case Kind.Text:
                json.WriteString("type", "text");
                json.WriteString("text", "");
                break;
            case Kind.Thinking:
                json.WriteString("type", "thinking");
                json.WriteString("thinking", "");
                json.WriteString("signature", "");
                break;
            case Kind.RedactedThinking:
                json.WriteString("type", "redacted_thinking");
                json.WriteString("data", block.Id);
                break;
            default:
                json.WriteString("type", "tool_use");
                json.WriteString("id", block.Id);
                json.WriteString("name", block.Name);
                json.WriteStartObject("input");
                json.WriteEndObject();
                MessagesAnswerWriter.WriteDirectCaller(json);
                break;
        }

        json.WriteEndObject();
        Close(json, to);
    }

    private void WriteDelta(Kind kind, string text, IBufferWriter<byte> to)
    {
        var (type, field) = kind switch
        {
            Kind.Text => ("text_delta", "text"),
            Kind.Thinking => ("thinking_delta", "thinking"),
            _ => ("input_json_delta", "partial_json"),
        };
        _characters += text.Length;
        WriteDelta(type, field, text, to);
    }

    private void WriteDelta(string type, string field, string text, IBufferWriter<byte> to)
    {
        using var json = Open("content_block_delta", to);
        json.WriteNumber("index", _index);
        json.WriteStartObject("delta");
        json.WriteString("type", type);
        json.WriteString(field, text);
        json.WriteEndObject();
        Close(json, to);
    }

    private static Utf8JsonWriter Open(string type, IBufferWriter<byte> to)
    {
        to.Write("event: "u8);
        Encoding.UTF8.GetBytes(type, to);
        to.Write("\ndata: "u8);
        var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteString("type", type);
        return json;
    }

    private static void Close(Utf8JsonWriter json, IBufferWriter<byte> to)
    {
        json.WriteEndObject();
        json.Flush();
        to.Write("\n\n"u8);
    }

    private sealed class Block(Kind kind)
    {
        public Kind Kind { get; } = kind;

        public int Call { get; init; }

        /// <summary>Of a tool call; the sealed data of redacted thinking.</summary>
        public string Id { get; init; } = "";

        public string Name { get; init; } = "";

        public string? Signature { get; set; }

        public JsonCompleteness Arguments { get; } = new();

        public StringBuilder Waiting { get; } = new();
    }
}
