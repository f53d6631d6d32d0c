namespace Gatehouse.Governance;

/// <summary>Tells others in this process that new <see cref="GovernanceTables"/> are published.</summary>
public sealed class GovernanceChanges
{
    private long _served;

    /// <summary>Raised after each publication and before the write that caused it is answered. Handlers must be quick.</summary>
    public event Action? Published;

    /// <summary>Raised when <see cref="Served"/> has changed.</summary>
    internal event Action? Serving;

    /// <summary>The revision that all who hear of publications have taken over: calls that begin from here on go by it.</summary>
    internal long Served => Volatile.Read(ref _served);

    internal void Raise(long revision)
    {
        Published?.Invoke();
        Volatile.Write(ref _served, revision);
        Serving?.Invoke();
    }
}
