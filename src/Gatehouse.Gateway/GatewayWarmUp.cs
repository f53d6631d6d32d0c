using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Chat;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Messages;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Gateway;

/// <summary>
/// Calls that nobody made: through a gateway of their own, to a simulator, into a journal that is thrown away. They have the way of a
/// call compiled and loaded before the first real one comes, which would wait for it. Nothing of them is in the ledger or the metrics,
/// if nobody listens to those yet.
/// </summary>
public static class GatewayWarmUp
{
    private const string Key = "gh_dev_warmupwarmupwarmupwarmupwarmup00";
    private const string Route = "warm-up";
    private const string FolderPrefix = "gatehouse-warm-up-";
    private const int Rounds = 3;
    private static readonly TimeSpan LongestStart = TimeSpan.FromMinutes(1);

    /// <summary>Best effort: what keeps it from running will be told by what really needs it.</summary>
    /// <returns>How many of the calls were answered.</returns>
    public static async Task<int> RunAsync()
    {
        try
        {
            var folder = Directory.CreateTempSubdirectory(FolderPrefix);
            try
            {
                return await RunAsync(folder.FullName);
            }
            finally
            {
                folder.Delete(recursive: true);
                DeleteLeftOvers(folder.Parent!);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0; // no temporary folder: the first call takes its time
        }
    }

    /// <summary>Of starts that were killed meanwhile: nobody holds the lock of their journal any more.</summary>
    private static void DeleteLeftOvers(DirectoryInfo parent)
    {
        var before = TimeProvider.System.GetUtcNow().UtcDateTime - LongestStart; // a younger one may not have its lock yet
        foreach (var old in parent.EnumerateDirectories(FolderPrefix + "*"))
        {
            try
            {
                if (old.LastWriteTimeUtc < before && old.LinkTarget is null)
                {
                    using var unused = CallJournal.Lock(old.FullName);
                    old.Delete(recursive: true);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another start is at it, or it is another user's.
            }
        }
    }

    private static async Task<int> RunAsync(string folder)
    {
        using var journal = CallJournal.Open(new CallJournalOptions { Directory = folder, SegmentBytes = 64 << 10 });
        await using var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(journal)
            .AddSingleton(new Snapshot<GatewayTable>(Table()))
            .AddGateway()
            .BuildServiceProvider();
        var pipeline = services.GetRequiredService<CallPipeline>();
        var answered = 0;
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var surface in (Surface[])[ChatSurface.Instance, MessagesSurface.Instance])
            {
                answered += await CallAsync(pipeline, services, surface, "false");
                answered += await CallAsync(pipeline, services, surface, "true");
            }
        }

        return answered;
    }

    private static async Task<int> CallAsync(CallPipeline pipeline, IServiceProvider services, Surface surface, string stream)
    {
        var body = Encoding.UTF8.GetBytes(
            $$"""{"model": "{{Route}}", "max_tokens": 16, "stream": {{stream}}, "messages": [{"role": "user", "content": "Hello"}]}""");
        var http = new DefaultHttpContext { RequestServices = services };
        http.Request.Method = HttpMethods.Post;
        http.Request.ContentType = "application/json";
        http.Request.ContentLength = body.Length;
        http.Request.Headers.Authorization = "Bearer " + Key;
        http.Request.Body = new MemoryStream(body);
        http.Response.Body = Stream.Null;
        await pipeline.HandleAsync(http, surface);
        await http.Response.BodyWriter.CompleteAsync();
        return http.Response.StatusCode == StatusCodes.Status200OK ? 1 : 0;
    }

    private static GatewayTable Table()
    {
        var secret = new byte[32];
        var principal = new Principal(
            Guid.Empty, Guid.Empty, Guid.Empty, Route, SystemEnvironment.Development, SystemStage.Building, false, null, false);
        var simulator = new ProviderFactory(TimeProvider.System).Create(new ProviderSettings
        {
            Name = Route,
            Kind = "simulator",
            Wire = WireFormat.OpenAi,
            BaseUrl = new Uri("http://simulator"),
            Simulator = new SimulatorSettings(),
        });
        return new GatewayTable
        {
            Revision = Route,
            Keys = new KeyTable(
                secret, new Dictionary<KeyHash, Principal> { [KeyHash.Of(secret, Encoding.UTF8.GetBytes(Key))] = principal }),
            Routes = new RouteTable([new Routing.Route(Route, [new Target(simulator, Route)])]),
            Prices = PriceTable.Empty,
        };
    }
}
