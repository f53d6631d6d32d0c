namespace Gatehouse.Hosting;

/// <summary>
/// The host logs, with a stack, why it did not start, and throws it too. What whoever starts it tells in a sentence is left out here.
/// </summary>
internal sealed class StartLogs(ILoggerFactory inner, Func<Exception, bool> isTold) : ILoggerFactory
{
    private const string Host = "Microsoft.Extensions.Hosting.Internal.Host";
    private const int StartFailed = 11;

    public ILogger CreateLogger(string categoryName) =>
        categoryName == Host ? new HostLogger(inner.CreateLogger(categoryName), isTold) : inner.CreateLogger(categoryName);

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    /// <summary>Whoever made the inner one ends it.</summary>
    public void Dispose()
    {
    }

    private sealed class HostLogger(ILogger inner, Func<Exception, bool> isTold) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id != StartFailed || exception is null || !isTold(exception))
            {
                inner.Log(logLevel, eventId, state, exception, formatter);
            }
        }
    }
}
