using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>Reads a stream of <c>GenerateContentResponse</c>s. It has no terminator: it is over when every candidate has ended.</summary>
internal sealed class GeminiStreamReader : IStreamReader
{
    private readonly List<Candidate> _candidates = [];
    private bool _started;
    private bool _failed;

    public bool Ended => _failed || (_candidates.Count > 0 && _candidates.TrueForAll(c => c.Finished));

    public void Read(ReadOnlySpan<byte> eventName, ReadOnlySpan<byte> data, List<ChatEvent> into)
    {
        if (_failed)
        {
            return;
        }

        var json = WireJson.ParseAnswer(data);
        if (WireJson.TryGet(json, "error", out _))
        {
            var error = GeminiErrorReader.Read(json, 500);
            into.Add(new FailedEvent(error, GeminiErrorReader.StatusOf(error)));
            _failed = true;
            return;
        }

        TokenUsage? usage = WireJson.TryGet(json, "usageMetadata", out var u) && u.ValueKind == JsonValueKind.Object
            ? GeminiUsage.Read(u)
            : null;
        if (!_started)
        {
            _started = true;
            into.Add(new StartedEvent(WireJson.StringOrEmpty(json, "responseId"), WireJson.StringOrEmpty(json, "modelVersion"), 0, usage));
        }

        if (_candidates.Count == 0 && GeminiAnswerReader.IsBlocked(json))
        {
            _candidates.Add(new Candidate(0) { Finished = true });
            into.Add(new FinishedEvent(0, FinishReason.Refusal));
        }

        foreach (var candidate in WireJson.Items(json, "candidates"))
        {
            ReadCandidate(candidate, into);
        }

        if (usage is { } known)
        {
            into.Add(new UsageEvent(known));
        }
    }

    private void ReadCandidate(JsonElement json, List<ChatEvent> into)
    {
        var index = WireJson.IndexOrZero(json, "index");
        var candidate = _candidates.Find(c => c.Index == index);
        if (candidate is null)
        {
            candidate = new Candidate(index);
            _candidates.Add(candidate);
        }

        var logprobs = Logprobs.FromGemini(json);
        foreach (var part in GeminiAnswerReader.PartsOf(json))
        {
            switch (GeminiAnswerReader.ReadPart(part))
            {
                case TextPart text:
                    into.Add(new TextEvent(index, text.Text) { Logprobs = logprobs });
                    logprobs = null;
                    break;
                case ThinkingPart thinking:
                    into.Add(new ThinkingEvent(index, thinking.Text));
                    break;
                case ToolCallPart call:
                    into.Add(new ToolStartedEvent(index, candidate.Calls, call.Id, call.Name));
                    into.Add(new ToolArgumentsEvent(index, candidate.Calls++, call.Arguments));
                    break;
            }
        }

        if (logprobs is not null)
        {
            into.Add(new TextEvent(index, "") { Logprobs = logprobs });
        }

        if (!candidate.Finished && WireJson.StringOrNull(json, "finishReason") is { } reason)
        {
            candidate.Finished = true;
            into.Add(new FinishedEvent(index, GeminiFinish.From(reason, candidate.Calls > 0)));
        }
    }

    private sealed class Candidate(int index)
    {
        public int Index { get; } = index;

        public int Calls { get; set; }

        public bool Finished { get; set; }
    }
}
