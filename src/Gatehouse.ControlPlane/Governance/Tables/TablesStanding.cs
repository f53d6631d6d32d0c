using System.Diagnostics.Metrics;

namespace Gatehouse.Governance;

/// <summary>How fresh the tables are that calls are served from, and whether the database answers. Safe from any thread.</summary>
public sealed class TablesStanding : IDisposable
{
    private readonly Meter _meter = new("Gatehouse.Governance");
    private readonly TimeProvider _clock;
    private long _confirmedAt;
    private volatile bool _isFromDisk;
    private volatile bool _isAway;
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
    }

    internal void Lose() => _isAway = true;
}
