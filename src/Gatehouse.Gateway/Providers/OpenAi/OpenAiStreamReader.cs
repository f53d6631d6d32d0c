using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>Reads a stream of <c>chat.completion.chunk</c>s, which ends in <c>[DONE]</c>.</summary>
internal sealed class OpenAiStreamReader : IStreamReader
{
    private readonly List<Choice> _choices = [];
    private bool _started;

    public bool Ended { get; private set; }

    public void Read(ReadOnlySpan<byte> eventName, ReadOnlySpan<byte> data, List<ChatEvent> into)
    {
        if (Ended)
        {
            return;
        }

        if (data.Trim((byte)' ').SequenceEqual("[DONE]"u8))
        {
            Ended = true;
            return;
        }

        var chunk = WireJson.ParseAnswer(data);
        if (eventName.SequenceEqual("error"u8) || WireJson.TryGet(chunk, "error", out _))
        {
            var error = OpenAiErrorReader.Read(chunk, 500);
            into.Add(new FailedEvent(error, OpenAiErrorReader.StatusOf(error)));
            Ended = true;
            return;
        }

        ReadChunk(chunk, into);
    }

    private void ReadChunk(JsonElement chunk, List<ChatEvent> into)
    {
        var hasUsage = WireJson.TryGet(chunk, "usage", out var usage) && usage.ValueKind == JsonValueKind.Object;
        var hasChoices = WireJson.Items(chunk, "choices").Any();
        if (!_started && (hasChoices || hasUsage))
        {
            _started = true;
            into.Add(new StartedEvent(
                WireJson.StringOrEmpty(chunk, "id"), WireJson.StringOrEmpty(chunk, "model"), WireJson.LongOrZero(chunk, "created"), null));
        }

        foreach (var choice in WireJson.Items(chunk, "choices"))
        {
            ReadChoice(choice, into);
        }

        if (hasUsage && OpenAiUsage.Read(usage) is { } counted)
        {
            into.Add(new UsageEvent(counted));
        }
    }

    private void ReadChoice(JsonElement json, List<ChatEvent> into)
    {
        var choice = ChoiceOf(WireJson.IndexOrZero(json, "index"));
        var index = choice.Index;
        if (WireJson.TryGet(json, "delta", out var delta))
        {
            if ((WireJson.StringOrNull(delta, "reasoning_content")
                ?? WireJson.StringOrNull(delta, "reasoning")) is { Length: > 0 } thinking)
            {
                into.Add(new ThinkingEvent(index, thinking));
            }

            ReadDetails(delta, index, into);
            var text = WireJson.TryGet(delta, "content", out var content) ? OpenAiAnswerReader.ContentText(content) : "";
            var logprobs = WireJson.TryGet(json, "logprobs", out var told) && Logprobs.Tokens(told) is not null ? told : (JsonElement?)null;
            if (text.Length > 0 || logprobs is not null)
            {
                into.Add(new TextEvent(index, text) { Logprobs = logprobs });
            }

            if (WireJson.StringOrNull(delta, "refusal") is { Length: > 0 } refusal)
            {
                choice.Refused = true;
                into.Add(new RefusalEvent(index, refusal));
            }

            if (WireJson.TryGet(delta, "function_call", out var function))
            {
                ReadCall(choice, 0, "", function, into);
            }

            foreach (var call in WireJson.Items(delta, "tool_calls"))
            {
                var payload = WireJson.TryGet(call, "function", out var f) ? f : default;
                ReadCall(choice, WireJson.IndexOrZero(call, "index"), WireJson.StringOrEmpty(call, "id"), payload, into);
            }
        }

        if (WireJson.StringOrNull(json, "finish_reason") is { } finish)
        {
            var reason = StopReasons.FromOpenAi(finish);
            if (reason == FinishReason.Stop)
            {
                // Several servers say "stop" for everything; clients of the other format wait for the right word.
                reason = choice.Refused ? FinishReason.Refusal : choice.Calls.Count > 0 ? FinishReason.ToolCalls : reason;
            }

            into.Add(new FinishedEvent(index, reason));
        }
    }

    /// <summary>Signatures and sealed thinking; their readable text came in the plain field already.</summary>
    private static void ReadDetails(JsonElement delta, int index, List<ChatEvent> into)
    {
        foreach (var detail in WireJson.Items(delta, "reasoning_details"))
        {
            if (WireJson.StringOrNull(detail, "signature") is { Length: > 0 } signature)
            {
                into.Add(new ThinkingSignedEvent(index, signature));
            }
            else if (WireJson.StringOrNull(detail, "data") is { Length: > 0 } data)
            {
                into.Add(new RedactedThinkingEvent(index, data));
            }
        }
    }

    /// <summary>The provider's index may have gaps, and a few servers send each call with index 0 and an id of its own.</summary>
    private static void ReadCall(Choice choice, int providerIndex, string id, JsonElement function, List<ChatEvent> into)
    {
        var index = choice.Calls.FindLastIndex(c => c.ProviderIndex == providerIndex);
        if (index < 0 || (id.Length > 0 && choice.Calls[index].Id.Length > 0 && choice.Calls[index].Id != id))
        {
            index = choice.Calls.Count;
            choice.Calls.Add(new Call(providerIndex, id));
            into.Add(new ToolStartedEvent(
                choice.Index, index, id.Length > 0 ? id : $"call_{index}", WireJson.StringOrEmpty(function, "name")));
        }

        if (OpenAiAnswerReader.ArgumentsOf(function) is { Length: > 0 } arguments)
        {
            into.Add(new ToolArgumentsEvent(choice.Index, index, arguments));
        }
    }

    private Choice ChoiceOf(int index)
    {
        foreach (var choice in _choices)
        {
            if (choice.Index == index)
            {
                return choice;
            }
        }

        var added = new Choice(index);
        _choices.Add(added);
        return added;
    }

    private sealed class Choice(int index)
    {
        public int Index { get; } = index;

        public List<Call> Calls { get; } = [];

        public bool Refused { get; set; }
    }

    private readonly record struct Call(int ProviderIndex, string Id);
}
