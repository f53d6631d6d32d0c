using System.Threading.Channels;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Batches;

/// <summary>
/// One batch on the node that holds its lease, from where it stands to its end.
/// <list type="number">
/// <item>An item counts as done when its result is durable, and then only; a line has one result, whoever runs it (the table's key).</item>
/// <item>What is written is refused once another node holds the lease (its fence): this run ends then, and writes nothing more.</item>
/// <item>An item whose call was under way when the process died has no result: it runs again. At-least-once calls, exactly-once
/// results.</item>
/// <item>An answer that says "later" stops the batch from beginning new items until then, and the item is tried again within the
/// window.</item>
/// </list>
/// </summary>
internal sealed class BatchRun : IDisposable
{
    /// <summary>How long a lease lasts without news of its holder.</summary>
    public static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(15);

    private const int MostWaiting = 64; // results on their way into the database
    private const int MaxFaults = 3; // tries of an item whose provider fails
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromMinutes(1);

    private readonly IBatchStore _store;
    private readonly IFileStore _files;
    private readonly BatchCaller _caller;
    private readonly BatchSlots _slots;
    private readonly Snapshot<GatewayTable> _tables;
    private readonly TimeProvider _clock;
    private readonly BatchLease _lease;
    private readonly BatchWords _words;
    private readonly CancellationTokenSource _over;
    private readonly CancellationToken _stopping;
    private readonly CancellationToken _abort;
    private int _status;
    private int _expired;
    private long _pausedUntil; // a timestamp

    /// <param name="stopping">No new item begins.</param>
    /// <param name="abort">Calls under way are given up.</param>
    public BatchRun(
        IBatchStore store, IFileStore files, BatchCaller caller, BatchSlots slots, Snapshot<GatewayTable> tables, TimeProvider clock,
        BatchLease lease,
        CancellationToken stopping, CancellationToken abort)
    {
        (_store, _files, _caller, _slots, _tables, _clock, _lease, _stopping, _abort) =
            (store, files, caller, slots, tables, clock, lease, stopping, abort);
        _words = BatchWords.Of(lease.Batch.Format);
        _over = CancellationTokenSource.CreateLinkedTokenSource(abort);
        Status = lease.Batch.Status;
        _expired = lease.Batch.Counts.Expired;
    }

    private Batch Batch => _lease.Batch;

    private BatchStatus Status
    {
        get => (BatchStatus)Volatile.Read(ref _status);
        set => Volatile.Write(ref _status, (int)value);
    }

    /// <summary>Why items that have not begun do not begin any more.</summary>
    private BatchOutcome? Ending =>
        Status == BatchStatus.Cancelling ? BatchOutcome.Cancelled
        : _clock.GetUtcNow() >= Batch.ExpiresAt ? BatchOutcome.Expired
        : null;

    /// <summary>Somebody asked for the end of the batch.</summary>
    public void Cancel() => Status = BatchStatus.Cancelling;

    /// <exception cref="BatchLostException">Another node has the lease.</exception>
    public async Task RunAsync()
    {
        var beating = BeatAsync();
        try
        {
            var validated = Batch.InProgressAt is not null;
            if (Status == BatchStatus.Validating && !(validated = await ValidateAsync()))
            {
                return;
            }

            if (Status != BatchStatus.Finalizing && validated && !await ExecuteAsync())
            {
                await _store.ReleaseAsync(_lease, CancellationToken.None); // this node stops: another one goes on
                return;
            }

            await EndAsync();
        }
        finally
        {
            await _over.CancelAsync();
            await beating;
        }
    }

    public void Dispose() => _over.Dispose();

    private async Task<bool> ValidateAsync()
    {
        var (total, errors) = await BatchCheck.ReadAsync(Batch, Lines(), _tables.Current.Batches, _over.Token);
        if (errors.Count > 0)
        {
            await _store.FailAsync(_lease, errors, _over.Token);
            return false;
        }

        Status = await _store.BeginAsync(_lease, total, _over.Token) ?? throw new BatchLostException();
        return true;
    }

