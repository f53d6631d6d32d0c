using System.Threading.Channels;
using Gatehouse.Contracts;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Configuration;

/// <summary>
/// Reloads the configuration when a credential that it refers to changed elsewhere: at once when a stored secret did, and when what the
/// vault gave is due. A provider whose credential did not change keeps its connections; calls under way end with what they began with.
/// </summary>
public sealed partial class CredentialWatcher(ConfigurationState state, ILogger<CredentialWatcher> log) : BackgroundService
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>A stored secret was changed, here or on another node. Returns at once.</summary>
    public void Changed() => _changed.Writer.TryWrite(true);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var tick = Beats.NextAsync(Look, TimeProvider.System, stoppingToken);
        var changed = _changed.Reader.WaitToReadAsync(stoppingToken).AsTask();
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.WhenAny(tick, changed);
            var due = state.Loader.IsVaultDue;
            if (tick.IsCompleted)
            {
                tick = Beats.NextAsync(Look, TimeProvider.System, stoppingToken);
            }

            if (changed.IsCompleted)
            {
                due |= _changed.Reader.TryRead(out _);
                changed = _changed.Reader.WaitToReadAsync(stoppingToken).AsTask();
            }

            try
            {
                if (due && !stoppingToken.IsCancellationRequested)
                {
                    await state.ReloadAsync(stoppingToken);
                }
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // The revision in force stays, whole; the next look tries again.
                LookFailed(e);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Looking for changed credentials failed; the revision in force stays.")]
    private partial void LookFailed(Exception e);
}
