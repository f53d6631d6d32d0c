namespace Gatehouse.Gateway.Scheduling;

/// <summary>
/// Keeps code that may block (databases, password hashes, pages) on the thread pool: awaits within it go on there, also when what they
/// wait for ends on a thread that polls sockets. Orders nothing: continuations of one request may run on any thread of the pool.
/// </summary>
internal sealed class PoolContext : SynchronizationContext
{
    private static readonly PoolContext Instance = new();

    /// <summary>Runs the work under this context, from its first instruction on.</summary>
    public static async Task RunAsync<T>(Func<T, Task> work, T argument)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        SetSynchronizationContext(Instance); // the pool takes it off its thread again
        await work(argument).ConfigureAwait(false);
    }

    public override void Post(SendOrPostCallback d, object? state) =>
        ThreadPool.UnsafeQueueUserWorkItem(
            static item =>
            {
                SetSynchronizationContext(Instance);
                item.d(item.state);
            },
            (d, state),
            preferLocal: false);

    public override SynchronizationContext CreateCopy() => this;
}
