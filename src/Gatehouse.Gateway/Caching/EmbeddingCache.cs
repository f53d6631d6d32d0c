using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Embeddings;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Caching;

/// <summary>
/// The vectors that this node keeps, one for each text: a batch asks the provider only for the texts that are new. Vectors of different
/// models do not belong into one answer, so nothing is kept on routes whose targets are different models.
/// </summary>
internal sealed class EmbeddingCache : IDisposable
{
    /// <summary>Say how the vectors are written and what for, not what they are.</summary>
    private static readonly string[] Apart = ["input", "encoding_format", "model"];

    private readonly BoundedCache<CachedVector> _vectors;
    private readonly CacheServing _serving;
    private readonly Chance _chance;
    private readonly TimeProvider _clock;

    public EmbeddingCache(Snapshot<GatewayTable> tables, CacheServing serving, GatewayMetrics metrics, Chance chance, TimeProvider clock)
    {
        (_serving, _chance, _clock) = (serving, chance, clock);
        _vectors = new BoundedCache<CachedVector>(() => tables.Current.MaxCachedVectorBytes, clock, static _ => { });
        metrics.ObserveCache("vectors", () => _vectors.Bytes);
    }

    public long Bytes => _vectors.Bytes;

    public long Now => _clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <inheritdoc cref="CacheSteps.LookUpAsync(Call)"/>
    public async ValueTask<AttemptFailure?> LookUpAsync(Call call, EmbeddingsSurface surface, CachePolicy policy, CallerWishes wishes)
    {
        if (wishes.NoStore || CacheScope.Of(call, policy.Scope) is not { } scope || TryRead(call) is not { } request)
        {
            CacheServing.Mark(call, CacheServing.Bypass);
            return null;
        }

        if (TargetFilter.Choose(call, _chance, out var open, out var canary) is not null)
        {
            return null; // it is refused in a moment, and told why
        }

        if (ModelOf(call, canary < 0 ? open : 1UL << canary) is not { } model || !TryKey(call, policy, scope, canary, model, out var key))
        {
            CacheServing.Mark(call, CacheServing.Bypass);
            return null;
        }

        var now = Now;
        var batch = new EmbeddingBatch(this, policy, model, key, request.Texts);
        if (!wishes.NoCache)
        {
            var oldest = wishes.MaxAge is { } most && most < policy.Ttl ? most : policy.Ttl;
            batch.Find(key => _vectors.TryFind(key, now, out var found) && now - found.KeptAt <= oldest.TotalMilliseconds ? found : null);
        }

        if (batch.Missing.Count == 0)
        {
            using var answer = new PooledBuffer();
            surface.WriteKept(batch.ToAnswer(), answer);
            return await _serving.ServeAsync(call, batch.ToCached(answer.Span.ToArray()), CacheUse.Hit, now);
        }

        surface.Batch = batch;
        call.Record.Cache = batch.HasKept ? CacheUse.Partial : CacheUse.Miss;
        (call.Record.Saved, call.Record.SavedNanos) = batch.HasKept ? (batch.Saved, batch.SavedNanos) : (null, null);
        CacheServing.Mark(call, wishes.NoCache ? CacheServing.Bypass : CacheUses.Word(call.Record.Cache));
        return null;
    }

    public void Keep(in CacheKey key, CachedVector vector) => _vectors.Add(key, vector);

    public void Dispose() => _vectors.Dispose();

    /// <returns><see langword="null"/> when the request is not one of texts; the target says what is wrong with it, if anything.</returns>
    private static EmbeddingRequest? TryRead(Call call)
    {
        try
        {
            return EmbeddingRequest.ReadOpenAi(call.Body.Span);
        }
        catch (ProblemException)
        {
            return null;
        }
    }

    /// <returns>The one model that any of the targets would ask, or <see langword="null"/> when there are several.</returns>
    private static string? ModelOf(Call call, ulong open)
    {
        string? only = null;
        for (var i = 0; i < call.Route.Targets.Count; i++)
        {
            if ((open & (1UL << i)) != 0)
            {
                var target = call.Route.Targets[i].Model;
                var model = target == Target.AnyModel ? call.Record.Route : target;
                if (only is not null && only != model)
                {
                    return null;
                }

                only = model;
            }
        }

        return only;
    }

    private static bool TryKey(Call call, CachePolicy policy, CacheScope scope, int canary, string model, out CacheKey key)
    {
        using var body = JsonDocument.Parse(call.Body.Memory, new JsonDocumentOptions { MaxDepth = 128 });
        using var hasher = new KeyHasher(scope, call, policy, 'v', canary);
        hasher.Text(model);
        var can = hasher.TryAdd(body.RootElement, [.. policy.Ignore, .. Apart]);
        key = hasher.Finish();
        return can;
    }
}