    /// <returns>Whether every item has a result.</returns>
    private async Task<bool> ExecuteAsync()
    {
        var done = (await _store.DoneAsync(Batch, _over.Token)).ToHashSet();
        var results = Channel.CreateBounded<BatchResult>(MostWaiting);
        var keeping = KeepAsync(results.Reader);
        var underWay = new List<Task<bool>>();
        var complete = true;
        try
        {
            await foreach (var line in Lines())
            {
                if (!done.Contains(line.Number))
                {
                    complete &= await BeginAsync(line, underWay, results.Writer);
                }

                if (_stopping.IsCancellationRequested)
                {
                    break;
                }
            }
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            complete = false; // given up, or the results cannot be kept: then that is thrown below
        }
        finally
        {
            await ((Task)Task.WhenAll(underWay)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            results.Writer.Complete();
            await keeping;
        }

        foreach (var item in underWay)
        {
            complete &= await item;
        }

        return complete && !_stopping.IsCancellationRequested;
    }

    /// <returns>Whether the items that this one waited for have their results.</returns>
    private async Task<bool> BeginAsync(BatchLine line, List<Task<bool>> underWay, ChannelWriter<BatchResult> results)
    {
        if (_words.Read(Batch, line, out var error) is not { } item)
        {
            throw new FormatException($"Line {line.Number} was good, and now is not: {error?.Code}.");
        }

        var complete = true;
        var parallel = Math.Max(1, _tables.Current.Batches.Parallel);
        while (underWay.Count >= parallel)
        {
            var ended = await Task.WhenAny(underWay);
            underWay.Remove(ended);
            complete &= await ended;
        }

        await PauseAsync();
        if (Ending is { } why)
        {
            await NotRunAsync(item, why, results);
        }
        else if (!_stopping.IsCancellationRequested)
        {
            underWay.Add(Task.Run(() => RunItemAsync(item, results), CancellationToken.None));
        }

        return complete;
    }

    /// <returns><see langword="false"/> when the item has no result because this node stops.</returns>
    private async Task<bool> RunItemAsync(BatchItem item, ChannelWriter<BatchResult> results)
    {
        try
        {
            for (var attempt = 1; ; attempt++)
            {
                if (await TryCallAsync(item) is not { } answer)
                {
                    if (Ending is not { } why)
                    {
                        return false;
                    }

                    await NotRunAsync(item, why, results);
                    return true;
                }

                if (WaitOf(answer, attempt) is not { } wait)
                {
                    var outcome = answer.Status == StatusCodes.Status200OK ? BatchOutcome.Succeeded : BatchOutcome.Errored;
                    await results.WriteAsync(
                        new BatchResult(item.Line, outcome, _words.Answered(Batch, item, answer))
                        {
                            Usage = outcome == BatchOutcome.Succeeded ? _words.UsageOf(answer) : BatchUsage.None,
                        },
                        _over.Token);
                    return true;
                }

                Pause(wait);
                await PauseAsync();
            }
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <returns><see langword="null"/> when no item begins any more.</returns>
    private async Task<BatchAnswer?> TryCallAsync(BatchItem item)
    {
        await _slots.EnterAsync(_over.Token);
        try
        {
            return Ending is null && !_stopping.IsCancellationRequested ? await _caller.CallAsync(Batch, item, _abort, _over.Token) : null;
        }
        finally
        {
            _slots.Leave();
        }
    }

    /// <returns>How long to wait before the item is tried again; <see langword="null"/> when the answer is its last.</returns>
    private static TimeSpan? WaitOf(BatchAnswer answer, int attempt)
    {
        var waits = answer.Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable or 529;
        var faults = answer.Status is 408 or 500 or 502 or 504;
        if (answer.IsLasting || !(waits || (faults && attempt < MaxFaults)))
        {
            return null;
        }

        var backoff = TimeSpan.FromSeconds(Math.Min(LongestBackoff.TotalSeconds, 1 << Math.Min(attempt - 1, 6)));
        return answer.RetryAfter ?? backoff;
    }

    private async Task NotRunAsync(BatchItem item, BatchOutcome why, ChannelWriter<BatchResult> results)
    {
        if (why == BatchOutcome.Expired)
        {
            Interlocked.Increment(ref _expired);
        }

        await results.WriteAsync(new BatchResult(item.Line, why, _words.NotRun(Batch, item, why)), _over.Token);
    }

    private void Pause(TimeSpan wait)
    {
        var until = _clock.TimestampIn(wait);
        long before;
        while (until > (before = Volatile.Read(ref _pausedUntil)) && Interlocked.CompareExchange(ref _pausedUntil, until, before) != before)
        {
        }
    }

    /// <summary>Waits until the batch may go on, or is to end, or this node stops.</summary>
    private async Task PauseAsync()
    {
        while (_clock.GetElapsedTime(_clock.GetTimestamp(), Volatile.Read(ref _pausedUntil)) is var left && left > TimeSpan.Zero
            && Ending is null && !_stopping.IsCancellationRequested)
        {
            await Task.Delay(left < Glance ? left : Glance, _clock, _over.Token);
        }
    }

    /// <summary>Brings results into the database, as many at once as there are.</summary>
    private async Task KeepAsync(ChannelReader<BatchResult> results)
    {
        var batch = new List<BatchResult>();
        try
        {
            while (await results.WaitToReadAsync())
            {
                batch.Clear();
                while (batch.Count < MostWaiting && results.TryRead(out var result))
                {
                    batch.Add(result);
                }

                var status = await _store.KeepAsync(_lease, batch, _clock.GetUtcNow() + LeaseTime, CancellationToken.None);
                Learn(status ?? throw new BatchLostException());
            }
        }
        catch
        {
            await _over.CancelAsync(); // nobody may wait for room in the channel
            throw;
        }
    }

    /// <summary>Renews the lease while the run goes on, and hears of what was asked on other nodes.</summary>
    private async Task BeatAsync()
    {
        while (!_over.IsCancellationRequested)
        {
            await Task.Delay(Heartbeat, _clock, _over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_over.IsCancellationRequested)
            {
                return;
            }

            try
            {
                if (await _store.RenewAsync(_lease, _clock.GetUtcNow() + LeaseTime, _over.Token) is { } status)
                {
                    Learn(status);
                }
                else
                {
                    await _over.CancelAsync();
                }
            }
#pragma warning disable CA1031 // The database is away: the next beat tells, and the fence keeps what this node may not write out.
            catch (Exception)
#pragma warning restore CA1031
            {
            }
        }
    }

    private void Learn(BatchStatus status)
    {
        if (status == BatchStatus.Cancelling)
        {
            Cancel();
        }
    }

    private async Task EndAsync()
    {
        await _store.FinalizeAsync(_lease, _over.Token);
        var status = Status == BatchStatus.Cancelling ? BatchStatus.Cancelled
            : Volatile.Read(ref _expired) > 0 ? BatchStatus.Expired
            : BatchStatus.Completed;
        var now = _clock.GetUtcNow();
        await _store.EndAsync(_lease, status, $"file-{Guid.CreateVersion7(now):N}", $"file-{Guid.CreateVersion7(now):N}", _over.Token);
    }

    private IAsyncEnumerable<BatchLine> Lines() =>
        BatchLines.ReadAsync(_files.ReadAsync(Batch.Owner, Batch.InputId, _over.Token), _tables.Current.MaxBodyBytes, _over.Token);
}

/// <summary>Another node runs the batch now.</summary>
internal sealed class BatchLostException() : Exception("Another node has taken the batch over.");
