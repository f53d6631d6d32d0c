using System.Collections.Concurrent;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Gateway.Batches;

/// <summary>
/// Runs batches on this node, several at a time. Safe to run on every node: each batch is leased. A node that stops in good order lets the
/// calls under way come to their end, a while; one that is killed leaves its leases, which it takes again when it is back, or others when
/// they have run out.
/// </summary>
internal sealed partial class BatchRunner(
    IBatchStore store, IFileStore files, BatchCaller caller, CallJournal journal, Snapshot<GatewayTable> tables, TimeProvider clock,
    IHostApplicationLifetime lifetime, ILogger<BatchRunner> log)
    : BackgroundService
{
    private const int MaxRuns = 50; // they share the places for items, one after the other, so that no large batch keeps the others waiting
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);

    /// <summary>For calls that were given up to be recorded, where nobody has the patience for more.</summary>
    private static readonly TimeSpan Unwinding = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, BatchRun?> _runs = new();
    private readonly BatchSlots _slots = new(() => Math.Max(1, tables.Current.Batches.Parallel));
    private readonly CancellationTokenSource _abort = new();
    private TaskCompletionSource _woken = NewSignal();

    /// <summary>There may be something to run.</summary>
    public void Wake() => Volatile.Read(ref _woken).TrySetResult();

    /// <summary>Somebody asked for the end of a batch: if it runs here, it need not wait to hear of it.</summary>
    public void Cancelled(string id)
    {
        if (_runs.GetValueOrDefault(id) is { } run)
        {
            run.Cancel();
        }
        else
        {
            Wake();
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        using var enough = new CancellationTokenSource();
        var stopping = base.StopAsync(enough.Token); // first: no batch begins behind its end
        await using (cancellationToken.Register(() =>
        {
            enough.CancelAfter(Unwinding);
            _abort.Cancel();
        }))
        {
            await stopping;
        }
    }

    public override void Dispose()
    {
        _abort.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Before, the tables that know the keys may not be there, and an item whose key is not known has failed for good.
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registered = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        var tasks = new List<Task>();
        var failing = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            var woken = Volatile.Read(ref _woken).Task;
            try
            {
                while (_runs.Count < MaxRuns
                    && await store.TryLeaseAsync(
                        journal.NodeId, [.. _runs.Keys], clock.GetUtcNow() + BatchRun.LeaseTime, stoppingToken) is { } lease)
                {
                    _runs[lease.Batch.Id] = null;
                    tasks.RemoveAll(t => t.IsCompleted);
                    tasks.Add(Task.Run(() => RunAsync(lease, stoppingToken), CancellationToken.None));
                }

                failing = false;
            }
#pragma warning disable CA1031 // Whatever the database throws: the next look tries again.
            catch (Exception e)
#pragma warning restore CA1031
            {
                if (!failing && !stoppingToken.IsCancellationRequested)
                {
                    LookFailed(e);
                }

                failing = true;
            }

            using var tick = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            await Task.WhenAny(woken, Beats.NextAsync(Look, clock, tick.Token));
            await tick.CancelAsync();
            if (woken.IsCompleted)
            {
                Volatile.Write(ref _woken, NewSignal());
            }
        }

        _abort.CancelAfter(StopPatience);
        await Task.WhenAll(tasks);
    }

    private async Task RunAsync(BatchLease lease, CancellationToken stopping)
    {
        var id = lease.Batch.Id;
        try
        {
            using var run = new BatchRun(store, files, caller, _slots, tables, clock, lease, stopping, _abort.Token);
            _runs[id] = run;
            await run.RunAsync();
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The calls under way were given up: they run again, here or elsewhere.
        }
        catch (BatchLostException)
        {
            RunLost(id);
        }
#pragma warning disable CA1031 // Whatever it was, what is kept is kept, and the rest is tried again.
        catch (Exception e)
#pragma warning restore CA1031
        {
            RunBroke(id, e);
            await Task.Delay(Rest, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            _runs.TryRemove(id, out _);
            Wake();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(Level = LogLevel.Error, Message = "Batches cannot be looked for; it is tried again until it can.")]
    private partial void LookFailed(Exception e);

    [LoggerMessage(Level = LogLevel.Information, Message = "Batch {Id} is run by another node now.")]
    private partial void RunLost(string id);

    [LoggerMessage(Level = LogLevel.Error, Message = "Batch {Id} could not go on; it is tried again in a moment.")]
    private partial void RunBroke(string id, Exception e);
}
