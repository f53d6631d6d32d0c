using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Gateway.Journal;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>
/// Lets circuit breakers count over all nodes: once a second each tells what it counted, where that changed, and hears of the others. A
/// node whose systems have no breakers asks nothing. While the database is away each goes on from what it heard last.
/// </summary>
internal sealed partial class BreakerCountWorker(
    BreakerBook book, BreakerCountRows rows, CallJournal journal, TimeProvider clock, ILogger<BreakerCountWorker> log) : BackgroundService
{
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(1);

    /// <summary>A node tells what it counted at least this often; the others believe it three times as long.</summary>
    private static readonly TimeSpan Refresh = TimeSpan.FromSeconds(10);

    private readonly Dictionary<(Guid, SystemEnvironment, string, long), (BreakerCount Count, DateTimeOffset At)> _told = [];
    private bool _isClear;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failing = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Beats.NextAsync(Beat, clock, stoppingToken);
                await ExchangeAsync(stoppingToken);
                failing = false;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // The database may be away for a while: each node counts on.
            catch (Exception e)
#pragma warning restore CA1031
            {
                if (!failing)
                {
                    failing = true;
                    NotExchanged(e);
                }
            }
        }
    }

    private async Task ExchangeAsync(CancellationToken ct)
    {
        if (!book.HasBreakers)
        {
            return;
        }

        var now = clock.Now();
        if (!_isClear)
        {
            await rows.ClearAsync(journal.NodeId, now - 3 * Refresh, ct);
            _isClear = true;
        }

        var counts = book.Counts(now).ToDictionary(Key);
        var changed = counts.Where(c => !_told.TryGetValue(c.Key, out var told) || told.Count != c.Value || now - told.At >= Refresh)
            .Select(c => c.Value).ToList();
        var gone = _told.Where(t => !counts.ContainsKey(t.Key)).Select(t => t.Value.Count).ToList();
        if (changed.Count + gone.Count > 0)
        {
            await rows.WriteAsync(journal.NodeId, changed, gone, now, ct);
            changed.ForEach(c => _told[Key(c)] = (c, now));
            gone.ForEach(c => _told.Remove(Key(c)));
        }

        book.Hear(await rows.ReadOthersAsync(journal.NodeId, now - 3 * Refresh, ct), now);
    }

    private static (Guid, SystemEnvironment, string, long) Key(BreakerCount c) =>
        (c.SystemId, c.Environment, c.Name, c.Fingerprint);

    [LoggerMessage(Level = LogLevel.Error,
        Message = "What breakers count cannot be told to the other nodes; it is tried again every second, and each node counts on.")]
    private partial void NotExchanged(Exception e);
}
