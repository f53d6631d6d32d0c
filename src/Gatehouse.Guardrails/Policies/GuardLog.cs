using System.Text.Json;
using Gatehouse.Contracts;

namespace Gatehouse.Guardrails.Policies;

/// <summary>
/// What the guards of one call found so far, summed up. Holds no text; allocates with the first finding. One thread at a time.
/// </summary>
public sealed class GuardLog
{
    /// <summary>Most different findings that are told apart; more are counted with the last.</summary>
    private const int MaxFindings = 32;

    private static readonly string[] Sides = Names<DetectionSide>();
    private static readonly string[] Detectors = Names<GuardDetector>();
    private static readonly string[] Actions = Names<GuardAction>();

    private readonly List<GuardFinding> _findings = [];

    public IReadOnlyList<GuardFinding> Findings => _findings;

    public GuardVerdict Verdict { get; private set; }

    /// <summary>The guard that failed and how; <see langword="null"/> when none did.</summary>
    public string? Failure { get; private set; }

    public static string NameOf(DetectionSide side) => Sides[(int)side];

    public static string NameOf(GuardDetector detector) => Detectors[(int)detector];

    public static string NameOf(GuardAction action) => Actions[(int)action];

    public void Failed(string how, bool closed)
    {
        Failure ??= how;
        Raise(closed ? GuardVerdict.Blocked : GuardVerdict.Unchecked);
    }

    /// <summary>A person said no, or nobody said yes in time.</summary>
    internal void Refused() => Raise(GuardVerdict.Blocked);

    internal void Add(DetectionSide side, int part, in Decision decision)
    {
        var (finding, rule) = (decision.Finding, decision.Rule);
        Raise(rule.Shadow ? GuardVerdict.Shadowed : decision.Effect switch
        {
            GuardAction.Flag => GuardVerdict.Flagged,
            GuardAction.Redact or GuardAction.Pseudonymise => GuardVerdict.Redacted,
            GuardAction.Route or GuardAction.Fallback => GuardVerdict.Rerouted,
            GuardAction.Escalate => GuardVerdict.Escalated,
            GuardAction.Block => GuardVerdict.Blocked,
            _ => GuardVerdict.Passed,
        });
        var score = Math.Round(finding.Score, 3);
        var type = rule.Detector == GuardDetector.Harm ? finding.Rule[(finding.Rule.LastIndexOf('.') + 1)..] : finding.Type;
        for (var i = 0; i < _findings.Count; i++)
        {
            var known = _findings[i];
            if ((known.Rule == rule.Name && known.Type == type && known.Side == Sides[(int)side] && known.Excepted == decision.Excepted)
                || i == MaxFindings - 1)
            {
                var surer = score > known.Score;
                _findings[i] = known with
                {
                    Count = known.Count + 1,
                    Score = surer ? score : known.Score,
                    Part = surer ? part : known.Part,
                    Start = surer ? finding.Start : known.Start,
                    Length = surer ? finding.Length : known.Length,
                };
                return;
            }
        }

        _findings.Add(new GuardFinding(
            Sides[(int)side], Detectors[(int)rule.Detector], type, rule.Name, Actions[(int)rule.Action], rule.Shadow, decision.Excepted, 1,
            score, part, finding.Start, finding.Length));
    }

    private void Raise(GuardVerdict to) => Verdict = to > Verdict ? to : Verdict;

    private static string[] Names<T>()
        where T : struct, Enum =>
        [.. Enum.GetNames<T>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];
}
