using System.Diagnostics.Metrics;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>How fresh the tables are that calls are served from, and whether the database answers. Safe from any thread.</summary>
public sealed class TablesStanding : IDisposable
{
    private readonly Meter _meter = new("Gatehouse.Governance");
    private readonly TimeProvider _clock;
    private long _confirmedAt;
    private volatile bool _isFromDisk;
    private volatile bool _isAway;
    private volatile DatabaseTrouble? _notRead;
    private volatile DatabaseTrouble? _notWritten;
    private volatile int _nodes;

    /// <param name="kept">What the node starts from; <see langword="null"/>: the database answers.</param>
    public TablesStanding(TimeProvider clock, KeptTables? kept)
    {
        _clock = clock;
        _confirmedAt = (kept?.At ?? clock.GetUtcNow()).UtcTicks;
        _isFromDisk = _isAway = kept is not null;
        _nodes = kept?.Nodes ?? 1;
        _meter.CreateObservableGauge(
            "gatehouse.tables.age", () => Age.TotalSeconds, "s",
            "Time since the database confirmed keys, policies and limits that calls are served from: below a second while it answers.");
    }

    /// <summary>When the database last said that the tables are as they are.</summary>
    public DateTimeOffset ConfirmedAt => new(Volatile.Read(ref _confirmedAt), TimeSpan.Zero);

    public TimeSpan Age => _clock.GetUtcNow() - ConfirmedAt is var age && age > TimeSpan.Zero ? age : TimeSpan.Zero;

    /// <summary>The database has not answered since the start, which was from the tables on the disk.</summary>
    public bool IsFromDisk => _isFromDisk;

    /// <summary>The database did not answer when it was last asked for changes.</summary>
    public bool IsAway => _isAway;

    /// <summary>Why nothing can be read of a database that answers; <see langword="null"/>: it does not, or all is well.</summary>
    public DatabaseTrouble? NotRead => _notRead;

    /// <summary>Why this node can write nothing to a database that answers; <see langword="null"/>: it does not, or all is well.</summary>
    public DatabaseTrouble? NotWritten => _notWritten;

    /// <summary>Nodes that were alive when the database was last asked, this one included.</summary>
    internal int Nodes
    {
        get => _nodes;
        set => _nodes = value;
    }

    public void Dispose() => _meter.Dispose();

    internal void Confirm(DateTimeOffset at)
    {
        Volatile.Write(ref _confirmedAt, at.UtcTicks);
        _isFromDisk = false;
        _isAway = false;
        _notRead = null;
    }

    internal void Lose(Exception e)
    {
        _notRead = Answering(e);
        _isAway = true;
    }

    /// <param name="e"><see langword="null"/>: it can.</param>
    internal void Written(Exception? e) => _notWritten = e is null ? null : Answering(e);

    private static DatabaseTrouble? Answering(Exception e) => DatabaseTrouble.Of(e) is { IsAway: false } trouble ? trouble : null;
}
