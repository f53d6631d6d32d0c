using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>Reads the events of <c>ConverseStream</c>; <c>metadata</c>, the last, comes after <c>messageStop</c>.</summary>
internal sealed class BedrockStreamReader(string model) : IStreamReader
{
    private readonly List<Call> _calls = [];
    private bool _started;

    public bool Ended { get; private set; }

    public void Read(ReadOnlySpan<byte> eventName, ReadOnlySpan<byte> data, List<ChatEvent> into)
    {
        if (Ended)
        {
            return;
        }

        if (eventName.SequenceEqual("error"u8))
        {
            var error = BedrockErrorReader.Read(data, 0);
            into.Add(new FailedEvent(error, BedrockErrorReader.StatusOf(error)));
            Ended = true;
            return;
        }

        foreach (var e in WireJson.ParseAnswer(data).EnumerateObject())
        {
            Start(into);
            Read(e.Name, e.Value, into);
        }
    }

    private void Start(List<ChatEvent> into)
    {
        if (!_started)
        {
            _started = true;
            into.Add(new StartedEvent("", model, 0, null));
        }
    }

    private void Read(string name, JsonElement e, List<ChatEvent> into)
    {
        var block = WireJson.IndexOrZero(e, "contentBlockIndex");
        switch (name)
        {
            case "contentBlockStart":
                if (WireJson.TryGet(e, "start", out var start) && WireJson.TryGet(start, "toolUse", out var tool))
                {
                    _calls.Add(new Call(block));
                    into.Add(new ToolStartedEvent(
                        0, _calls.Count - 1, WireJson.StringOrEmpty(tool, "toolUseId"), WireJson.StringOrEmpty(tool, "name")));
                }

                break;
            case "contentBlockDelta":
                ReadDelta(block, WireJson.TryGet(e, "delta", out var delta) ? delta : default, into);
                break;
            case "contentBlockStop":
                if (_calls.Find(c => c.Block == block) is { HasArguments: false } empty)
                {
                    AddArguments(empty, "{}", into); // no input at all means an empty object
                }

                break;
            case "messageStop":
                into.Add(new FinishedEvent(0, BedrockStops.From(WireJson.StringOrNull(e, "stopReason"))));
                break;
            case "metadata":
                if (WireJson.TryGet(e, "usage", out var usage) && usage.ValueKind == JsonValueKind.Object
                    && BedrockUsage.Read(usage) is { } counted)
                {
                    into.Add(new UsageEvent(counted));
                }

                Ended = true;
                break;
        }
    }

    private void ReadDelta(int block, JsonElement delta, List<ChatEvent> into)
    {
        if (WireJson.StringOrNull(delta, "text") is { Length: > 0 } text)
        {
            into.Add(new TextEvent(0, text));
        }
        else if (WireJson.TryGet(delta, "toolUse", out var tool) && _calls.Find(c => c.Block == block) is { } call)
        {
            AddArguments(call, WireJson.StringOrEmpty(tool, "input"), into);
        }
        else if (WireJson.TryGet(delta, "reasoningContent", out var reasoning))
        {
            if (WireJson.StringOrNull(reasoning, "text") is { Length: > 0 } thought)
            {
                into.Add(new ThinkingEvent(0, thought));
            }
            else if (WireJson.StringOrNull(reasoning, "signature") is { Length: > 0 } signature)
            {
                into.Add(new ThinkingSignedEvent(0, signature));
            }
            else if (WireJson.StringOrNull(reasoning, "redactedContent") is { Length: > 0 } sealedThought)
            {
                into.Add(new RedactedThinkingEvent(0, sealedThought));
            }
        }
    }

    private void AddArguments(Call call, string arguments, List<ChatEvent> into)
    {
        if (arguments.Length > 0)
        {
            call.HasArguments = true;
            into.Add(new ToolArgumentsEvent(0, _calls.IndexOf(call), arguments));
        }
    }

    private sealed class Call(int block)
    {
        public int Block { get; } = block;

        public bool HasArguments { get; set; }
    }
}
