namespace Gatehouse.Observability;

/// <summary>Whether what the journal holds comes into the ledger. Safe from any thread.</summary>
public sealed class LedgerStanding
{
    private volatile bool _isDiskFull;

    /// <summary>The disk of the database was full when calls were last to be written: they wait in the journal.</summary>
    public bool IsDiskFull
    {
        get => _isDiskFull;
        internal set => _isDiskFull = value;
    }
}
