namespace Gatehouse.Contracts;

/// <summary>What the guards did with a call, from the mildest to the strictest. The numbers are stored.</summary>
public enum GuardVerdict
{
    /// <summary>Checked, and nothing was found.</summary>
    Passed = 0,

    /// <summary>A rule in shadow mode would have done something.</summary>
    Shadowed = 10,

    /// <summary>Something was found and recorded, and the call went on as it was.</summary>
    Flagged = 20,

    /// <summary>A guard failed, and its policy lets calls pass then.</summary>
    Unchecked = 30,

    /// <summary>The call was sent to another route than its client asked for.</summary>
    Rerouted = 40,

    /// <summary>Parts of the request or the answer were replaced.</summary>
    Redacted = 50,

    /// <summary>A person was asked: the call waited, or they are asked afterwards.</summary>
    Escalated = 55,

    /// <summary>The request was refused, or the answer held back.</summary>
    Blocked = 60,
}

/// <summary>What the guards of one call found. Never holds any of the text.</summary>
/// <param name="Policy">The name of the policy.</param>
/// <param name="Revision">Names the policy's content.</param>
/// <param name="InputMicros">Time spent on the request, in microseconds.</param>
/// <param name="OutputMicros">Time spent on the answer, in microseconds.</param>
/// <param name="Failure">Which guard failed and how, in words of ours; <see langword="null"/> when none did.</param>
public sealed record GuardReport(
    string Policy,
    string Revision,
    GuardVerdict Verdict,
    IReadOnlyList<GuardFinding> Findings,
    long InputMicros,
    long OutputMicros,
    string? Failure = null);

/// <summary>What a rule of a policy found in a call, on one side and of one type; the place is that of the surest.</summary>
/// <param name="Side"><c>input</c>, <c>output</c>, <c>tool_call</c>, <c>tool_result</c> or <c>retrieved</c>.</param>
/// <param name="Detector">The detector, such as <c>pii</c>.</param>
/// <param name="Type">What it is, such as <c>CREDIT_CARD</c>.</param>
/// <param name="Rule">The rule of the policy that decided.</param>
/// <param name="Action">What was done, or would have been: <c>flag</c>, <c>redact</c>, <c>pseudonymise</c>, <c>route</c>,
/// <c>escalate</c> or <c>block</c>.</param>
/// <param name="Shadow">The rule is in shadow mode: nothing was done.</param>
/// <param name="Excepted">An exception of the system turned the rule's action into a flag.</param>
/// <param name="Score">Of the surest, from 0 to 1.</param>
/// <param name="Part">Which of the texts of the request or answer, from 0.</param>
/// <param name="Start">Offset in that text, in UTF-16 units.</param>
public sealed record GuardFinding(
    string Side,
    string Detector,
    string Type,
    string Rule,
    string Action,
    bool Shadow,
    bool Excepted,
    int Count,
    double Score,
    int Part,
    int Start,
    int Length);

/// <summary>What one rule found in one stretch of time.</summary>
/// <param name="At">The beginning of the hour or day.</param>
/// <param name="Shadow">The rule was in shadow mode: it is what would have happened.</param>
public sealed record GuardActivity(
    DateTimeOffset At,
    Guid SystemId,
    string System,
    SystemEnvironment Environment,
    string Policy,
    string Side,
    string Detector,
    string Type,
    string Rule,
    string Action,
    bool Shadow,
    bool Excepted,
    long Calls,
    long Findings);
