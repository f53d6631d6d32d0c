using Gatehouse.Gateway.Limits;

namespace Gatehouse.Governance;

/// <summary>
/// What calls go on with while the database does not answer this node: with what is held, at first up to the pledge, after four seconds,
/// when others may take the rest or are away too, with all; rates, which begin anew each minute, with an even share. For one caller at a
/// time.
/// </summary>
internal sealed class LeaseOutage(AllowanceBook book, LiveNodes nodes, TablesStanding standing, TimeProvider clock)
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan SharesAfter = TimeSpan.FromSeconds(1);

    /// <summary>A database that is silent for longer is away.</summary>
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(2);

    private long _failingSince;
    private long _roundBegan;

    /// <summary>The last round failed.</summary>
    public bool IsOn => _failingSince != 0;

    /// <summary>The database has not answered since the start.</summary>
    public bool IsSinceStart => standing.IsFromDisk;

    public void BeginRound() => _roundBegan = clock.GetTimestamp();

    /// <summary>A round came to its end.</summary>
    public void End()
    {
        _failingSince = 0;
        book.IsCutOff = false;
        standing.Written(null);
    }

    /// <summary>A round failed.</summary>
    /// <returns>Whether it is the first of them.</returns>
    public bool GoOn(Exception e)
    {
        standing.Written(e);
        // One failure may be two nodes that were in each other's way.
        book.IsCutOff = IsOn || IsSinceStart;
        var isFirst = !IsOn;
        if (isFirst)
        {
            _failingSince = _roundBegan;
        }

        GoOn(_failingSince, ratesOnly: false);
        return isFirst;
    }

    /// <summary>
    /// Asks the database, and takes it for away when it is silent for too long: then the answer is lost, and the next round tells anew. It
    /// is waited for until the statement is given up, so that a late one cannot undo what is told after it. Rates go on meanwhile.
    /// </summary>
    public async Task<T> AskAsync<T>(Func<CancellationToken, Task<T>> ask, CancellationToken ct)
    {
        using var longest = new CancellationTokenSource(LongestAnswer, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, longest.Token);
        var asked = ask(either.Token);
        while (!asked.IsCompleted)
        {
            using var tick = CancellationTokenSource.CreateLinkedTokenSource(ct);
            if (await Task.WhenAny(asked, Task.Delay(Tick, clock, tick.Token)) != asked && !ct.IsCancellationRequested)
            {
                GoOn(IsOn ? _failingSince : _roundBegan, ratesOnly: true);
            }
            else
            {
                await tick.CancelAsync();
                break;
            }
        }

        return await asked;
    }

    /// <inheritdoc cref="AskAsync{T}"/>
    public async Task AskAsync(Func<CancellationToken, Task> ask, CancellationToken ct) => await AskAsync(
        async limit =>
        {
            await ask(limit);
            return true;
        },
        ct);

    /// <summary>
    /// Rates and concurrency go on with an even share: nobody can lease, and refusing every call would be worse than being a little off.
    /// Of money all that is held is used, once the others would take what is not pledged if they could: they are away too, or this node
    /// alone, and it cannot tell. Until then it keeps to its pledge, so that a short fault costs nobody anything.
    /// </summary>
    /// <param name="since">When the first round that failed began.</param>
    /// <param name="ratesOnly">A statement is still under way: it may be telling how much of the money is used.</param>
    private void GoOn(long since, bool ratesOnly)
    {
        var shares = IsSinceStart || clock.GetElapsedTime(since) >= SharesAfter;
        var all = !ratesOnly && nodes.SinceBeat >= LiveNodes.LiveFor && clock.GetElapsedTime(since) >= LiveNodes.LiveFor;
        foreach (var allowance in book.All)
        {
            var window = allowance.Look(clock.GetUtcNow());
            var isMoney = allowance.Rule.Measure == Measure.Money;
            if (isMoney ? all : shares)
            {
                window.Pledge(long.MaxValue); // nobody is told, so nobody takes it
            }

            var share = Math.Max(1, allowance.Rule.Cap / nodes.Count);
            if (shares && allowance.Rule.Enforced && !isMoney && window.Granted < share)
            {
                window.Grant(share - window.Granted, 0, 0);
            }
        }
    }
}
