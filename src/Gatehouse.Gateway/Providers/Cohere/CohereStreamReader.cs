using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Cohere;

/// <summary>Reads the events of <c>chat</c>, which end in <c>message-end</c>.</summary>
internal sealed class CohereStreamReader(string model) : IStreamReader
{
    private readonly List<int> _calls = []; // the provider's indexes
    private bool _started;

    public bool Ended { get; private set; }

    public void Read(ReadOnlySpan<byte> eventName, ReadOnlySpan<byte> data, List<ChatEvent> into)
    {
        if (Ended || CohereTap.IsDone(data))
        {
            return;
        }

        var json = WireJson.ParseAnswer(data);
        var delta = WireJson.TryGet(json, "delta", out var found) ? found : default;
        if (!_started)
        {
            _started = true;
            into.Add(new StartedEvent(WireJson.StringOrEmpty(json, "id"), model, 0, null));
        }

        if (WireJson.TryGet(delta, "message", out var message))
        {
            ReadMessage(WireJson.IndexOrZero(json, "index"), message, into);
        }

        if (WireJson.StringOrNull(json, "type") == "message-end")
        {
            if (CohereUsage.Read(delta) is { } usage)
            {
                into.Add(new UsageEvent(usage));
            }

            into.Add(new FinishedEvent(0, CohereStops.From(WireJson.StringOrNull(delta, "finish_reason"))));
            Ended = true;
        }
    }

    private void ReadMessage(int index, JsonElement message, List<ChatEvent> into)
    {
        if (WireJson.StringOrNull(message, "tool_plan") is { Length: > 0 } plan)
        {
            into.Add(new ThinkingEvent(0, plan));
        }

        if (WireJson.TryGet(message, "content", out var content) && content.ValueKind == JsonValueKind.Object)
        {
            if (WireJson.StringOrNull(content, "thinking") is { Length: > 0 } thinking)
            {
                into.Add(new ThinkingEvent(0, thinking));
            }

            if (WireJson.StringOrNull(content, "text") is { Length: > 0 } text)
            {
                into.Add(new TextEvent(0, text));
            }
        }

        if (!WireJson.TryGet(message, "tool_calls", out var call) || call.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        var function = WireJson.TryGet(call, "function", out var f) ? f : default;
        if (!_calls.Contains(index))
        {
            _calls.Add(index);
            into.Add(new ToolStartedEvent(
                0, _calls.Count - 1, WireJson.StringOrEmpty(call, "id"), WireJson.StringOrEmpty(function, "name")));
        }

        if (WireJson.StringOrNull(function, "arguments") is { Length: > 0 } arguments)
        {
            into.Add(new ToolArgumentsEvent(0, _calls.IndexOf(index), arguments));
        }
    }
}
