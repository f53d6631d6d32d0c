namespace Gatehouse.Guardrails.Policies;

/// <summary>When a person is asked about a call.</summary>
public enum EscalationMode
{
    /// <summary>The call waits for the decision.</summary>
    Hold,

    /// <summary>The call goes on, and the question is asked afterwards.</summary>
    After,
}

/// <summary>What becomes of a call that nobody decided about in time.</summary>
public enum EscalationDefault
{
    Block,
    Allow,
}

/// <summary>How <see cref="GuardAction.Escalate"/> asks a person.</summary>
/// <param name="Timeout">Longest wait of a call.</param>
public sealed record Escalation(EscalationMode Mode, TimeSpan Timeout, EscalationDefault OnTimeout)
{
    /// <summary>Hold for two minutes, then refuse.</summary>
    public static readonly Escalation Default = new(EscalationMode.Hold, TimeSpan.FromMinutes(2), EscalationDefault.Block);
}
