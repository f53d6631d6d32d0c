using Gatehouse.Contracts;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding;

/// <summary>A text of a stored call with what a policy decides about it.</summary>
public sealed record JudgedText(StoredText Stored, IReadOnlyList<Decision> Decisions);

/// <summary>What a policy makes of a stored call.</summary>
/// <param name="Texts">Those that were looked at: after a block, no more are.</param>
public sealed record JudgedCall(GuardVerdict Verdict, IReadOnlyList<GuardFinding> Findings, IReadOnlyList<JudgedText> Texts);

/// <summary>
/// Runs a policy over the stored content of calls, as whole texts. What a guard replaced in them is judged by what the record has of it:
/// side, detector, type and score, never the value. Sends nothing anywhere.
/// </summary>
public static class PolicyReplay
{
    /// <param name="recorded">What was found when the call was made; only what was replaced then is read.</param>
    public static JudgedCall Judge(
        GuardPolicy policy, IReadOnlyList<StoredText> texts, IReadOnlyList<GuardException> exceptions, TimeProvider clock,
        IReadOnlyList<GuardFinding>? recorded = null)
    {
        IReadOnlyList<GuardFinding> replaced = [.. (recorded ?? []).Where(WasReplaced)];
        using var session = new GuardSession(policy, new byte[32], exceptions, clock);
        var judged = new List<JudgedText>();
        var isAnswer = false;
        if (policy.NeedsSystemPrompt)
        {
            session.KnowSystemPrompt(string.Join('\n', texts.Where(t => t.IsSystemPrompt).Select(t => t.Text)));
        }

        Recall(session, replaced, ofAnswer: false);
        foreach (var text in texts)
        {
            if (session.IsBlocked)
            {
                break;
            }

            if (text.IsAnswer && !isAnswer)
            {
                isAnswer = true;
                session.Restart();
                Recall(session, replaced, ofAnswer: true);
            }

            session.Check(text.Text, text.About);
            judged.Add(new JudgedText(text, session.Decisions.ToArray()));
        }

        return new JudgedCall(session.Log.Verdict, session.Log.Findings, judged);
    }

    /// <summary>Whether what was found is not in the stored text any more.</summary>
    public static bool WasReplaced(GuardFinding found) => found is { Shadow: false, Excepted: false, Action: "redact" or "pseudonymise" };

    private static void Recall(GuardSession session, IReadOnlyList<GuardFinding> replaced, bool ofAnswer)
    {
        foreach (var found in replaced)
        {
            if (Named<DetectionSide>(found.Side, GuardLog.NameOf) is { } side
                && side is DetectionSide.Output or DetectionSide.ToolCall == ofAnswer
                && Named<GuardDetector>(found.Detector, GuardLog.NameOf) is { } detector
                && detector is not (GuardDetector.Model or GuardDetector.Webhook))
            {
                session.Recall(
                    new GuardedText(side, found.Part), detector,
                    new Finding(KindOf(detector), $"recorded.{found.Type}", found.Type, 0, Math.Max(found.Length, 1), (float)found.Score));
            }
        }
    }

    private static T? Named<T>(string word, Func<T, string> nameOf)
        where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
        {
            if (nameOf(value) == word)
            {
                return value;
            }
        }

        return null; // of another version
    }

    private static DetectorKind KindOf(GuardDetector detector) => detector switch
    {
        GuardDetector.Pii => DetectorKind.Pii,
        GuardDetector.Secrets => DetectorKind.Secrets,
        GuardDetector.Injection => DetectorKind.Injection,
        _ => DetectorKind.Content,
    };
}
