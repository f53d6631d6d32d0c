using System.Collections.Concurrent;
using Gatehouse.Storage;

namespace Gatehouse.Hosting;

/// <summary>
/// Whoever meets a database that is not as it should be logs so, at each try, and a stack tells nobody anything: each event is said once
/// for each reason, in a sentence, until its category says something else or it has not come for two minutes.
/// </summary>
internal sealed class TroubleLogs(ILoggerFactory inner, TimeProvider clock) : ILoggerFactory
{
    /// <summary>Longer than between two tries of those that try all the time; who tries rarely says so each time.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(2);

    public ILogger CreateLogger(string categoryName) => new TroubleLogger(inner.CreateLogger(categoryName), clock);

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    /// <summary>Whoever made the inner one ends it.</summary>
    public void Dispose()
    {
    }

    private sealed class TroubleLogger(ILogger inner, TimeProvider clock) : ILogger
    {
        private readonly ConcurrentDictionary<(int Event, string Why), long> _last = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (exception is null || DatabaseTrouble.Of(exception) is not { } trouble)
            {
                if (logLevel >= LogLevel.Information)
                {
                    _last.Clear(); // it is over, or something else is wrong
                }

                inner.Log(logLevel, eventId, state, exception, formatter);
            }
            else if (IsNew((eventId.Id, trouble.What)))
            {
                inner.Log(logLevel, eventId, state, null, (said, _) => $"{formatter(said, null)} {trouble}");
            }
        }

        private bool IsNew((int Event, string Why) said)
        {
            var now = clock.GetTimestamp();
            var isNew = !_last.TryGetValue(said, out var last) || clock.GetElapsedTime(last, now) >= Quiet;
            _last[said] = now; // two at the same moment may both be new
            return isNew;
        }
    }
}
