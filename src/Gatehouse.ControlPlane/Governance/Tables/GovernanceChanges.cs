using Gatehouse.Contracts;

namespace Gatehouse.Governance;

/// <summary>Publishes new <see cref="GovernanceTables"/> to this process, and tells those who make something of them.</summary>
public sealed class GovernanceChanges(Snapshot<GovernanceTables> tables)
{
    private long _served;

    /// <summary>Raised after each publication and before the write that caused it is answered. Handlers must be quick.</summary>
    public event Action? Published;

    /// <summary>Raised when <see cref="Served"/> has changed.</summary>
    internal event Action? Serving;

    /// <summary>The revision that all who hear of publications have taken over: calls that begin from here on go by it.</summary>
    internal long Served => Volatile.Read(ref _served);

    /// <summary>What was published last, maybe a moment before it is <see cref="Served"/>.</summary>
    internal GovernanceTables Current => tables.Current;

    internal void Publish(GovernanceTables read)
    {
        tables.Publish(read);
        Published?.Invoke();
        Volatile.Write(ref _served, read.Revision);
        Serving?.Invoke();
    }
}
