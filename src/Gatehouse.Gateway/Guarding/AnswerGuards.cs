using System.Globalization;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding;

/// <summary>
/// Judges complete answers, behind the detectors and before the client has their end.
/// <list type="number">
/// <item>Form: a JSON Schema for the answer and for each tool's arguments (<see cref="SchemaRules"/>); what is nearly JSON is repaired, and
/// else the model is asked again with what is wrong.</item>
/// <item>Confidence (<see cref="ConfidenceRules"/>): where a rule wants a better answer, another target or route is asked.</item>
/// <item>Plug-ins, of what the answer is by then.</item>
/// </list>
/// Answers that are thrown away are paid for and recorded as attempts of the call.
/// </summary>
internal sealed class AnswerGuards(Lazy<PlugIns.PlugIns> plugIns, ConfidenceRules confidence)
{
    public const string ConfidenceHeader = "x-gatehouse-confidence";

    /// <param name="to">Gets the answer as the client may have it, when it is another one.</param>
    /// <returns>Why the client may not have it, or not yet.</returns>
    public async ValueTask<AttemptFailure?> CheckWholeAsync(Call call, Attempt attempt, PooledBuffer body, PooledBuffer to)
    {
        await Task.Yield(); // what an answer is compared with may be large
        var passages = CallGuard.Read(body.Span, isAnswer: true);
        var calls = AnswerCalls.Read(body.Span, out var refuses);
        var answer = new JudgedAnswer(call, attempt, Named(passages, calls), refuses)
        {
            WholeCalls = [.. calls.Where(c => !c.IsText).Select(c => (c.Name, c.Arguments))],
        };
        if (await JudgeAsync(answer) is { } failure)
        {
            return failure;
        }

        call.Guard!.Write(body.Span, passages, answer.Changed, to);
        return null;
    }

    /// <returns>Why the client may not have it, or not yet.</returns>
    public async ValueTask<AttemptFailure?> CheckStreamAsync(Call call, Attempt attempt, AnswerTranscript transcript)
    {
        await Task.Yield(); // a long answer is no work for a thread that serves sockets
        var answer = new JudgedAnswer(call, attempt, transcript.Passages(), transcript.Refuses) { WholeCalls = transcript.WholeCalls };
        if (await JudgeAsync(answer) is { } failure)
        {
            return failure;
        }

        if (answer.Changed.Count > 0 && !call.ContentIsSent)
        {
            transcript.Replay(answer.Changed);
        }

        return null;
    }

    private async ValueTask<AttemptFailure?> JudgeAsync(JudgedAnswer answer)
    {
        var (call, guard) = (answer.Call, answer.Call.Guard!);
        var session = guard.Session;
        foreach (var rule in session.Policy.AnswerChecks)
        {
            if (rule.Detector == GuardDetector.Schema && SchemaRules.Check(rule, answer) is { } invalid)
            {
                return invalid;
            }
        }

        await confidence.CheckAsync(answer);
        if (answer.Confidence is { } sure)
        {
            Tell(call, sure);
        }

        if (!session.IsBlocked && session.FallbackBy is null && session.Policy.PlugIns.Count > 0)
        {
            await plugIns.Value.CheckAsync(call, answer.Passages, answer.Changed, isAnswer: true, answer.Effective);
        }

        return session.IsBlocked ? guard.Refusal(call) : session.FallbackBy is { } better ? Better(answer, better) : null;
    }

    /// <summary>The arguments that stand in strings come in the order of the calls.</summary>
    private static List<Passage> Named(List<Passage> passages, List<AnswerCall> calls)
    {
        using var names = calls.Where(c => c is { IsText: true, Arguments.Length: > 0 }).GetEnumerator();
        for (var i = 0; i < passages.Count; i++)
        {
            if (passages[i].About.IsJson && names.MoveNext())
            {
                passages[i] = passages[i] with { Tool = names.Current.Name };
            }
        }

        return passages;
    }

    private static void Tell(Call call, float confidence)
    {
        var text = confidence.ToString("0.00", CultureInfo.InvariantCulture);
        call.Record.RequestAttributes = new(call.Record.RequestAttributes ?? []) { [TelemetryNames.GuardConfidence] = text };
        if (!call.HeadIsSent)
        {
            call.Http.Response.Headers[ConfidenceHeader] = text;
        }
    }

    private static AttemptFailure Better(JudgedAnswer answer, GuardRule rule)
    {
        var (call, attempt) = (answer.Call, answer.Attempt);
        var failure = new AttemptFailure(NextStep.NextTarget, new Problem(
            LowConfidence.Code, 502,
            $"{attempt.Settings.Name}/{attempt.Model} gave an answer that the rule '{rule.Name}' of the guard policy wants to be better."));
        if (rule.Route is not { } route)
        {
            return failure;
        }

        call.IsRerouted = true;
        return call.Guard!.Reroute(call, route) ?? failure with { IsRerouted = true };
    }
}

/// <summary>A complete answer while it is judged.</summary>
/// <param name="Passages">Its texts, pseudonyms in place.</param>
/// <param name="Refuses">The model refused, and the format says so.</param>
internal sealed record JudgedAnswer(Call Call, Attempt Attempt, List<Passage> Passages, bool Refuses)
{
    private bool _isRead;

    /// <summary>What became of texts, by their numbers.</summary>
    public Dictionary<int, string> Changed { get; } = [];

    /// <summary>Tool calls whose arguments are no text.</summary>
    public IReadOnlyList<(string Name, string Arguments)> WholeCalls { get; init; } = [];

    /// <summary>The lowest that was measured.</summary>
    public float? Confidence { get; set; }

    public bool CallsTools => WholeCalls.Count > 0 || Passages.Exists(p => p.About.Side == DetectionSide.ToolCall);

    /// <summary>The request in canonical words; <see langword="null"/> when it is no conversation, or we do not read its words.</summary>
    public ChatRequest? Request
    {
        get
        {
            if (!_isRead)
            {
                _isRead = true;
                try
                {
                    field = Call.Surface.HasConversation ? Call.Request : null;
                }
                catch (ProblemException)
                {
                    field = null;
                }
            }

            return field;
        }
    }

    /// <summary>The texts of its answers: of each choice where the format has choices, of all blocks together where not.</summary>
    public IEnumerable<List<Passage>> Answers
    {
        get
        {
            var texts = Passages.FindAll(p => p.About is { Side: DetectionSide.Output, IsThinking: false });
            return Call.Surface.Wire is WireFormat.OpenAi or WireFormat.Completions
                ? texts.Select(t => new List<Passage> { t })
                : texts.Count > 0 ? [texts] : [];
        }
    }

    /// <summary>The rule, which only flags where it wants a better answer and nobody is left to give one.</summary>
    public GuardRule Effective(GuardRule rule) =>
        rule.Action != GuardAction.Fallback || (!Call.ContentIsSent && !Call.IsRerouted
            && (rule.Route is { } route ? route != Call.Route.Name : Attempt.HasSuccessor))
            ? rule
            : rule with { Action = GuardAction.Flag };

    public string TextOf(Passage passage) => Changed.GetValueOrDefault(passage.About.Part) ?? passage.Text;

    public string TextOf(List<Passage> passages) => string.Concat(passages.Select(TextOf));
}
