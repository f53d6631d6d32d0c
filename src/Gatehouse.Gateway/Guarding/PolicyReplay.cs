using Gatehouse.Contracts;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding;

/// <summary>A text of a stored call with what a policy decides about it.</summary>
public sealed record JudgedText(StoredText Stored, IReadOnlyList<Decision> Decisions);

/// <summary>What a policy makes of a stored call.</summary>
/// <param name="Texts">Those that were looked at: after a block, no more are.</param>
public sealed record JudgedCall(GuardVerdict Verdict, IReadOnlyList<GuardFinding> Findings, IReadOnlyList<JudgedText> Texts);

/// <summary>Runs a policy over the stored content of calls, as whole texts. Sends nothing anywhere.</summary>
public static class PolicyReplay
{
    public static JudgedCall Judge(
        GuardPolicy policy, IReadOnlyList<StoredText> texts, IReadOnlyList<GuardException> exceptions, TimeProvider clock)
    {
        using var session = new GuardSession(policy, new byte[32], exceptions, clock);
        var judged = new List<JudgedText>();
        var isAnswer = false;
        if (policy.NeedsSystemPrompt)
        {
            session.KnowSystemPrompt(string.Join('\n', texts.Where(t => t.IsSystemPrompt).Select(t => t.Text)));
        }

        foreach (var text in texts)
        {
            if (text.IsAnswer && !isAnswer)
            {
                isAnswer = true;
                session.Restart();
            }

            session.Check(text.Text, text.About);
            judged.Add(new JudgedText(text, session.Decisions.ToArray()));
            if (session.IsBlocked)
            {
                break;
            }
        }

        return new JudgedCall(session.Log.Verdict, session.Log.Findings, judged);
    }
}
