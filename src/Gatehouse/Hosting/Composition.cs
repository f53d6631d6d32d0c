using Gatehouse.Api;
using Gatehouse.Batches;
using Gatehouse.Configuration;
using Gatehouse.Console;
using Gatehouse.Gateway;
using Gatehouse.Governance;
using Gatehouse.Guards;
using Gatehouse.Observability;
using Gatehouse.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace Gatehouse.Hosting;

/// <summary>Which modules there are and how they are joined: a line per module, read after <c>Program.cs</c>.</summary>
internal static class Composition
{
    public static void AddModules(this IServiceCollection services, ServerParts parts)
    {
        services.AddSingleton(parts.Database);
        services.AddSingleton(parts.Journal);
        services.AddSingleton(parts.Configuration);
        services.AddSingleton(parts.Secrets);
        services.AddModules(
            parts.Configuration.Current.DataFolder, parts.Configuration.Current.KeyRingFolder, parts.TablesFile, parts.Kept);
        services.AddJoints(parts.Configuration.Current);

        services.AddSingleton(parts.Providers);
        services.AddHostedService<SecretsPublisher>();
        services.AddHostedService<TablePublisher>();
        services.AddSingleton<Readiness>();
        services.AddSingleton<DatabaseReturn>();
        services.AddHostedService(static s => s.GetRequiredService<DatabaseReturn>()); // last: it begins what the others wait for
    }

    /// <summary>Each module by itself.</summary>
    internal static void AddModules(
        this IServiceCollection services, string dataFolder, string? keyRingFolder, TablesFile? tablesFile, KeptTables? kept)
    {
        services.AddSingleton(TimeProvider.System);
        services.AddGateway();
        services.AddGovernance(dataFolder, keyRingFolder, tablesFile, kept);
        services.AddObservability();
        services.AddBatches();
        services.AddConfiguration();
        services.AddGuards();
        services.AddConsole();
        services.AddApiDocument();
        services.AddAuthorization();
        services.AddSingleton<IAuthorizationPolicyProvider, EndpointsInTheirTime>();
    }

    public static void UseModules(this WebApplication app)
    {
        var database = app.Services.GetRequiredService<Database>();
        app.Lifetime.ApplicationStarted.Register(() => database.IsStarting = false);
        app.UseHealth();
        app.UseProxies();
        app.Use(LimitBody);
        app.UseRouting();
        app.UseAwayPage();
        app.UseGovernance();
        app.UseAuthorization();
        app.UseConsole();
        app.MapModules();
    }

    /// <summary>The endpoints of each, for which nothing is made yet.</summary>
    internal static void MapModules(this IEndpointRouteBuilder app)
    {
        app.MapGovernance();
        app.MapConfiguration();
        app.MapObservability();
        app.MapGuards();
        app.MapConsole();
        app.MapApiDocument();
    }

    /// <summary>
    /// The default, not to be cached by endpoint: the cache builds all endpoints while the server starts. A policy of the console is put
    /// together in a microsecond.
    /// </summary>
    private sealed class EndpointsInTheirTime(IOptions<AuthorizationOptions> options) : DefaultAuthorizationPolicyProvider(options)
    {
        public override bool AllowsCachingPolicies => false;
    }

    private static Task LimitBody(HttpContext http, RequestDelegate next)
    {
        http.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = KestrelLimits.MaxApiBodyBytes;
        return next(http);
    }
}
