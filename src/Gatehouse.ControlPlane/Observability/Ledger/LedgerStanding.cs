using Gatehouse.Storage;

namespace Gatehouse.Observability;

/// <summary>Whether what the journal holds comes into the ledger. Safe from any thread.</summary>
public sealed class LedgerStanding
{
    /// <summary>What passes by itself, a lock or a server that starts anew, is gone by then.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private volatile LedgerFailure? _failure;
    private string _kind = ""; // of the one who writes
    private long _began;

    /// <summary>Why calls wait in the journal, and since when; <see langword="null"/> when they do not, or only for a moment.</summary>
    public LedgerFailure? Failing(TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(clock);
        return _failure is { } failure
            && (failure.Trouble is { IsAway: false } || clock.GetElapsedTime(Volatile.Read(ref _began)) >= Patience) ? failure : null;
    }

    /// <returns>What has failed until now; <see langword="null"/>: nothing.</returns>
    internal LedgerFailure? Written()
    {
        var before = _failure;
        _failure = null;
        return before;
    }

    /// <returns>Whether it is another failure than before.</returns>
    internal bool NotWritten(Exception e, TimeProvider clock)
    {
        var (before, kind, trouble) = (_failure, _kind, DatabaseTrouble.Of(e));
        if (before is null)
        {
            Volatile.Write(ref _began, clock.GetTimestamp());
        }

        _kind = trouble?.What ?? e.GetType().Name; // which is for the log
        _failure = new LedgerFailure(
            trouble?.What ?? "It failed, and the log has why.", trouble, before?.Since ?? clock.GetUtcNow());
        return before is null || kind != _kind;
    }
}

/// <summary>The ledger is not written.</summary>
/// <param name="Why">A sentence.</param>
/// <param name="Trouble">Of the database; <see langword="null"/>: what was to be written may be at fault.</param>
/// <param name="Since">When it failed first.</param>
public sealed record LedgerFailure(string Why, DatabaseTrouble? Trouble, DateTimeOffset Since);
