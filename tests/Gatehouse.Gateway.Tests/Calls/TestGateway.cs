using System.Collections.Concurrent;
using System.Text;
using System.Threading.Channels;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Batches;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Resilience;
using Gatehouse.Gateway.Responses;
using Gatehouse.Gateway.Reviews;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Scheduling;
using Gatehouse.Gateway.Tests.Batches;
using Gatehouse.Gateway.Tests.Journal;
using Gatehouse.Gateway.Tests.Responses;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>The gateway on a real Kestrel at a loopback port, with keys and routes of the test's choice.</summary>
internal sealed class TestGateway : IAsyncDisposable
{
    public const string Key = "gh_dev_goodgoodgoodgoodgoodgoodgoodgood";
    public const string StoringKey = "gh_dev_storingstoringstoringstoring1234";
    public const string OtherStoringKey = "gh_dev_otherotherotherotherotherother12"; // of another system
    public const string RevokedKey = "gh_dev_revokedrevokedrevokedrevoked1234";
    public const string ExpiredKey = "gh_dev_expiredexpiredexpiredexpired1234";
    public const string RetiredKey = "gh_dev_retiredretiredretiredretired1234";
    public const string EuropeanKey = "gh_dev_europeaneuropeaneuropeaneurop";
    public const string ConfidentialKey = "gh_dev_confidentialconfidentialconfi";
    public const string OtherTeamKey = "gh_dev_otherteamotherteamotherteamother"; // its system has the same id
    public const string ProductionKey = "gh_prod_productionproductionproduct";
    public const string ProviderCredential = "sk-canary-9f8e7d6c5b4a39281706f5e4d3c2b1a0";

    private static readonly byte[] Secret = new byte[32];

    private readonly TemporaryDirectory _directory;
    private readonly WebApplication _app;

