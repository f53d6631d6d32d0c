using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Guardrails.Anonymising;
using Gatehouse.Guardrails.Exfiltration;

namespace Gatehouse.Guardrails.Policies;

/// <summary>A text that is to be checked.</summary>
/// <param name="Part">Which of the texts of the request or answer, from 0; for the record.</param>
/// <param name="IsTrusted">Written by those who run the system, or by the model before: it is not asked for injections.</param>
/// <param name="IsJson">The text is JSON: what replaces a part of it may not break an escape.</param>
/// <param name="IsThinking">A model's thinking, which providers sign: it may end early, and not become another text.</param>
public readonly record struct GuardedText(
    DetectionSide Side, int Part = 0, bool IsTrusted = false, bool IsJson = false, bool IsThinking = false);

/// <summary>
/// A policy at work on one call. Pure: it reads texts and says what they become; the caller puts them where they belong. Not thread-safe.
/// <list type="number">
/// <item>For each finding the first rule of its detector that takes it decides; a rule in shadow mode is counted, and the next one
/// decides.</item>
/// <item>A detector that throws, or guards that take longer than the policy allows, are a failure: open or closed, as the policy
/// says.</item>
/// </list>
/// </summary>
/// <param name="key">Key of hashes and made-up values.</param>
/// <param name="exceptions">Those of the system.</param>
public sealed class GuardSession(GuardPolicy policy, ReadOnlyMemory<byte> key, IReadOnlyList<GuardException> exceptions, TimeProvider clock)
    : IDisposable
{
    private readonly List<Decision> _decisions = [];
    private PseudonymVault? _vault;
    private Anonymiser? _anonymiser;
    private PromptLeakDetector? _promptLeak;
    private CanaryDetector? _canary;
    private List<StreamGuard>? _streams;
    private Question? _question;
    private TimeSpan _spent;
    private TimeSpan _waited; // for plug-ins, which have time limits of their own
    private long _inputMicros;
    private bool _isOutput;
    private bool _isDecided;
    private int _earlierStreams; // of attempts before

    public GuardPolicy Policy => policy;

    public GuardLog Log { get; } = new();

    /// <summary>The rule that blocked; <see langword="null"/> while none did, or when a failure blocked.</summary>
    public GuardRule? BlockedBy { get; private set; }

    public bool IsBlocked { get; private set; }

    /// <summary>The route that a rule sends the call to.</summary>
    public string? Route { get; private set; }

    /// <summary>The rule for which the call must wait for a person; <see langword="null"/> when none asks, or one has decided.</summary>
    public GuardRule? HeldBy => _question?.HeldBy is { } rule && !_isDecided ? rule : null;

    /// <summary>The rule for which a person is to be asked when the call is over.</summary>
    public GuardRule? AskedBy => _question?.AskedBy;

    /// <summary>The texts that a person needs to decide about what was found so far on this side of the call.</summary>
    public IReadOnlyList<ReviewText> ReviewTexts() => _question?.Texts(Streams) ?? [];

    /// <summary>A person has decided, or time has.</summary>
    public void Decided(bool passes)
    {
        _isDecided = true;
        if (!passes)
        {
            (IsBlocked, BlockedBy) = (true, _question?.HeldBy);
            Log.Refused();
        }
    }

    /// <summary>The rule that wants a better answer than this one.</summary>
    public GuardRule? FallbackBy { get; private set; }

    /// <summary>Masks what must not be kept of a request that was refused; <see langword="null"/> when the policy masks nothing.</summary>
    public GuardSession? OfRefused() => policy.OfRefused.Definition.Rules.Any(r => r is { Action: GuardAction.Redact, Shadow: false })
        ? new(policy.OfRefused, key, exceptions, clock)
        : null;

    /// <summary>Whether the model was given pseudonyms that its answer may hold.</summary>
    public bool HasPseudonyms => _vault is { IsEmpty: false };

    /// <summary>What answers are compared with, from now on.</summary>
    public void KnowSystemPrompt(string text) => _promptLeak = new PromptLeakDetector(text);

    /// <summary>Sixteen hexadecimal digits that nobody can guess and that are the same for the same name.</summary>
    public string Derive(string name) => Convert.ToHexStringLower(
        System.Security.Cryptography.HMACSHA256.HashData(key.Span, Encoding.UTF8.GetBytes(name)).AsSpan(0, 8));

    /// <summary>Makes the token that answers must not hold, from now on.</summary>
    /// <param name="period">As long as it is the same, so is the token.</param>
    public string MakeCanary(Guid system, long period)
    {
        var token = CanaryDetector.Make(key.Span, system, period);
        _canary = CanaryDetector.ForCanary(token);
        return token;
    }

    /// <summary>Time spent on the request, in microseconds.</summary>
    public long InputMicros => _isOutput ? _inputMicros : Micros;

    /// <summary>Time spent on the answer, in microseconds.</summary>
    public long OutputMicros => _isOutput ? Micros : 0;

    /// <summary>UTF-16 units of this attempt's streams that have been let go.</summary>
    public long Released
    {
        get
        {
            var sum = 0L;
            foreach (var stream in CollectionsMarshal.AsSpan(_streams)[_earlierStreams..])
            {
                sum += stream.Released;
            }

            return sum;
        }
    }

    private IEnumerable<StreamGuard> Streams => _streams?.Skip(_earlierStreams) ?? [];

    private long Micros => (_spent + _waited).Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>The answer begins, and with it the allowance of time.</summary>
    public void Restart()
    {
        _inputMicros = InputMicros;
        _isOutput = true;
        (_spent, _waited) = (TimeSpan.Zero, TimeSpan.Zero);
        _question?.BeginAnswer();
        _earlierStreams = _streams?.Count ?? 0;
        _isDecided = false;
        FallbackBy = null;
    }

    /// <summary>A text with the values of its pseudonyms.</summary>
    public string Restore(ReadOnlySpan<char> text, in GuardedText about) =>
        PseudonymRestorer.Restore(Vault, text, about.IsJson, ReturnOf(about));

    internal PseudonymVault Vault => _vault ??= new PseudonymVault();

    /// <summary>Checks a whole text.</summary>
    /// <returns>What it becomes; <see langword="null"/> when it stays as it is, or when the call is blocked.</returns>
    public string? Check(ReadOnlySpan<char> text, in GuardedText about)
    {
        if (!Find(text, about, text.Length, wholes: true, 0))
        {
            return null;
        }

        foreach (ref readonly var decision in System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_decisions))
        {
            Take(about, decision);
        }

        return Obey(about, text);
    }

    /// <summary>Decides about what somebody else found in a text.</summary>
    /// <returns>What it becomes; <see langword="null"/> when it stays as it is, or when the call is blocked.</returns>
    public string? Apply(in GuardedText about, ReadOnlySpan<char> text, IReadOnlyList<RuleFinding> found)
    {
        Renew(about, text);
        _decisions.Clear();
        foreach (var (rule, finding, replacement) in found)
        {
            var before = _decisions.Count;
            Decide([rule], finding, 0);
            if (_decisions.Count > before)
            {
                _decisions[^1] = _decisions[^1] with { Replacement = replacement };
            }
        }

        Sort();
        foreach (ref readonly var decision in System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_decisions))
        {
            Take(about, decision);
        }

        return about.IsThinking ? null : Obey(about, text);
    }

    /// <summary>Decides about something that was found and replaced before, by what is recorded of it: its value is gone.</summary>
    public void Recall(in GuardedText about, GuardDetector detector, in Finding finding)
    {
        _decisions.Clear();
        var side = about.Side;
        Decide([.. policy.Definition.Rules.Where(r => r.Detector == detector && r.Sides.Contains(side))], finding, 0);
        foreach (ref readonly var decision in System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_decisions))
        {
            Take(about, decision);
        }
    }

    /// <summary>Counts the time of plug-ins as the guards'.</summary>
    public void Waited(TimeSpan time) => _waited += time;

    /// <summary>Somebody that a rule asks gave no verdict.</summary>
    /// <param name="closed">The call may not go on then.</param>
    public void Failed(string how, bool closed)
    {
        Log.Failed(how, closed);
        IsBlocked |= closed;
    }

    /// <summary>Where the first thing begins that a rule replaces; <see langword="null"/> when none does.</summary>
    internal int? FirstChange(int from)
    {
        foreach (var decision in _decisions)
        {
            if (decision.Effect is GuardAction.Redact or GuardAction.Pseudonymise)
            {
                return Math.Max(from, decision.Finding.Start);
            }
        }

        return null;
    }

    /// <summary>A guard of a text that comes in pieces.</summary>
    public StreamGuard Stream(in GuardedText about)
    {
        var stream = new StreamGuard(this, about);
        (_streams ??= []).Add(stream);
        return stream;
    }

    /// <summary>
    /// What may restore pseudonyms in a text that comes in pieces; <see langword="null"/> when there is nothing to restore.
    /// </summary>
    public PseudonymRestorer? Restorer(in GuardedText about) =>
        HasPseudonyms ? new PseudonymRestorer(Vault, about.IsJson, ReturnOf(about)) : null;

    /// <summary>Gives back what its streams hold.</summary>
    public void Dispose() => _streams?.ForEach(static s => s.Dispose());

    /// <summary>
    /// Collects the decisions about a text, in the order of their places, whose findings end after <paramref name="from"/>.
    /// </summary>
    /// <returns>Whether there are any, or the call is blocked.</returns>
    internal bool Find(ReadOnlySpan<char> text, in GuardedText about, long totalLength, bool wholes, int from)
    {
        _decisions.Clear();
        var plan = policy.On(about.Side);
        if (plan.IsEmpty || IsBlocked)
        {
            return IsBlocked;
        }

        var began = clock.GetTimestamp();
        var findings = FindingList.Rent();
        try
        {
            if (about.IsJson && text.Contains('\\'))
            {
                AskWithoutEscapes(plan, text, about, totalLength, wholes, from, findings);
            }
            else
            {
                Ask(plan, text, about, totalLength, wholes, from, findings);
            }
        }
#pragma warning disable CA1031 // A guard's mistake is the policy's to judge: it may not decide by itself that a call fails.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Fail($"A guard of the policy '{policy.Name}' failed: {e.GetType().Name}.");
        }
        finally
        {
            findings.Dispose();
        }

        _spent += clock.GetElapsedTime(began);
        if (_spent > policy.Definition.TimeLimit)
        {
            Fail($"The guards of the policy '{policy.Name}' took longer than it allows.");
        }

        Sort();
        return IsBlocked || _decisions.Count > 0;
    }

    private void Sort()
    {
        if (_decisions.Count > 1)
        {
            _decisions.Sort(static (a, b) => a.Finding.Start != b.Finding.Start
                ? a.Finding.Start.CompareTo(b.Finding.Start) : b.Finding.Length.CompareTo(a.Finding.Length));
        }
    }

    /// <summary>The decisions about the text that was checked last, by their places.</summary>
    public ReadOnlySpan<Decision> Decisions => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_decisions);

    /// <summary>Records a decision, and obeys it where it is about the call.</summary>
    internal void Take(in GuardedText about, in Decision decision)
    {
        Log.Add(about.Side, about.Part, decision);
        if (decision.Effect == GuardAction.Block && !IsBlocked)
        {
            (IsBlocked, BlockedBy) = (true, decision.Rule);
        }
        else if (decision.Effect == GuardAction.Route)
        {
            Route ??= decision.Rule.Route;
        }
        else if (decision.Effect == GuardAction.Fallback)
        {
            FallbackBy ??= decision.Rule;
        }

        if (decision.Effect == GuardAction.Escalate)
        {
            (_question ??= new Question()).Take(about, decision);
        }
    }

    /// <summary>What becomes of a whole text by the decisions about it. What a person is to be asked about changes with it.</summary>
    private string? Obey(in GuardedText about, ReadOnlySpan<char> text)
    {
        if (IsBlocked)
        {
            return null;
        }

        if (_question is not null && _decisions.Exists(static d => d.Effect == GuardAction.Escalate))
        {
            _question.Keep(about, text);
        }

        var edits = _question is null ? null : new List<TextEdit>();
        string? changed;
        if (!about.IsThinking)
        {
            changed = Rewrite(text, 0, text.Length, about.IsJson, onlyIfChanged: true, edits);
        }
        else if (FirstChange(0) is { } end)
        {
            changed = text[..end].ToString();
            edits?.Add(new TextEdit(end, text.Length, ""));
        }
        else
        {
            changed = null;
        }

        if (changed is not null)
        {
            _question?.Renew(about, changed, edits);
        }

        return changed;
    }

    /// <summary>Somebody was asked about a text as others had left it: the places that are known move to where they are in it.</summary>
    private void Renew(GuardedText about, ReadOnlySpan<char> text)
    {
        if (_question is null)
        {
            return;
        }

        if (!_question.Keeps(about) && Streams.FirstOrDefault(s => s.About == about) is { Passed: { } passed } stream)
        {
            _question.Keep(about, passed);
            _question.Renew(about, TextEdit.Apply(passed, stream.Edits), stream.Edits);
        }

        _question.Renew(about, text, null);
    }

    /// <summary>A part of a text with its replacements.</summary>
    /// <param name="edits">Gets them.</param>
    /// <param name="trimmed">Units that stood before the text; for the places of the edits.</param>
    internal string? Rewrite(
        ReadOnlySpan<char> text, int from, int until, bool isJson, bool onlyIfChanged, List<TextEdit>? edits = null, long trimmed = 0)
    {
        StringBuilder? rewritten = null;
        var at = from;
        for (var i = 0; i < _decisions.Count; i++)
        {
            var decision = _decisions[i];
            var (start, end) = (Math.Max(decision.Finding.Start, at), Math.Min(decision.Finding.End, until));
            if (decision.Effect is not (GuardAction.Redact or GuardAction.Pseudonymise) || end <= start)
            {
                continue;
            }

            // What overlaps goes with it: the strongest action of them, under the type of the longest.
            while (i + 1 < _decisions.Count && _decisions[i + 1].Finding.Start < end)
            {
                var next = _decisions[++i];
                if (next.Effect is not (GuardAction.Redact or GuardAction.Pseudonymise))
                {
                    continue;
                }

                end = Math.Max(end, Math.Min(next.Finding.End, until));
                decision = next.Finding.Length > decision.Finding.Length ? next : decision;
            }

            rewritten ??= new StringBuilder(until - from);
            rewritten.Append(text[at..start]);
            var value = decision.Replacement is { } given
                ? isJson ? System.Text.Json.JsonEncodedText.Encode(given).Value : given
                : ValueFor(decision, isJson ? JsonEscapes.Read(text[start..end]) : text[start..end]);
            rewritten.Append(value);
            edits?.Add(new TextEdit((int)(trimmed + start), (int)(trimmed + end), value));
            at = end;
        }

        return rewritten is null ? (onlyIfChanged ? null : text[from..until].ToString()) : rewritten.Append(text[at..until]).ToString();
    }

    /// <summary>Detectors read the text that the JSON stands for; places are of the JSON again.</summary>
    private void AskWithoutEscapes(
        SidePlan plan, ReadOnlySpan<char> text, in GuardedText about, long totalLength, bool wholes, int from, FindingList findings)
    {
        var plain = ArrayPool<char>.Shared.Rent(text.Length);
        var places = ArrayPool<int>.Shared.Rent(text.Length + 1);
        try
        {
            var length = JsonEscapes.Read(text, plain, places);
            Ask(plan, plain.AsSpan(0, length), about, totalLength, wholes, 0, findings);
            var kept = 0;
            for (var i = 0; i < _decisions.Count; i++)
            {
                var decision = _decisions[i];
                var (start, end) = (places[decision.Finding.Start], places[decision.Finding.End]);
                if (end > from)
                {
                    _decisions[kept++] = decision with { Finding = decision.Finding with { Start = start, Length = end - start } };
                }
            }

            _decisions.RemoveRange(kept, _decisions.Count - kept);
        }
        finally
        {
            ArrayPool<char>.Shared.Return(plain, clearArray: true);
            ArrayPool<int>.Shared.Return(places);
        }
    }

    private void Ask(
        SidePlan plan, ReadOnlySpan<char> text, in GuardedText about, long totalLength, bool wholes, int from, FindingList findings)
    {
        var context = new DetectionContext(about.Side);
        foreach (var check in plan.Checks)
        {
            if ((about.IsTrusted && check.Detector.Kind == DetectorKind.Injection) || (check.IsWhole && !wholes))
            {
                continue;
            }

            findings.Clear();
            check.Detector.Find(text, context, findings);
            foreach (ref readonly var finding in findings.Items)
            {
                Decide(check.Rules, finding, from);
            }
        }

        if (plan.PromptLeaks.Length > 0 && _promptLeak is { } leak)
        {
            findings.Clear();
            leak.Find(text, context, findings);
            foreach (ref readonly var finding in findings.Items)
            {
                Decide(plan.PromptLeaks, finding, from);
            }
        }

        if (plan.Canaries.Length > 0 && _canary is { } canary)
        {
            findings.Clear();
            canary.Find(text, context, findings);
            foreach (ref readonly var finding in findings.Items)
            {
                Decide(plan.Canaries, finding, from);
            }
        }

        foreach (var rule in plan.Lengths)
        {
            if (totalLength > rule[0].MaxCharacters && text.Length > 0)
            {
                Decide(rule, new Finding(DetectorKind.Content, "content.length", FindingTypes.TooLong, text.Length - 1, 1, 1), from);
            }
        }
    }

    private void Decide(GuardRule[] rules, in Finding finding, int from)
    {
        if (finding.End <= from)
        {
            return;
        }

        foreach (var rule in rules)
        {
            if (!rule.Takes(finding))
            {
                continue;
            }

            if (rule.Action == GuardAction.Allow)
            {
                return;
            }

            var excepted = !rule.Shadow && IsExcepted(rule, finding);
            _decisions.Add(new Decision(finding, rule, rule.Shadow || excepted ? GuardAction.Flag : rule.Action, excepted));
            if (!rule.Shadow)
            {
                return;
            }
        }
    }

    private bool IsExcepted(GuardRule rule, in Finding finding)
    {
        for (var i = 0; i < exceptions.Count; i++)
        {
            if (exceptions[i].Covers(rule, finding, clock.GetUtcNow()))
            {
                return true;
            }
        }

        return false;
    }

    private static PseudonymReturn ReturnOf(in GuardedText about) =>
        about.Side == DetectionSide.ToolCall ? PseudonymReturn.ToolCalls : PseudonymReturn.Answers;

    private string ValueFor(in Decision decision, ReadOnlySpan<char> value)
    {
        _anonymiser ??= new Anonymiser(key, Vault);
        return _anonymiser.ValueFor(
            decision.Finding.Type, value,
            decision.Effect == GuardAction.Pseudonymise ? Anonymisation.Pseudonym : decision.Rule.Replacement, decision.Rule.Return);
    }

    private void Fail(string how)
    {
        if (Log.Failure is null)
        {
            Log.Failed(how, policy.Definition.FailClosed);
            IsBlocked |= policy.Definition.FailClosed;
        }
    }
}
