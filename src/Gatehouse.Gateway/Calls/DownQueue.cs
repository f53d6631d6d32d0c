using System.Collections.Concurrent;
using System.Globalization;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Calls;

/// <summary>Counts the calls that wait for the targets of their routes to come back.</summary>
internal sealed class DownQueue(TimeProvider clock)
{
    /// <summary>The header that tells a caller that its answer was waited for.</summary>
    public const string Header = "x-gatehouse-queued";

    /// <summary>In the record: milliseconds until the last time that targets were asked.</summary>
    public const string WaitedAttribute = "gatehouse.queued_ms";

    /// <summary>How soon a target that is back is noticed.</summary>
    internal static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, int> _waiting = new(StringComparer.Ordinal);

    /// <summary>Whether time may mend it: no target could be reached, or each failed by itself.</summary>
    public static bool IsDown(AttemptFailure failure) =>
        failure is { IsLasting: false, IsUnasked: false }
            && (failure.Step == NextStep.Retry || failure.Problem.Code is "upstream_timeout" or Failures.TargetsResting);

    /// <returns><see langword="false"/> when the line is full.</returns>
    public bool TryEnter(Route route)
    {
        if (_waiting.AddOrUpdate(route.Name, 1, static (_, n) => n + 1) <= route.WhenDown!.Length)
        {
            return true;
        }

        Leave(route);
        return false;
    }

    public void Leave(Route route) => _waiting.AddOrUpdate(route.Name, 0, static (_, n) => n - 1);

    public Watch Begin(Route route) => new(route, clock);

    /// <summary>One call's wait.</summary>
    internal sealed class Watch(Route route, TimeProvider clock)
    {
        private readonly long _startedAt = clock.GetTimestamp();
        private long _askedAt = clock.GetTimestamp();
        private int _asked;
        private bool _wasBack = true; // the call has just asked

        private TimeSpan Waited => clock.GetElapsedTime(_startedAt);

        private TimeSpan Left => route.WhenDown!.Wait - Waited;

        /// <summary>Tells the record how long the call has waited.</summary>
        public void Note(CallRecord record) =>
            record.RequestAttributes = new(record.RequestAttributes ?? [])
            {
                [WaitedAttribute] = Waited.TotalMilliseconds.ToString("F0", CultureInfo.InvariantCulture),
            };

        /// <summary>Waits until a target should be asked.</summary>
        /// <returns><see langword="false"/> when the route's time is over.</returns>
        public async ValueTask<bool> DueAsync(CancellationToken ct)
        {
            while (Left is { Ticks: > 0 } left)
            {
                await Task.Delay(left < Look ? left : Look, clock, ct);
                if (IsDue())
                {
                    return true;
                }
            }

            return false;
        }

        /// <summary>The targets were asked, and none has answered.</summary>
        public void Asked()
        {
            (_askedAt, _wasBack) = (clock.GetTimestamp(), true);
            _asked++;
        }

        /// <summary>
        /// Whether a target should be asked now: one has just come back, or nobody keeps calls away from it and a pause is over.
        /// </summary>
        private bool IsDue()
        {
            var wasBack = _wasBack;
            _wasBack = false;
            foreach (var target in route.Targets)
            {
                _wasBack |= target.Off is null && !target.IsUnhealthy
                    && target.Breaker is null or { State: BreakerState.Closed } or { State: BreakerState.Open, Rest.Ticks: 0 };
            }

            var pause = FirstPause * Math.Min(Math.Pow(2, _asked), LongestPause / FirstPause);
            return _wasBack && (!wasBack || clock.GetElapsedTime(_askedAt) >= pause);
        }
    }
}
