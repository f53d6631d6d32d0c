namespace Gatehouse.Contracts;

/// <summary>What a kill switch stops.</summary>
public enum SwitchKind
{
    Provider,

    /// <summary>A provider's model, wherever routes use it: <c>gpt-5</c> at every provider, or <c>openai/gpt-5</c> at one.</summary>
    Model,
    Route,
    System,
    Key,
}

/// <summary>A kill switch that is thrown: calls are refused, on every node, until somebody switches on again.</summary>
/// <param name="Subject">The name of the provider, model or route; the id of the system or key.</param>
/// <param name="Name">What people call the subject.</param>
/// <param name="TeamId">Whose system or key; <see langword="null"/> for what every team uses.</param>
/// <param name="Reason">Callers read it with the refusal.</param>
public sealed record Switch(
    Guid Id, SwitchKind Kind, string Subject, string Name, Guid? TeamId, string Reason, string Person, DateTimeOffset At);
