using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers.Gemini;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Generate;

/// <summary>
/// Writes a stream of <c>GenerateContentResponse</c>s. A tool call of that format is one part, so calls wait until their arguments are
/// whole; so do the reasons for the end, since the usage beside them may come later.
/// </summary>
internal sealed class GenerateStreamWriter(ChatRequest request, GenerateFrames frames) : IStreamWriter
{
    private readonly SortedDictionary<int, Candidate> _candidates = [];
    private string _id = Guid.CreateVersion7().ToString("N");
    private string _model = request.Model;
    private TokenUsage? _usage;

    public void Write(ChatEvent e, IBufferWriter<byte> to)
    {
        switch (e)
        {
            case StartedEvent started:
                _id = started.Id.Length > 0 ? started.Id : _id;
                _model = started.Model.Length > 0 ? started.Model : _model;
                _usage = started.Usage;
                break;
            case TextEvent text:
                WritePart(text.Choice, new TextPart(text.Text), to, text.Logprobs);
                break;
            case RefusalEvent refusal:
                WritePart(refusal.Choice, new TextPart(refusal.Text), to);
                break;
            case ThinkingEvent thinking:
                WritePart(thinking.Choice, new ThinkingPart(thinking.Text, ""), to);
                break;
            case ThinkingSignedEvent signed:
                WritePart(signed.Choice, new ThinkingPart("", signed.Signature), to);
                break;
            case RedactedThinkingEvent redacted:
                WritePart(redacted.Choice, new RedactedThinkingPart(redacted.Data), to);
                break;
            case ToolStartedEvent tool:
                Of(tool.Choice).Calls.Add(new Call(tool.Index, tool.Id, tool.Name));
                break;
            case ToolArgumentsEvent arguments:
                Of(arguments.Choice).Calls.Find(c => c.Index == arguments.Index)?.Arguments.Append(arguments.Arguments);
                break;
            case FinishedEvent finished:
                Of(finished.Choice).Finish = finished.Reason;
                break;
            case UsageEvent usage:
                _usage = usage.Usage;
                break;
            case FailedEvent failed:
                Error(failed.ToProblem(), to);
                break;
        }
    }

    public void End(IBufferWriter<byte> to)
    {
        frames.Open(to);
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            json.WriteStartArray("candidates");
            foreach (var (index, candidate) in _candidates)
            {
                Part[] calls = [.. candidate.Calls.Select(c => new ToolCallPart(c.Id, c.Name, c.Arguments.ToString()))];
                GenerateAnswerWriter.WriteCandidate(json, index, calls, GeminiFinish.To(candidate.Finish));
            }

            json.WriteEndArray();
            GenerateAnswerWriter.WriteTail(json, _id, _model, _usage);
        }

        frames.Close(to);
        frames.End(to);
    }

    public void Error(Problem p, IBufferWriter<byte> to)
    {
        frames.Open(to);
        GenerateErrors.Write(p, _id, to);
        frames.Close(to);
        frames.End(to);
    }

    private void WritePart(int choice, Part part, IBufferWriter<byte> to, JsonElement? logprobs = null)
    {
        Of(choice);
        if (logprobs is null && part is TextPart { Text.Length: 0 } or ThinkingPart { Text.Length: 0, Signature.Length: 0 })
        {
            return;
        }

        frames.Open(to);
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            json.WriteStartArray("candidates");
            GenerateAnswerWriter.WriteCandidate(json, choice, [part], null, logprobs);
            json.WriteEndArray();
            GenerateAnswerWriter.WriteTail(json, _id, _model, null);
        }

        frames.Close(to);
    }

    private Candidate Of(int choice)
    {
        if (!_candidates.TryGetValue(choice, out var candidate))
        {
            _candidates[choice] = candidate = new Candidate();
        }

        return candidate;
    }

    private sealed class Candidate
    {
        public List<Call> Calls { get; } = [];

        public FinishReason Finish { get; set; }
    }

    private sealed record Call(int Index, string Id, string Name)
    {
        public StringBuilder Arguments { get; } = new();
    }
}
