using System.Globalization;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Resilience;

/// <summary>What a failed attempt means for the next one.</summary>
internal enum NextStep
{
    /// <summary>The same target may answer in a moment: retry it, then try the next target.</summary>
    Retry,

    /// <summary>This target will not answer this call: try the next one.</summary>
    NextTarget,

    /// <summary>The request itself is at fault: no target would take it, so the client gets to know.</summary>
    PassOn,
}

/// <summary>When and how long to wait before asking again. Pure: the clock and the draw come in.</summary>
internal static class RetryRules
{
    /// <summary>
    /// Longest wait that official SDKs obey sensibly; for more we tell them not to retry (see wire format notes in docs).
    /// </summary>
    public static readonly TimeSpan LongestClientWait = TimeSpan.FromSeconds(60);

    /// <param name="status">Not 200.</param>
    public static NextStep Of(int status) => status switch
    {
        401 or 402 or 403 => NextStep.NextTarget, // our own credential or account: not the client's fault
        408 or 409 or 429 or >= 500 => NextStep.Retry,
        < 400 => NextStep.NextTarget, // a redirect or an empty success: the provider is not what its settings say
        _ => NextStep.PassOn,
    };

    /// <summary>Exponential with full jitter: between nothing and <c>RetryDelay × 2^retry</c>, at most <c>MaxRetryDelay</c>.</summary>
    /// <param name="retry">0 for the first retry.</param>
    /// <param name="draw">From 0 to 1.</param>
    public static TimeSpan Backoff(Route route, int retry, double draw)
    {
        var ceiling = Math.Min(
            route.RetryDelay.TotalMilliseconds * Math.Pow(2, Math.Min(retry, 20)), route.MaxRetryDelay.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(ceiling * draw);
    }

    /// <summary>Reads <c>retry-after-ms</c>, else <c>retry-after</c> in seconds or as a date.</summary>
    /// <returns><see langword="null"/> when neither is there or makes sense.</returns>
    public static TimeSpan? RetryAfter(UpstreamAnswer answer, DateTimeOffset now)
    {
        if (double.TryParse(answer.Header("retry-after-ms"), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var millis)
            && millis is >= 0 and < 1e12)
        {
            return TimeSpan.FromMilliseconds(millis);
        }

        var text = answer.Header("retry-after");
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            && seconds is >= 0 and < 1e9)
        {
            return TimeSpan.FromSeconds(seconds);
        }

        if (DateTimeOffset.TryParseExact(text, "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at))
        {
            return at > now ? at - now : TimeSpan.Zero;
        }

        return null;
    }
}
