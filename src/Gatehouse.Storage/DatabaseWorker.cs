using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Gatehouse.Storage;

/// <summary>
/// Hosts a worker that needs the database: it begins with the host, or, while the database is held back, when somebody says so. Of a worker
/// that breaks the host hears as of its own.
/// </summary>
public sealed class DatabaseWorker(Database db, BackgroundService worker) : BackgroundService
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool HasBegun => _begun.Task.IsCompleted;

    /// <summary>Begins what was held back. To be called again when it fails.</summary>
    public async Task BeginAsync(CancellationToken ct)
    {
        await worker.StartAsync(ct);
        _begun.TrySetResult();
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!db.IsHeldBack)
        {
            await BeginAsync(cancellationToken);
        }

        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await worker.StopAsync(cancellationToken);
        await base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
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
    /// <summary>Like <c>AddHostedService</c>, for a worker that needs the database.</summary>
    public static IServiceCollection AddDatabaseWorker<T>(this IServiceCollection services)
        where T : BackgroundService
    {
        services.TryAddSingleton<T>();
        return services.AddDatabaseWorker(static s => s.GetRequiredService<T>());
    }

    /// <param name="worker">Finds it among the services.</param>
    public static IServiceCollection AddDatabaseWorker(
        this IServiceCollection services, Func<IServiceProvider, BackgroundService> worker) =>
        services.AddSingleton<IHostedService>(s => new DatabaseWorker(s.GetRequiredService<Database>(), worker(s)));
}
