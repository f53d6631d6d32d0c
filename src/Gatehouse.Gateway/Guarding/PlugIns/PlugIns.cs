using System.Runtime.CompilerServices;
using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding.PlugIns;

/// <summary>What a plug-in is asked about.</summary>
/// <param name="Text">The texts of one side of the call, together.</param>
/// <param name="Prompt">What the user asked last, where the text answers it.</param>
internal sealed record PlugInQuestion(Call Call, GuardRule Rule, DetectionSide Side, string Text, string Prompt);

/// <summary>What a plug-in found.</summary>
/// <param name="IsWhole">It is about the text as a whole.</param>
public readonly record struct PlugInFinding(
    string Type, float Score, int Start, int Length, bool IsWhole, string? Replacement = null);

/// <summary>What a plug-in said.</summary>
/// <param name="Failure">Why there is no verdict, in words of ours.</param>
public readonly record struct PlugInAnswer(IReadOnlyList<PlugInFinding> Findings, string? Failure)
{
    public static PlugInAnswer Of(IReadOnlyList<PlugInFinding> findings) => new(findings, null);

    public static PlugInAnswer Failed(string why) => new([], why);
}

/// <summary>
/// Asks the guards that are not in this process, of one side of a call.
/// <list type="number">
/// <item>One question for each rule and side, with all its texts; long ones in parts. Rules are asked at the same time, and decide in their
/// order.</item>
/// <item>A plug-in has a time limit, a bound on the questions under way, and a breaker; one that rests or fails gave no verdict, and the
/// rule or the policy says whether the call goes on without.</item>
/// <item>No question is asked on a thread that serves sockets.</item>
/// </list>
/// </summary>
internal sealed class PlugIns(Lazy<SideCalls> calls, PlugInBook book, GatewayMetrics metrics, TimeProvider clock)
{
    /// <summary>Most parts that a text is asked about in.</summary>
    private const int MaxParts = 16;

    /// <summary>Types of findings that a record names.</summary>
    private const int MostTypes = 8;

    private static readonly BreakerSettings Breaking = new(0.5, 5, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(10));

    private readonly ConditionalWeakTable<PlugIn, State> _states = [];

    /// <param name="passages">Of the request, or of the answer.</param>
    /// <param name="changed">What became of texts, by their numbers: read, and added to.</param>
    /// <param name="effective">What a rule may do about this answer; <see langword="null"/>: what it says.</param>
    public async ValueTask CheckAsync(
        Call call, List<Passage> passages, Dictionary<int, string> changed, bool isAnswer, Func<GuardRule, GuardRule>? effective = null)
    {
        await Task.Yield();
        var (began, start) = (clock.GetTimestamp(), call.Micros);
        var session = call.Guard!.Session;
        var asked = new List<(GuardRule Rule, DetectionSide Side, List<Passage> Texts, Task<(PlugInAnswer Said, long Micros)> Answer)>();
        foreach (var rule in session.Policy.PlugIns)
        {
            foreach (var side in rule.Sides)
            {
                var texts = TextsOf(rule.PlugIn!, side, passages, isAnswer);
                if (texts.Count > 0)
                {
                    var question = new PlugInQuestion(call, rule, side, Joined(texts, changed), isAnswer ? PromptOf(call) : "");
                    asked.Add((rule, side, texts, TimedAsync(question)));
                }
            }
        }

        var verdicts = await Task.WhenAll(asked.Select(a => a.Answer));
        session.Waited(clock.GetElapsedTime(began));
        if (asked.Count > 0)
        {
            Record(call, session.Policy, [.. asked.Zip(verdicts, (a, v) => QuestionOf(a.Rule, a.Side, start, v.Micros, v.Said))]);
        }

        Take(session, [.. asked.Zip(verdicts, static (a, v) => (a.Rule, a.Texts, v.Said))], passages, changed, effective);
    }

    /// <summary>Who was asked and what was said goes into the call's record, the metrics and the page of the guards.</summary>
    private void Record(Call call, GuardPolicy policy, GuardQuestion[] questions)
    {
        call.Record.RequestAttributes = GuardQuestion.Add(call.Record.RequestAttributes, questions);
        foreach (var question in questions)
        {
            book.Add(policy.Name, question);
            metrics.Asked(policy.Name, question);
        }
    }

