using Gatehouse.Gateway;
using Gatehouse.Gateway.Batches;
using Gatehouse.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Batches;

/// <summary>Everything the module registers: read this file first. The data plane serves the paths and runs the batches.</summary>
public static class BatchesModule
{
    /// <summary>Needs a migrated <see cref="Database"/>.</summary>
    public static IServiceCollection AddBatches(this IServiceCollection services)
    {
        services.AddSingleton<IFileStore, FileStore>();
        services.AddSingleton<IBatchStore, BatchStore>();
        services.AddSingleton(s => new BatchQueries(s.GetRequiredService<Database>()));
        services.AddGatewayBatches();
        services.AddDatabaseWorker(GatewayModule.BatchRunner);
        services.AddLateDatabaseWorker<BatchUpkeep>();
        return services;
    }
}
