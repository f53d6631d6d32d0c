using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>
/// Keeps this node supplied with leases of budgets and limits, off the way of calls:
/// <list type="number">
/// <item>A node that is alone holds all that is free; of several each holds some of it, and gives back what lies idle
/// (<see cref="LeasedCounts"/>), also what it would keep where calls of another wait for it.</item>
/// <item>Of what it holds a node uses no more than it pledged to the database before, so that the others lose little when it dies. While it
/// is alone, or the database away, that is all.</item>
/// <item>A node that cannot serve a waiting call gives back what it holds too little of, so that parts do not lie about on every
/// node.</item>
/// <item>With what it holds a node tells how much of that is used and in the ledger already, by its own journal
/// (<see cref="JournalProgress"/>). So the database knows of each lease what may still be charged to it, and that and what is spent never
/// pass the cap.</item>
/// <item>What an earlier run of this node held is given back when everything it journalled is in the ledger. What a silent node
/// had not pledged to use is taken by the others after four seconds, the rest after two minutes (<see cref="LiveNodes"/>).</item>
/// <item>Counts that calls wait for come first (<see cref="LeaseRound"/>). What an end user holds of a rule that gives each their own is
/// leased when they call, and given back and forgotten when they do not.</item>
/// <item>While the database is away calls go on with what is held, and rates with an even share (<see cref="LeaseOutage"/>).</item>
/// <item>When a round has looked at all that changed with a revision, the node tells that it holds by it: who changed a budget or limit
/// waits for that (<see cref="NodePresence"/>).</item>
/// </list>
/// </summary>
internal sealed partial class LeaseWorker(
    LeaseRound round, NodePresence presence, LeasedCounts counts, LeaseOutage outage, TimeProvider clock, ILogger<LeaseWorker> log)
    : BackgroundService
{
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(250);

    private bool _isUnseen;
    private bool _toldLost;

    /// <summary>
    /// Shows the node before it serves: who changes keys and rules from here on waits for it. Without the database that is the first it
    /// does when the database is back.
    /// </summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        _isUnseen = outage.IsSinceStart;
        if (!_isUnseen)
        {
            await presence.ShowAsync(cancellationToken);
        }

        await base.StartAsync(cancellationToken);
    }

    /// <summary>Stopped after the ledger was flushed: what this node still holds is spare.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (!presence.IsHeld)
        {
            return; // what is held is another run's
        }

        try
        {
            if (await counts.TellLastAsync(cancellationToken))
            {
                await presence.LeaveAsync(cancellationToken);
            }
        }
#pragma warning disable CA1031 // The next start, or another node, gives it back.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Tell(e);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await RoundAsync(stoppingToken);
            if (outage.IsOn)
            {
                await Task.Delay(Again, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            else
            {
                await round.WaitAsync(stoppingToken);
            }
        }
    }

    /// <summary>Looks once at all counts.</summary>
    internal async Task RoundAsync(CancellationToken ct)
    {
        if (presence.IsLost)
        {
            return;
        }

        outage.BeginRound();
        try
        {
            if (_isUnseen)
            {
                await outage.AskAsync(presence.ShowAsync, ct);
                _isUnseen = false;
            }

            await round.BeatAsync(ct);
            var isWhole = await round.RunAsync(ct);
            if (!presence.IsTold)
            {
                await round.BeatAsync(ct);
            }

            if (outage is { IsOn: true, IsSinceStart: false })
            {
                LeasesRenewed();
            }

            outage.End();
            if (isWhole)
            {
                TellLost();
            }
        }
        catch (NodeTakenException)
        {
            NodeTaken();
        }
#pragma warning disable CA1031 // The database may be away for a while: calls go on with what is held.
        catch (Exception e) when (!ct.IsCancellationRequested)
#pragma warning restore CA1031
        {
            if (outage.GoOn(e))
            {
                Tell(e);
            }
        }
    }

    private void Tell(Exception e)
    {
        if (!outage.IsSinceStart) // else the start has told
        {
            LeasesFailed(e);
        }
    }

    /// <summary>Once for each time that others took this node for gone, whatever rounds that takes.</summary>
    private void TellLost()
    {
        var lost = counts.TakeLost();
        if (lost > 0 && !_toldLost)
        {
            LeasesLost(lost);
        }

        _toldLost = lost > 0;
    }

    [LoggerMessage(Level = LogLevel.Error,
        Message = "Leases of budgets and limits cannot be renewed: calls go on with what this node holds, and it is tried again.")]
    private partial void LeasesFailed(Exception e);

    [LoggerMessage(Level = LogLevel.Error,
        Message = "Another node runs on a copy of this node's data folder and took its name: this one leases no more and writes nothing to the "
            + "ledger; its calls stay in its journal. " + NodeTakenException.Mend)]
    private partial void NodeTaken();

    [LoggerMessage(Level = LogLevel.Information, Message = "The database answers again: leases of budgets and limits are renewed.")]
    private partial void LeasesRenewed();

    [LoggerMessage(Level = LogLevel.Warning, Message = "Others took this node for gone and have what it held of {Count} budgets and limits; it begins anew.")]
    private partial void LeasesLost(int count);
}