    private static GuardQuestion QuestionOf(GuardRule rule, DetectionSide side, long start, long micros, in PlugInAnswer said)
    {
        var plugIn = rule.PlugIn!;
        return new GuardQuestion(
            rule.Name, NameOf(plugIn.Shape), plugIn.Url?.Host ?? plugIn.Route, GuardLog.NameOf(side), start, micros,
            said.Failure is not null ? "failed" : said.Findings.Count > 0 ? "found" : "passed",
            said.Failure ?? string.Join(", ", said.Findings.Select(f => f.Type).Distinct().Take(MostTypes)));
    }

    private static string NameOf(PlugInShape shape) => shape switch
    {
        PlugInShape.Moderation => "moderation",
        PlugInShape.LlamaGuard => "llama_guard",
        PlugInShape.Judge => "judge",
        _ => "webhook",
    };

    private async Task<(PlugInAnswer Said, long Micros)> TimedAsync(PlugInQuestion question)
    {
        var began = clock.GetTimestamp();
        var said = await AskAsync(question);
        return (said, clock.GetElapsedTime(began).Ticks / TimeSpan.TicksPerMicrosecond);
    }

    /// <summary>What answers come to: verdicts that are missing, findings in their texts, and what becomes of those.</summary>
    internal static void Take(
        GuardSession session, IReadOnlyList<(GuardRule Rule, List<Passage> Texts, PlugInAnswer Verdict)> answers, List<Passage> passages,
        Dictionary<int, string> changed, Func<GuardRule, GuardRule>? effective = null)
    {
        var findings = new Dictionary<int, List<RuleFinding>>();
        foreach (var (rule, texts, verdict) in answers)
        {
            if (verdict.Failure is { } why)
            {
                session.Failed(
                    $"The guard of the rule '{rule.Name}' gave no verdict: {why}.",
                    rule.Bites && (rule.PlugIn!.FailClosed ?? session.Policy.Definition.FailClosed));
            }

            foreach (var finding in verdict.Findings)
            {
                Place(effective?.Invoke(rule) ?? rule, finding, texts, changed, findings);
            }
        }

        foreach (var passage in passages)
        {
            if (findings.TryGetValue(passage.About.Part, out var found)
                && session.Apply(passage.About, TextOf(passage, changed), found) is { } text)
            {
                changed[passage.About.Part] = text;
            }
        }
    }

    private static List<Passage> TextsOf(PlugIn plugIn, DetectionSide side, List<Passage> passages, bool isAnswer)
    {
        var from = plugIn.OnlyNew && !isAnswer
            ? passages.FindLastIndex(p => p.Origin is TextOrigin.Assistant or TextOrigin.ToolCall) + 1
            : 0;
        return [.. passages.Skip(from).Where(p => p.About.Side == side && !p.About.IsTrusted && !p.About.IsThinking)];
    }

    private static string TextOf(Passage passage, Dictionary<int, string> changed) =>
        changed.GetValueOrDefault(passage.About.Part) ?? passage.Text;

    private static string Joined(List<Passage> texts, Dictionary<int, string> changed)
    {
        if (texts.Count == 1)
        {
            return TextOf(texts[0], changed);
        }

        var joined = new StringBuilder();
        foreach (var text in texts)
        {
            joined.Append(joined.Length > 0 ? "\n\n" : "").Append(TextOf(text, changed));
        }

        return joined.ToString();
    }

