using Gatehouse.Contracts;
using Gatehouse.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>
/// Looks for changes that other nodes made, four times a second, so that a revocation holds everywhere within one; twice where no other
/// node lives. Publishes the first tables before the server starts to listen. Safe to run on every node.
/// </summary>
internal sealed partial class GovernanceWorker(
    Database db, GovernancePublisher publisher, TablesStanding standing, Secrets secrets, TimeProvider clock, ILogger<GovernanceWorker> log)
    : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LonePoll = NodePresence.BeatEvery; // others show themselves, and are seen, no sooner

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await InstallationCheck.RunAsync(db, secrets, cancellationToken);
        await publisher.RefreshAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failing = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Beats.NextAsync(standing.Nodes > 1 || failing ? Poll : LonePoll, clock, stoppingToken);
                await publisher.RefreshAsync(stoppingToken);
                failing = false;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // The database may be away for a while: calls go on from the last tables.
            catch (Exception e)
#pragma warning restore CA1031
            {
                standing.Lose(e);
                if (!failing)
                {
                    failing = true;
                    RefreshFailed(e);
                }
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error,
        Message = "The database cannot be read; keys and people stay as they were last read, and it is tried again four times a second.")]
    private partial void RefreshFailed(Exception e);
}
