using System.Runtime.CompilerServices;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Guardrails.Policies;
using Gatehouse.Observability;

namespace Gatehouse.Guards;

/// <summary>How many calls would go from one verdict to another.</summary>
public sealed record VerdictChange(GuardVerdict From, GuardVerdict To, long Calls);

/// <summary>How many of the changed calls a rule is behind.</summary>
/// <param name="Side"><c>from</c>: a rule that no longer acts so. <c>to</c>: one that does now.</param>
public sealed record RuleChange(string Side, string Rule, string Detector, string Action, long Calls);

/// <summary>A call whose verdict would change.</summary>
/// <param name="Rules">Names of the rules that make the difference.</param>
public sealed record ChangedCall(
    Guid Call, DateTimeOffset At, string System, GuardVerdict From, GuardVerdict To, IReadOnlyList<string> Rules);

/// <summary>A replay so far.</summary>
/// <param name="Calls">Stored calls that were looked at.</param>
/// <param name="Unreadable">Of these, calls whose content was cut or is in no format that guards read.</param>
/// <param name="Rewritten">Of these, calls in which a guard replaced something before they were stored: its value was never kept, so it is
/// judged by its recorded type, score and side.</param>
/// <param name="Changed">Calls that would have another verdict.</param>
/// <param name="Done">Nothing more comes.</param>
/// <param name="Samples">The newest changed calls.</param>
/// <param name="NotReplayed">Rules that ask somebody or judge whole answers: a replay asks nobody, so they are left out.</param>
/// <param name="NotReplayable">Calls that were looked at and could not be judged, by reason.</param>
public sealed record ReplayProgress(
    long Calls, long Unreadable, long Rewritten, long Changed, bool Done, IReadOnlyList<VerdictChange> Verdicts,
    IReadOnlyList<RuleChange> Rules, IReadOnlyList<ChangedCall> Samples, IReadOnlyList<string> NotReplayed,
    IReadOnlyList<NotReplayable> NotReplayable);

/// <summary>Calls that a replay could not judge.</summary>
/// <param name="Reason">In words.</param>
public sealed record NotReplayable(string Reason, long Calls);

/// <summary>What is to be replayed.</summary>
/// <param name="From">A policy or revision, as <see cref="PolicyLibrary.GetAsync"/> takes it.</param>
/// <param name="To">The same.</param>
/// <param name="Since">Only calls that started at or after this time.</param>
/// <param name="Max">Most calls to look at, newest first.</param>
public sealed record ReplayRequest(string From, string To, DateTimeOffset Since, Guid? SystemId = null, int Max = 1000);