    /// <summary>Finds the texts that a finding is in. One about everything is the last text's, unless each is to be replaced.</summary>
    private static void Place(
        GuardRule rule, in PlugInFinding finding, List<Passage> texts, Dictionary<int, string> changed,
        Dictionary<int, List<RuleFinding>> to)
    {
        var at = 0;
        for (var i = 0; i < texts.Count; i++)
        {
            var length = TextOf(texts[i], changed).Length;
            var (start, end) = finding.IsWhole
                ? (0, i == texts.Count - 1 || rule.Action == GuardAction.Redact ? length : 0)
                : (Math.Max(finding.Start - at, 0), Math.Min(finding.Start + finding.Length - at, length));
            if (end > start)
            {
                var part = texts[i].About.Part;
                (to.TryGetValue(part, out var known) ? known : to[part] = []).Add(new RuleFinding(
                    rule,
                    new Finding(DetectorKind.Content, $"plug_in.{rule.Name}", finding.Type, start, end - start, finding.Score),
                    finding.Replacement));
            }

            at += length + 2; // what joins them
        }
    }

    private async Task<PlugInAnswer> AskAsync(PlugInQuestion question)
    {
        var plugIn = question.Rule.PlugIn!;
        var state = _states.GetValue(plugIn, p => new State(p, clock));
        var parts = (question.Text.Length + plugIn.MaxCharacters - 1) / plugIn.MaxCharacters;
        if (parts > MaxParts)
        {
            return PlugInAnswer.Failed("the text is too long for it");
        }

        var pass = state.Breaker.TryEnter();
        if (pass == BreakerPass.None)
        {
            return PlugInAnswer.Failed("it rests after failures");
        }

        var outcome = AttemptOutcome.Unknown;
        using var time = new CancellationTokenSource(plugIn.Timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, question.Call.Aborted);
        try
        {
            await state.Places.WaitAsync(either.Token);
            try
            {
                var answer = await AskPartsAsync(question, state, parts, either.Token);
                outcome = answer.Failure is null ? AttemptOutcome.Good : AttemptOutcome.Bad;
                return answer;
            }
            finally
            {
                state.Places.Release();
            }
        }
        catch (OperationCanceledException) when (!question.Call.Aborted.IsCancellationRequested)
        {
            outcome = AttemptOutcome.Bad;
            return PlugInAnswer.Failed("it took too long");
        }
        finally
        {
            state.Breaker.Settle(pass, outcome);
        }
    }

    private async ValueTask<PlugInAnswer> AskPartsAsync(PlugInQuestion question, State state, int parts, CancellationToken ct)
    {
        if (parts <= 1)
        {
            return await AskPartAsync(question, state, ct);
        }

        var found = new List<PlugInFinding>();
        var most = question.Rule.PlugIn!.MaxCharacters;
        for (var at = 0; at < question.Text.Length;)
        {
            var length = Math.Min(most, question.Text.Length - at);
            length -= at + length < question.Text.Length && char.IsHighSurrogate(question.Text[at + length - 1]) ? 1 : 0;
            var answer = await AskPartAsync(question with { Text = question.Text.Substring(at, length) }, state, ct);
            if (answer.Failure is not null)
            {
                return answer;
            }

            var offset = at;
            found.AddRange(answer.Findings.Select(f => f with { Start = f.Start + offset }));
            at += length;
        }

        return PlugInAnswer.Of(found);
    }

    private ValueTask<PlugInAnswer> AskPartAsync(PlugInQuestion question, State state, CancellationToken ct) =>
        state.Http is { } http
            ? WebhookGuard.AskAsync(http, question.Rule, question.Side, question.Text, WebhookGuard.Of(question.Call), clock, ct)
            : ModelGuard.AskAsync(calls.Value, question, ct);

    private static string PromptOf(Call call)
    {
        foreach (var passage in Enumerable.Reverse(CallGuard.Read(call.Body.Span, isAnswer: false)))
        {
            if (passage.Origin == TextOrigin.User)
            {
                return passage.Text;
            }
        }

        return "";
    }

    /// <summary>What is shared by the questions to one plug-in, as long as its policy is in force.</summary>
    private sealed class State(PlugIn plugIn, TimeProvider clock)
    {
        public CircuitBreaker Breaker { get; } = new(Breaking, clock);

        public SemaphoreSlim Places { get; } = new(plugIn.MaxConcurrent);

        public HttpClient? Http { get; } = plugIn.Shape == PlugInShape.Webhook ? WebhookGuard.Client(plugIn) : null;
    }
}
