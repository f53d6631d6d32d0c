using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Anthropic;

/// <summary>Reads the events of the messages format, which end in <c>message_stop</c>.</summary>
internal sealed class AnthropicStreamReader : IStreamReader
{
    private AnthropicUsage _usage;
    private Block _block;
    private int _calls;
    private bool _callHasArguments;

    private enum Block
    {
        None,
        Content,
        Tool,

        /// <summary>Runs at the provider: the other format has no word for it.</summary>
        Ignored,
    }

    public bool Ended { get; private set; }

    public void Read(ReadOnlySpan<byte> eventName, ReadOnlySpan<byte> data, List<ChatEvent> into)
    {
        if (Ended)
        {
            return;
        }

        var json = WireJson.ParseAnswer(data);
        switch (WireJson.StringOrNull(json, "type"))
        {
            case "message_start":
                ReadStart(json, into);
                break;
            case "content_block_start":
                ReadBlockStart(WireJson.TryGet(json, "content_block", out var block) ? block : default, into);
                break;
            case "content_block_delta":
                ReadDelta(WireJson.TryGet(json, "delta", out var delta) ? delta : default, into);
                break;
            case "content_block_stop":
                EndBlock(into);
                break;
            case "message_delta":
                ReadMessageDelta(json, into);
                break;
            case "message_stop":
                Ended = true;
                break;
            case "ping":
                into.Add(PingEvent.Instance);
                break;
            case "error":
                var error = AnthropicErrorReader.Read(json, 500);
                into.Add(new FailedEvent(error, AnthropicErrorReader.StatusOf(error)));
                Ended = true;
                break;
        }
    }

    private void ReadStart(JsonElement json, List<ChatEvent> into)
    {
        var message = WireJson.TryGet(json, "message", out var found) ? found : default;
        if (WireJson.TryGet(message, "usage", out var usage))
        {
            _usage.Read(usage);
        }

        into.Add(new StartedEvent(
            WireJson.StringOrEmpty(message, "id"), WireJson.StringOrEmpty(message, "model"), 0, _usage.Total));
    }

    private void ReadBlockStart(JsonElement block, List<ChatEvent> into)
    {
        EndBlock(into);
        switch (WireJson.StringOrNull(block, "type"))
        {
            case "text":
                _block = Block.Content;
                AddText(WireJson.StringOrEmpty(block, "text"), into);
                break;
            case "thinking":
                _block = Block.Content;
                AddThinking(WireJson.StringOrEmpty(block, "thinking"), into);
                AddSignature(WireJson.StringOrEmpty(block, "signature"), into);
                break;
            case "redacted_thinking":
                _block = Block.Content;
                into.Add(new RedactedThinkingEvent(0, WireJson.StringOrEmpty(block, "data")));
                break;
            case "tool_use":
                _block = Block.Tool;
                _callHasArguments = false;
                into.Add(new ToolStartedEvent(0, _calls, WireJson.StringOrEmpty(block, "id"), WireJson.StringOrEmpty(block, "name")));
                if (WireJson.TryGet(block, "input", out var input) && input.ValueKind == JsonValueKind.Object
                    && input.EnumerateObject().Any())
                {
                    AddArguments(WireJson.RawText(input), into); // a few servers send it whole
                }

                break;
            default:
                _block = Block.Ignored;
                break;
        }
    }

    private void ReadDelta(JsonElement delta, List<ChatEvent> into)
    {
        if (_block == Block.Ignored)
        {
            return;
        }

        switch (WireJson.StringOrNull(delta, "type"))
        {
            case "text_delta":
                AddText(WireJson.StringOrEmpty(delta, "text"), into);
                break;
            case "thinking_delta":
                AddThinking(WireJson.StringOrEmpty(delta, "thinking"), into);
                break;
            case "signature_delta":
                AddSignature(WireJson.StringOrEmpty(delta, "signature"), into);
                break;
            case "input_json_delta" when _block == Block.Tool:
                AddArguments(WireJson.StringOrEmpty(delta, "partial_json"), into);
                break;
        }
    }

    private void EndBlock(List<ChatEvent> into)
    {
        if (_block == Block.Tool)
        {
            if (!_callHasArguments)
            {
                AddArguments("{}", into); // no input at all means an empty object
            }

            _calls++;
        }

        _block = Block.None;
    }

    private void ReadMessageDelta(JsonElement json, List<ChatEvent> into)
    {
        EndBlock(into);
        if (WireJson.TryGet(json, "usage", out var usage))
        {
            _usage.Read(usage);
            if (_usage.Total is { } counted)
            {
                into.Add(new UsageEvent(counted));
            }
        }

        if (WireJson.TryGet(json, "delta", out var delta) && WireJson.StringOrNull(delta, "stop_reason") is { } reason)
        {
            into.Add(new FinishedEvent(0, StopReasons.FromAnthropic(reason), WireJson.StringOrNull(delta, "stop_sequence")));
        }
    }

    private static void AddText(string text, List<ChatEvent> into)
    {
        if (text.Length > 0)
        {
            into.Add(new TextEvent(0, text));
        }
    }

    private static void AddThinking(string text, List<ChatEvent> into)
    {
        if (text.Length > 0)
        {
            into.Add(new ThinkingEvent(0, text));
        }
    }

    private static void AddSignature(string signature, List<ChatEvent> into)
    {
        if (signature.Length > 0)
        {
            into.Add(new ThinkingSignedEvent(0, signature));
        }
    }

    private void AddArguments(string arguments, List<ChatEvent> into)
    {
        if (arguments.Length > 0)
        {
            _callHasArguments = true;
            into.Add(new ToolArgumentsEvent(0, _calls, arguments));
        }
    }
}
