using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Caching;

/// <summary>The vector of one text. Immutable.</summary>
/// <param name="KeptAt">Unix milliseconds.</param>
/// <param name="ExpiresAt">Unix milliseconds.</param>
/// <param name="Model">As the provider calls itself.</param>
/// <param name="Tokens">Its share of the batch that it was made in, by length; -1 when the provider counted none.</param>
/// <param name="CostNanos">Its share of the batch's cost; <see langword="null"/> when that is not known.</param>
internal sealed record CachedVector(float[] Values, long KeptAt, long ExpiresAt, string Model, long Tokens, long? CostNanos) : ICached
{
    private const int OwnBytes = 120;

    public long Bytes => (Values.Length * sizeof(float)) + OwnBytes;

    /// <summary>What the provider would have been asked for again.</summary>
    public TokenUsage? Usage => Tokens < 0 ? null : new TokenUsage(Tokens, 0, 0, 0, 0, 0);
}
