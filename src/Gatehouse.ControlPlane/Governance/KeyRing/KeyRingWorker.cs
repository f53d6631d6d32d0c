using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Governance;

/// <summary>
/// Makes the first key of the ring before the server listens, and the next one well before the last expires, so that every node has read it
/// when it comes into use. Safe to run on every node.
/// </summary>
internal sealed partial class KeyRingWorker(KeyRingStore store, IKeyManager keys, TimeProvider clock, ILogger<KeyRingWorker> log)
    : BackgroundService
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(90);

    /// <summary>Data Protection itself reads its ring again once a day.</summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromDays(14);

    private static readonly TimeSpan Look = TimeSpan.FromHours(1);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await LookAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    internal async Task LookAsync(CancellationToken ct)
    {
        await store.ReadAsync(ct);
        var now = TimeProvider.System.GetUtcNow(); // by which Data Protection goes
        var last = keys.GetAllKeys().Where(k => !k.IsRevoked).Select(k => k.ExpirationDate).DefaultIfEmpty(DateTimeOffset.MinValue).Max();
        if (last - now < Ahead)
        {
            var from = last > now ? last - TimeSpan.FromDays(1) : now;
            keys.CreateNewKey(from, from + Lifetime);
            await store.SaveAsync(ct);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Look, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await LookAsync(stoppingToken);
            }
#pragma warning disable CA1031 // The keys in memory hold for weeks: the next look tries again.
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                LookFailed(e);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error,
        Message = "The key ring could not be looked after; sessions go on with the keys that were read.")]
    private partial void LookFailed(Exception e);
}
