using System.Collections.Concurrent;
using System.Threading.Channels;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Responses;

namespace Gatehouse.Observability.Responses;

/// <summary>
/// Stored responses as the gateway asks for them: in memory until the database has them, then there. Memory is bounded: while the database
/// is away, responses are refused once it is full, and that is counted; no call waits for a write.
/// </summary>
internal sealed class KeptResponses(ResponseStore store, ObservabilityMetrics metrics) : IResponseStore, IDisposable
{
    private const long MostBytes = 64 << 20;
    private const int BatchResponses = 32;

    private readonly ConcurrentDictionary<(ResponseScope Scope, string Id), Kept> _kept = new();
    private readonly Channel<(ResponseScope Scope, string Id)> _unwritten = Channel.CreateUnbounded<(ResponseScope, string)>();
    private readonly SemaphoreSlim _writing = new(1); // a response is not deleted while it is being written
    private readonly Lock _lock = new();
    private long _bytes;

    public ChannelReader<(ResponseScope Scope, string Id)> Unwritten => _unwritten.Reader;

    public bool TryKeep(StoredResponse response)
    {
        var key = (response.Scope, response.Id);
        var kept = new Kept(response);
        lock (_lock)
        {
            var before = _kept.GetValueOrDefault(key);
            if (before is { Response.IsRunning: false })
            {
                return true; // it has ended, and stays as it is
            }

            if (_bytes + kept.Bytes > MostBytes)
            {
                metrics.LostResponse();
                return false;
            }

            _kept[key] = kept;
            _bytes += kept.Bytes - (before?.Bytes ?? 0);
        }

        _unwritten.Writer.TryWrite(key);
        return true;
    }

    public void Lose() => metrics.LostResponse();

    public async ValueTask<StoredResponse?> FindAsync(ResponseScope scope, string id, CancellationToken ct) =>
        _kept.TryGetValue((scope, id), out var kept) ? kept.Response : await AskAsync(() => store.FindAsync(scope, id, ct), ct);

    public async ValueTask<IReadOnlyList<StoredResponse>> FindThreadAsync(
        ResponseScope scope, string id, long maxBytes, CancellationToken ct)
    {
        var left = maxBytes;
        var thread = new List<StoredResponse>(); // newest first
        var next = id;
        while (next is not null && _kept.TryGetValue((scope, next), out var kept))
        {
            left -= kept.Response.Input.Length + kept.Response.Response.Length;
            if (left < 0)
            {
                throw StoredResponse.TooLarge(maxBytes);
            }

            thread.Add(kept.Response with { Events = default });
            next = kept.Response.PreviousId;
        }

        if (next is not null)
        {
            thread.AddRange(await AskAsync(() => store.FindThreadAsync(scope, next, left, ct), ct));
        }

        if (thread is not [.., { PreviousId: null }])
        {
            return [];
        }

        thread.Reverse();
        return thread;
    }

    public async ValueTask<StoredResponse?> FindByItemAsync(ResponseScope scope, string itemId, CancellationToken ct)
    {
        foreach (var (key, kept) in _kept)
        {
            if (key.Scope == scope && kept.Response.ItemIds.Contains(itemId))
            {
                return kept.Response;
            }
        }

        return await AskAsync(() => store.FindByItemAsync(scope, itemId, ct), ct);
    }

    public async ValueTask<bool> DeleteAsync(ResponseScope scope, string id, CancellationToken ct)
    {
        await _writing.WaitAsync(ct);
        try
        {
            var here = _kept.TryGetValue((scope, id), out var kept);
            if (here)
            {
                Forget(new((scope, id), kept!));
            }

            return await AskAsync(() => store.DeleteAsync(scope, id, ct), ct) || here;
        }
        finally
        {
            _writing.Release();
        }
    }

    public async ValueTask CancelAsync(ResponseScope scope, string id, CancellationToken ct) =>
        await AskAsync(
            async () =>
            {
                await store.CancelAsync(scope, id, ct);
                return true;
            },
            ct);

    public async ValueTask<bool> IsCancelAskedAsync(ResponseScope scope, string id, CancellationToken ct) =>
        await AskAsync(() => store.IsCancelAskedAsync(scope, id, ct), ct);

    /// <summary>Writes what waits, oldest first.</summary>
    /// <returns>Whether there was any.</returns>
    public async Task<bool> WriteAsync(CancellationToken ct)
    {
        await _writing.WaitAsync(ct);
        var keys = new List<(ResponseScope, string)>();
        try
        {
            while (keys.Count < BatchResponses && _unwritten.Reader.TryRead(out var key))
            {
                keys.Add(key);
            }

            var batch = new List<KeyValuePair<(ResponseScope, string), Kept>>();
            foreach (var key in keys.Distinct())
            {
                if (_kept.TryGetValue(key, out var kept))
                {
                    batch.Add(new(key, kept));
                }
            }

            if (batch.Count > 0)
            {
                await WriteAsync(batch, ct);
            }

            batch.ForEach(Forget); // unless a newer state came meanwhile
            return keys.Count > 0;
        }
        catch
        {
            keys.ForEach(key => _unwritten.Writer.TryWrite(key));
            throw;
        }
        finally
        {
            _writing.Release();
        }
    }

    public void Dispose() => _writing.Dispose();

    /// <summary>
    /// One response that no database takes must not keep all others waiting: after a failure each is written alone. Those that fail while
    /// others do not are lost; if all fail, the database is away.
    /// </summary>
    private async Task WriteAsync(List<KeyValuePair<(ResponseScope, string), Kept>> batch, CancellationToken ct)
    {
        try
        {
            await store.WriteAsync([.. batch.Select(b => b.Value.Response)], ct);
        }
#pragma warning disable CA1031 // Whatever the database throws: the responses are tried one by one.
        catch (Exception) when (batch.Count > 1 && !ct.IsCancellationRequested)
#pragma warning restore CA1031
        {
            StoredResponse? taken = null;
            var failed = new List<Exception>();
            foreach (var (_, kept) in batch)
            {
                try
                {
                    await store.WriteAsync([kept.Response], ct);
                    taken = kept.Response;
                }
#pragma warning disable CA1031 // What failed is counted, or thrown when all did.
                catch (Exception e) when (!ct.IsCancellationRequested)
#pragma warning restore CA1031
                {
                    failed.Add(e);
                }
            }

            if (taken is null)
            {
                throw new AggregateException(failed);
            }

            await store.WriteAsync([taken], ct); // throws when the database went away meanwhile: then all are tried again
            metrics.LostResponse(failed.Count);
        }
    }

    private static async ValueTask<T> AskAsync<T>(Func<Task<T>> ask, CancellationToken ct)
    {
        try
        {
            return await ask();
        }
#pragma warning disable CA1031 // Whatever the database throws, the client is told that stored responses cannot be reached now.
        catch (Exception e) when (e is not ProblemException && !ct.IsCancellationRequested)
#pragma warning restore CA1031
        {
            throw new ProblemException(
                new Problem("store_unavailable", 503, "Stored responses cannot be reached at the moment: try again."));
        }
    }

    private void Forget(KeyValuePair<(ResponseScope, string), Kept> known)
    {
        lock (_lock)
        {
            if (_kept.TryRemove(known))
            {
                _bytes -= known.Value.Bytes;
            }
        }
    }

    /// <summary>Equal only to itself, so that a newer state is never taken for an older one.</summary>
    private sealed class Kept(StoredResponse response)
    {
        public StoredResponse Response { get; } = response;

        public long Bytes { get; } = response.Input.Length + response.Response.Length + response.Events.Length + 512;
    }
}
