using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Gatehouse.Storage;

/// <summary>
/// Hosts a worker that needs the database: it begins with the host, or, while the database is held back, when somebody says so. Of a worker
/// that breaks the host hears as of its own.
/// </summary>
/// <param name="late">Ends when the worker may begin; <see langword="null"/>: with the host.</param>
public sealed class DatabaseWorker(Database db, BackgroundService worker, Func<CancellationToken, Task>? late = null) : BackgroundService
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isLate;

    public bool HasBegun => _begun.Task.IsCompleted;

    /// <summary>Begins what was held back. To be called again when it fails.</summary>
    public async Task BeginAsync(CancellationToken ct)
    {
        await worker.StartAsync(ct);
        _begun.TrySetResult();
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        _isLate = late is not null && !db.IsHeldBack;
        if (late is null && !db.IsHeldBack)
        {
            await BeginAsync(cancellationToken);
        }

        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken); // first: one that is still to begin would begin behind its end
        await worker.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_isLate)
        {
            await late!(stoppingToken);
            await BeginAsync(stoppingToken);
        }

        await _begun.Task.WaitAsync(stoppingToken);
        if (worker.ExecuteTask is { } running)
        {
            await running.WaitAsync(stoppingToken);
        }
    }
}

/// <summary>How modules register workers that need the database.</summary>
public static class DatabaseWorkers
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Like <c>AddHostedService</c>, for a worker that needs the database.</summary>
    public static IServiceCollection AddDatabaseWorker<T>(this IServiceCollection services)
        where T : BackgroundService
    {
        services.TryAddSingleton<T>();
        return services.AddDatabaseWorker(static s => s.GetRequiredService<T>());
    }

    /// <summary>
    /// Like <see cref="AddDatabaseWorker{T}(IServiceCollection)"/>, for one that no call waits for: it begins a second after the start, so
    /// that neither the start nor the first call shares a processor with it.
    /// </summary>
    public static IServiceCollection AddLateDatabaseWorker<T>(this IServiceCollection services)
        where T : BackgroundService
    {
        services.TryAddSingleton<T>();
        return services.AddSingleton<IHostedService>(static s => new DatabaseWorker(
            s.GetRequiredService<Database>(), s.GetRequiredService<T>(),
            ct => AfterStartAsync(s.GetRequiredService<IHostApplicationLifetime>().ApplicationStarted, ct)));
    }

    private static async Task AfterStartAsync(CancellationToken started, CancellationToken ct)
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registered = started.Register(ready.SetResult);
        await ready.Task.WaitAsync(ct);
        await Task.Delay(Pause, TimeProvider.System, ct);
    }

    /// <param name="worker">Finds it among the services.</param>
    public static IServiceCollection AddDatabaseWorker(
        this IServiceCollection services, Func<IServiceProvider, BackgroundService> worker) =>
        services.AddSingleton<IHostedService>(s => new DatabaseWorker(s.GetRequiredService<Database>(), worker(s)));
}
