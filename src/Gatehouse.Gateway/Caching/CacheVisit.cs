using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Caching;

/// <summary>
/// What a call that was not found in the cache has to do with it from then on. For the one logical thread that serves the call.
/// </summary>
internal sealed class CacheVisit(AnswerCache answers, CachePolicy policy, CacheKey key, TimeProvider clock) : IDisposable
{
    private PooledBuffer? _captured;
    private bool _isClosed;

    public CachePolicy Policy { get; } = policy;

    public CacheKey Key { get; } = key;

    /// <summary>The targets whose answers the call may get, a bit each.</summary>
    public ulong Open { get; init; }

    /// <summary>Route and caller allow an older answer when every target failed.</summary>
    public bool MayBeStale { get; init; }

    /// <summary>The question of this call, where the route looks for similar ones.</summary>
    public Question? Question { get; set; }

    /// <summary>Takes a piece of the answer as the client gets it. An answer that is too large is let go.</summary>
    public void Capture(ReadOnlySpan<byte> bytes)
    {
        if (_isClosed)
        {
            return;
        }

        if ((_captured?.Length ?? 0) + bytes.Length > Policy.MaxEntryBytes)
        {
            Close();
            return;
        }

        _captured ??= new PooledBuffer(bytes.Length);
        _captured.Write(bytes);
    }

    /// <summary>Nothing more is taken: what the client gets now is no new answer.</summary>
    public void Close()
    {
        _isClosed = true;
        _captured?.Dispose();
        _captured = null;
    }

    /// <summary>
    /// Keeps the answer of a call that is settled and whose last bytes are about to leave; not one that was cut short or is too large.
    /// </summary>
    public void Keep(Call call, Attempt attempt)
    {
        if (_captured is not { Length: > 0 } body || attempt.Tap.WasCut)
        {
            return;
        }

        var record = call.Record;
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        answers.Keep(Key, new CachedAnswer(
            body.Span.ToArray(), now, now + (long)Policy.Kept.TotalMilliseconds, attempt.Target.ShownName, record.AnsweredModel,
            record.FinishReason,
            attempt.Tap.Usage, record.Attempts is [.., { CostUsd: { } cost }] ? Nanos.FromUsd(cost) : null, record.DroppedParameters,
            KeptHeaders.Of(call.Http.Response.Headers))
        {
            Question = Question,
        });
        Close();
    }

    public void Dispose() => Close();
}
