using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>
/// Keeps the tables on this node's disk: with every change before the change is answered, when nodes come and go, and every few minutes, so
/// that their time says since when the database is away. For one caller at a time.
/// </summary>
/// <param name="file"><see langword="null"/> where the database is a file itself.</param>
public sealed partial class TablesKeeper(TablesFile? file, TablesStanding standing, ILogger<TablesKeeper> log)
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(30);

    private DateTimeOffset _triedAt;
    private int _nodes;
    private volatile bool _failed;

    /// <summary>Whether the tables should be on the disk and are not.</summary>
    public bool HasFailed => _failed;

    /// <summary>What is kept, and for how long it may be used; <see langword="null"/>: nothing is.</summary>
    public TablesFile? File => file is { IsWanted: true } ? file : null;

    /// <summary>Whether they are to be written although nothing has changed.</summary>
    internal bool IsDue(DateTimeOffset now) => File is not null
        && ((now - _triedAt).Duration() >= (_failed ? Again : Every) || (!_failed && standing.Nodes != _nodes));

    /// <param name="at">Before they were read.</param>
    /// <param name="isNew">
    /// Somebody changed them: when they cannot be kept nothing is, since a start from the old ones would serve what was revoked.
    /// </param>
    internal async Task KeepAsync(GovernanceRows rows, DateTimeOffset at, bool isNew)
    {
        if (File is not { } kept)
        {
            return;
        }

        _triedAt = at;
        _nodes = standing.Nodes;
        try
        {
            await Task.Run(() => kept.Write(rows, at, _nodes)); // the disk is waited for: not on a thread that serves sockets
            _failed = false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_failed)
            {
                NotKept(e);
            }

            _failed = true;
            if (isNew)
            {
                Remove(kept);
            }
        }
    }

    private void Remove(TablesFile kept)
    {
        try
        {
            kept.Remove();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            NotRemoved(e);
        }
    }

    [LoggerMessage(Level = LogLevel.Error,
        Message = "The tables cannot be written to the disk: once they have changed, a start without the database fails. It is tried again.")]
    private partial void NotKept(Exception e);

    [LoggerMessage(Level = LogLevel.Error,
        Message = "Older tables cannot be removed from the disk: a start without the database would serve what was revoked since.")]
    private partial void NotRemoved(Exception e);
}
