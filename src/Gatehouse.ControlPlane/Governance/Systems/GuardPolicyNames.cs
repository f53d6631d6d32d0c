namespace Gatehouse.Governance;

/// <summary>Governance asks Configuration which guard policies there are.</summary>
/// <param name="Known">The names that may be chosen, the one for no policy included.</param>
public sealed record GuardPolicyNames(Func<IReadOnlyList<string>> Known)
{
    /// <summary>Takes a choice back: what the configuration says applies.</summary>
    public const string Default = "default";
}

/// <summary>Governance asks Configuration which detectors there are.</summary>
public sealed record DetectorNames(IReadOnlyList<string> Known);
