using Gatehouse.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>
/// Looks for changes that other nodes made, twice a second, so that a revocation holds everywhere within one. Publishes the first
/// tables before the server starts to listen. Safe to run on every node.
/// </summary>
internal sealed partial class GovernanceWorker(
    Database db, GovernancePublisher publisher, Secrets secrets, TimeProvider clock, ILogger<GovernanceWorker> log) : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await CheckSecretAsync(cancellationToken);
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
                await Task.Delay(Poll, clock, stoppingToken);
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
                if (!failing)
                {
                    failing = true;
                    RefreshFailed(e);
                }
            }
        }
    }

    /// <exception cref="DatabaseException">The data was written under another secret: no key would be recognised.</exception>
    private async Task CheckSecretAsync(CancellationToken ct)
    {
        await db.ExecuteAsync($"UPDATE governance_revision SET secret_check = {secrets.Check} WHERE id = {1} AND secret_check IS NULL", ct);
        var check = (await db.QueryAsync($"SELECT secret_check FROM governance_revision WHERE id = {1}", row => row.Text(0), ct))[0];
        if (check != secrets.Check)
        {
            throw new DatabaseException(
                "The database was written under another installation secret, so no key or password would be recognised: "
                + $"restore the file 'secret' of the data directory, or set {InstallationSecret.Variable} to the one that the other nodes use.");
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The database does not answer; keys and people stay as they were last read, and it is tried again twice a second.")]
    private partial void RefreshFailed(Exception e);
}
