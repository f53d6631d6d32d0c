using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>
/// Where a writer waits until every node that lives lets calls in by what was written. Nodes tell the revision that they hold by with their
/// sign of life.
/// </summary>
internal sealed partial class NodeAgreement(TimeProvider clock, ILogger<NodeAgreement> log)
{
    /// <summary>Longest wait: a node that lives hears of a change within half a second.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(3);

    private readonly Lock _one = new();
    private readonly List<(long Revision, TaskCompletionSource Reached)> _waits = [];

    /// <summary>Raised when somebody begins to wait.</summary>
    public event Action? Wanted;

    /// <summary>Whether somebody waits.</summary>
    public bool IsWanted
    {
        get
        {
            lock (_one)
            {
                return _waits.Count > 0;
            }
        }
    }

    /// <summary>Returns when all nodes that live hold by the revision, or after three seconds.</summary>
    public async Task WaitAsync(long revision)
    {
        var wait = (revision, Reached: new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_one)
        {
            _waits.Add(wait);
        }

        Wanted?.Invoke();
        try
        {
            await wait.Reached.Task.WaitAsync(MaxWait, clock, CancellationToken.None);
        }
        catch (TimeoutException)
        {
            NotAll(MaxWait.TotalSeconds);
        }
        finally
        {
            lock (_one)
            {
                _waits.Remove(wait);
            }
        }
    }

    /// <summary>All nodes that live hold by this revision, or a later one.</summary>
    public void Reached(long revision)
    {
        lock (_one)
        {
            foreach (var wait in _waits.Where(w => w.Revision <= revision))
            {
                wait.Reached.TrySetResult();
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "Not every node has shown within {Seconds} s that it holds by a change; one that does not reach the database goes on by what was before until it does.")]
    private partial void NotAll(double seconds);
}