/// <summary>
/// Runs two policies over stored traffic and counts what would change. Reads only, on this node; nothing is sent anywhere. A few at a time:
/// they share the processors with the gateway's calls.
/// </summary>
public sealed class PolicyReplays(
    PolicyLibrary library, StoredCalls calls, CallQueries records, Func<PolicyTable> table, TimeProvider clock) : IDisposable
{
    /// <summary>Most calls that one replay may look at.</summary>
    public const int MaxCalls = 20_000;

    private const int Page = 25;
    private const int MaxSamples = 20;
    private const int AtOnce = 2;

    private static readonly TimeSpan LongestRange = TimeSpan.FromDays(366);

    private readonly SemaphoreSlim _places = new(AtOnce, AtOnce);

    /// <summary>The sums after each page of calls, the last with <see cref="ReplayProgress.Done"/>.</summary>
    /// <exception cref="ProblemException">A policy is not there, the person may not, a field is wrong, or too many replays run.</exception>
    public async IAsyncEnumerable<ReplayProgress> RunAsync(Person who, ReplayRequest request, [EnumeratorCancellation] CancellationToken ct)
    {
        if (request.Max is < 1 or > MaxCalls)
        {
            throw new ProblemException(Problem.Invalid("max", $"must be between 1 and {MaxCalls}"));
        }

        if (request.Since < clock.GetUtcNow() - LongestRange)
        {
            throw new ProblemException(Problem.Invalid("since", "must lie within the last year"));
        }

        if (who.TeamsWith(Permission.ReadContent) is { Count: 0 })
        {
            throw new ProblemException(Problem.Forbidden("A replay reads stored prompts and answers: your role does not let you see them."));
        }

        var from = await library.FindPolicyAsync(who, request.From, ct);
        var to = await library.FindPolicyAsync(who, request.To, ct);
        if (!await _places.WaitAsync(0, ct))
        {
            throw new ProblemException(
                new Problem("too_many_replays", 429, $"{AtOnce} replays run on this node already: wait for one to end."));
        }

        try
        {
            var sums = new ReplaySums([.. from.Definition.Rules.Concat(to.Definition.Rules)
                .Where(rule => rule.IsPlugIn || rule.IsAnswerCheck).Select(rule => rule.Name).Distinct()]);
            Guid? before = null;
            while (sums.Calls < request.Max)
            {
                var page = await calls.ReadAsync(
                    who, request.Since, request.SystemId, before, (int)Math.Min(Page, request.Max - sums.Calls), ct);
                foreach (var call in page)
                {
                    await JudgeAsync(who, call, from, to, sums, ct);
                }

                if (page.Count < Page)
                {
                    break;
                }

                before = page[^1].Id;
                yield return sums.Snapshot(isDone: false);
            }

            yield return sums.Snapshot(isDone: true);
        }
        finally
        {
            _places.Release();
        }
    }

    public void Dispose() => _places.Dispose();

    private async ValueTask JudgeAsync(
        Person who, StoredCall call, GuardPolicy from, GuardPolicy to, ReplaySums sums, CancellationToken ct)
    {
        sums.Calls++;
        if (StoredTexts.Read(call.Surface, call.Content.Request, call.Content.Response) is not { } texts)
        {
            sums.Unreadable++;
            return;
        }

        IReadOnlyList<GuardFinding> recorded = [];
        if (call.Guard >= GuardVerdict.Redacted)
        {
            if ((await records.FindAsync(who, call.Id.ToString(), ct))?.Guard is not { } report)
            {
                sums.Unrecorded++;
                return;
            }

            recorded = report.Findings;
            if (PolicyLists.Differ(from.Definition, to.Definition, recorded.Where(PolicyReplay.WasReplaced).Select(f => f.Detector)))
            {
                sums.Unlisted++;
                return;
            }

            sums.Rewritten += recorded.Any(PolicyReplay.WasReplaced) ? 1 : 0;
        }

        var exceptions = table().ExceptionsOf(call.SystemId);
        sums.Add(
            call, PolicyReplay.Judge(from, texts, exceptions, clock, recorded),
            PolicyReplay.Judge(to, texts, exceptions, clock, recorded), MaxSamples);
    }

    /// <summary>The sums of one replay.</summary>
    private sealed class ReplaySums(IReadOnlyList<string> notReplayed)
    {
        private readonly Dictionary<(GuardVerdict From, GuardVerdict To), long> _verdicts = [];
        private readonly Dictionary<(string Side, string Rule, string Detector, string Action), long> _rules = [];
        private readonly List<ChangedCall> _samples = [];
        private long _changed;

        public long Calls { get; set; }

        public long Unreadable { get; set; }

        public long Rewritten { get; set; }

        public long Unrecorded { get; set; }

        public long Unlisted { get; set; }

        public void Add(StoredCall call, JudgedCall from, JudgedCall to, int maxSamples)
        {
            if (from.Verdict == to.Verdict)
            {
                return;
            }

            _changed++;
            Count(_verdicts, (from.Verdict, to.Verdict));
            var (gone, added) = (Acts(from).Except(Acts(to)).ToList(), Acts(to).Except(Acts(from)).ToList());
            foreach (var (rule, detector, action) in gone)
            {
                Count(_rules, ("from", rule, detector, action));
            }

            foreach (var (rule, detector, action) in added)
            {
                Count(_rules, ("to", rule, detector, action));
            }

            if (_samples.Count < maxSamples)
            {
                _samples.Add(new ChangedCall(
                    call.Id, call.StartedAt, call.System, from.Verdict, to.Verdict,
                    [.. gone.Concat(added).Select(r => r.Rule).Distinct()]));
            }
        }

        public ReplayProgress Snapshot(bool isDone) => new(
            Calls, Unreadable, Rewritten, _changed, isDone,
            [.. _verdicts.OrderByDescending(v => v.Value).Select(v => new VerdictChange(v.Key.From, v.Key.To, v.Value))],
            [.. _rules.OrderByDescending(r => r.Value).Select(
                r => new RuleChange(r.Key.Side, r.Key.Rule, r.Key.Detector, r.Key.Action, r.Value))],
            [.. _samples], notReplayed, NotReplayable());

        private List<NotReplayable> NotReplayable()
        {
            var found = new List<NotReplayable>();
            if (Unreadable > 0)
            {
                found.Add(new("their stored content was cut, or is in no format that guards read", Unreadable));
            }

            if (Unrecorded > 0)
            {
                found.Add(new("a guard replaced something in them, and the record of what it was is gone", Unrecorded));
            }

            if (Unlisted > 0)
            {
                found.Add(new("a guard replaced something in them, and the policies look it up in different lists", Unlisted));
            }

            return found;
        }

        private static IEnumerable<(string Rule, string Detector, string Action)> Acts(JudgedCall call) =>
            call.Findings.Select(f => (f.Rule, f.Detector, f.Shadow || f.Excepted ? "flag" : f.Action)).Distinct();

        private static void Count<TKey>(Dictionary<TKey, long> sums, TKey key)
            where TKey : notnull => sums[key] = sums.GetValueOrDefault(key) + 1;
    }
}
