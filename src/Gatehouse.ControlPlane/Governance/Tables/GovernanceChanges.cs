namespace Gatehouse.Governance;

/// <summary>Tells others in this process that new <see cref="GovernanceTables"/> are published.</summary>
public sealed class GovernanceChanges
{
    /// <summary>Raised after each publication and before the write that caused it is answered. Handlers must be quick.</summary>
    public event Action? Published;

    internal void Raise() => Published?.Invoke();
}