    private TestGateway(WebApplication app, CallJournal journal, TemporaryDirectory directory)
    {
        _app = app;
        _directory = directory;
        Journal = journal;
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        Client = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromSeconds(30) };
        Client.DefaultRequestHeaders.Add("Authorization", "Bearer " + Key);
        Contents = app.Services.GetRequiredService<Channel<CallText>>().Reader;
    }

    public HttpClient Client { get; }

    public CallJournal Journal { get; }

    public ChannelReader<CallText> Contents { get; }

    public System.Diagnostics.Metrics.Meter Meter => _app.Services.GetRequiredService<GatewayMetrics>().Meter;

    public MemoryResponses Responses => _app.Services.GetRequiredService<MemoryResponses>();

    public MemoryFiles Files => _app.Services.GetRequiredService<MemoryFiles>();

    /// <summary>Whose files a call of <see cref="Key"/> finds.</summary>
    public static BatchOwner Owner { get; } = new(Id(100), Id(200), SystemEnvironment.Development);

    public string Log => string.Join('\n', Logged.Lines);

    public AnswerCache Answers => _app.Services.GetRequiredService<AnswerCache>();

    public EmbeddingCache Vectors => _app.Services.GetRequiredService<EmbeddingCache>();

    public Snapshot<GatewayTable> Tables => _app.Services.GetRequiredService<Snapshot<GatewayTable>>();

    public ReviewDesk Reviews => _app.Services.GetRequiredService<ReviewDesk>();

    public BreakerBook Breakers => _app.Services.GetRequiredService<BreakerBook>();

    private LogLines Logged => _app.Services.GetRequiredService<LogLines>();

    public static async Task<TestGateway> StartAsync(
        Route[] routes, TimeProvider? clock = null, PriceTable? prices = null, SegmentAllocator? allocate = null,
        Action<KestrelServerLimits>? limits = null, int maxBodyBytes = 1 << 20, int maxAnswerBytes = 1 << 20,
        long? maxBodyMemoryBytes = null,
        Action<ListenOptions>? listen = null, PolicyTable? policies = null)
    {
        var directory = new TemporaryDirectory();
        var options = new CallJournalOptions { Directory = directory.Path, SegmentBytes = 64 << 10 };
        var journal = allocate is null ? CallJournal.Open(options) : CallJournal.Open(options, allocate);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseSockets(s => s.UnsafePreferInlineScheduling = true).ConfigureKestrel(k =>
        {
            limits?.Invoke(k.Limits);
            k.Listen(System.Net.IPAddress.Loopback, 0, o =>
            {
                o.Use(InlineSockets.Accept);
                listen?.Invoke(o);
            });
        });
        var lines = new LogLines();
        builder.Services.AddSingleton(lines).AddLogging(l => l.AddProvider(lines));
        builder.Services.AddSingleton(journal).AddSingleton(new Chance(new Random(1)));
        builder.Services.AddSingleton(clock ?? TimeProvider.System);
        builder.Services.AddSingleton(new Snapshot<GatewayTable>(new GatewayTable
        {
            Revision = "r1",
            Keys = new KeyTable(Secret, Keys()),
            Routes = new RouteTable(routes),
            Prices = prices ?? PriceTable.Empty,
            Policies = policies ?? PolicyTable.Empty,
            MaxBodyBytes = maxBodyBytes,
            MaxAnswerBytes = maxAnswerBytes,
            MaxBodyMemoryBytes = maxBodyMemoryBytes ?? GatewayTable.QuarterOfMemory,
        }));
        builder.Services.AddSingleton<MemoryResponses>().AddSingleton<IResponseStore>(s => s.GetRequiredService<MemoryResponses>());
        builder.Services.AddSingleton<MemoryFiles>().AddSingleton<IFileStore>(s => s.GetRequiredService<MemoryFiles>());
        builder.Services.AddSingleton<NamedFiles>();
        builder.Services.AddGateway();
        builder.Services.AddGatewayServer();
        var app = builder.Build();
        app.Run(async http =>
        {
            await http.Request.Body.CopyToAsync(Stream.Null);
            http.Response.StatusCode = 418; // not the gateway's business: the console's
            http.Response.Headers["x-on-the-pool"] = Thread.CurrentThread.IsThreadPoolThread.ToString();
        });
        await app.StartAsync();
        return new TestGateway(app, journal, directory);
    }

    /// <summary>A route <c>fast</c> whose targets are these players, tried in this order; retries wait a millisecond at most.</summary>
    public static Route RouteTo(params WirePlayer[] players) => new(
        "fast", [.. players.Select((p, i) => new Target(Http($"p{i}", p), $"m{i}", 1, i))])
    {
        AttemptsPerTarget = 1,
        RetryDelay = TimeSpan.FromMilliseconds(1),
    };

    public static Provider Http(string name, WirePlayer player, WireFormat wire = WireFormat.OpenAi) => Http(name, player.BaseUrl, wire);

    public static Provider Http(string name, WirePlayer player, TimeProvider clock, Func<ProviderSettings, ProviderSettings> change) =>
        new ProviderFactory(clock).Create(change(Http(name, player).Settings));

    public static Provider Http(string name, Uri baseUrl, WireFormat wire = WireFormat.OpenAi) =>
        new ProviderFactory(TimeProvider.System).Create(new ProviderSettings
        {
            Name = name,
            Kind = wire switch { WireFormat.OpenAi => "openai", WireFormat.Anthropic => "anthropic", _ => "gemini" },
            Wire = wire,
            BaseUrl = baseUrl,
            ApiKey = ProviderCredential,
            ApiKeyHeader = wire switch { WireFormat.OpenAi => "Authorization", WireFormat.Anthropic => "x-api-key", _ => "x-goog-api-key" },
        });

    public static Provider Simulator(SimulatorSettings? settings =
        null) => new ProviderFactory(TimeProvider.System).Create(new ProviderSettings
    {
        Name = "simulator",
        Kind = "simulator",
        Wire = WireFormat.OpenAi,
        BaseUrl = new Uri("http://simulator.invalid/v1"),
        Simulator = settings ?? new SimulatorSettings(),
    });

    public Task<HttpResponseMessage> ChatAsync(string body, string key = Key) => PostAsync("/v1/chat/completions", body, key);

    public Task<HttpResponseMessage> MessagesAsync(string body, string key = Key) => PostAsync("/v1/messages", body, key);

    /// <param name="headers">Name and value, one after the other.</param>
    public Task<HttpResponseMessage> ChatWithAsync(string body, params string[] headers)
    {
        var request = new HttpRequestMessage(
            HttpMethod.Post, "/v1/chat/completions") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        for (var i = 0; i < headers.Length; i += 2)
        {
            request.Headers.TryAddWithoutValidation(headers[i], headers[i + 1]);
        }

        return Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    public Task<HttpResponseMessage> PostAsync(string path, string body, string key = Key, CancellationToken ct = default)
    {
        var request = new HttpRequestMessage(
            HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Add("Authorization", "Bearer " + key);
        return Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
    }

    /// <summary>What the journal holds at this moment.</summary>
    public List<CallRecord> Records()
    {
        var position = default(JournalPosition);
        var records = new List<CallRecord>();
        Journal.TryRead(ref position, records, int.MaxValue);
        return records;
    }

    /// <summary>Returns when every call under way has ended.</summary>
    public Task StopServerAsync() => _app.StopAsync();

    /// <summary>Stops as a server in a hurry does, and returns when the calls under way were cut.</summary>
    public Task CutAsync()
    {
        _app.Services.GetRequiredService<CallCuts>().Begin();
        return _app.StopAsync(new CancellationToken(canceled: true));
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        Journal.Dispose();
        _directory.Dispose();
    }

    private static Dictionary<KeyHash, Principal> Keys()
    {
        var keys = new Dictionary<KeyHash, Principal>();
        var id = (byte)1;
        Add(Key, p => p);
        Add(StoringKey, p => p with { StoreContent = true });
        Add(OtherStoringKey, p => p with { StoreContent = true, SystemId = Id(201) });
        Add(RevokedKey, p => p with { Revoked = true });
        Add(ExpiredKey, p => p with { ExpiresAt = new DateTimeOffset(2026, 1, 2, 3, 4, 0, TimeSpan.Zero) });
        Add(RetiredKey, p => p with { Stage = SystemStage.Retired });
        Add(EuropeanKey, p => p with { Residency = "eu" });
        Add(ConfidentialKey, p => p with { DataClassification = DataClassification.Confidential });
        Add(OtherTeamKey, p => p with { TeamId = Id(101) });
        Add(ProductionKey, p => p with { Environment = SystemEnvironment.Production });
        return keys;

        void Add(string key, Func<Principal, Principal> change)
        {
            var principal = new Principal(
                Id(id++), Id(100), HelpdeskId, "helpdesk", SystemEnvironment.Development, SystemStage.Building, false, null, false);
            keys[KeyHash.Of(Secret, Encoding.UTF8.GetBytes(key))] = change(principal);
        }
    }

    /// <summary>The system of most keys.</summary>
    public static Guid HelpdeskId => Id(200);

    private static Guid Id(byte n) => new(n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

    private sealed class LogLines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");
    }
}
