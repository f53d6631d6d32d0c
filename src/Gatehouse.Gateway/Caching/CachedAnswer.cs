using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Caching;

/// <summary>A complete answer as its first client got it, and what is known about it. Immutable.</summary>
/// <param name="Body">One JSON value, or the events of a stream.</param>
/// <param name="KeptAt">Unix milliseconds.</param>
/// <param name="Expires">Unix milliseconds.</param>
/// <param name="TargetName">Of the target that gave it: it is served only where that one may be asked.</param>
/// <param name="CostNanos">What it cost when it was made; <see langword="null"/> when that is not known.</param>
/// <param name="Headers">Those of its first answer that say how the request was understood: name and value, one after the other.</param>
internal sealed record CachedAnswer(
    byte[] Body, long KeptAt, long Expires, string TargetName, string? AnsweredModel, string? FinishReason, TokenUsage? Usage,
    long? CostNanos,
    IReadOnlyList<string> Dropped, string[] Headers) : ICached
{
    private const int OwnBytes = 400; // of this object and its small texts

    public long Bytes => Body.Length + OwnBytes + (Question?.Bytes ?? 0);

    public long ExpiresAt => Expires;

    /// <summary>What similar questions are compared with; <see langword="null"/> when the route looks for none.</summary>
    public Question? Question { get; init; }

    public TimeSpan AgeAt(long now) => TimeSpan.FromMilliseconds(Math.Max(0, now - KeptAt));

    /// <summary>Whether the target that gave it is one of these.</summary>
    /// <param name="open">A bit for each of the route's targets.</param>
    public bool IsOf(Route route, ulong open)
    {
        for (var i = 0; i < route.Targets.Count; i++)
        {
            if ((open & (1UL << i)) != 0 && route.Targets[i].ShownName == TargetName)
            {
                return true;
            }
        }

        return false;
    }
}
