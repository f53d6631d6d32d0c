using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Serialization.Metadata;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Gateway;
using Gatehouse.Governance;
using Gatehouse.Hosting;
using Gatehouse.Storage;
using Gatehouse.Tests.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Gatehouse.Tests.Host;

/// <summary>
/// The real host with every module on a loopback port, with a database and a data folder of its own and a clock that tests move.
/// </summary>
internal sealed class TestApp : IAsyncDisposable
{
    public const string AdminEmail = "root@example.org";
    public const string Password = "correct horse battery";

    private readonly DirectoryInfo _folder;
    private readonly bool _ownsDatabase;
    private readonly TestDatabase _database;
    private readonly ServerParts _parts;
    private readonly WebApplication _app;
    private readonly ILoggerFactory _logFactory;

    private TestApp(
        DirectoryInfo folder, TestDatabase database, bool ownsDatabase, ServerParts parts, WebApplication app, ManualClock clock,
        CapturedLogs logs, ILoggerFactory logFactory)
    {
        _folder = folder;
        _database = database;
        _ownsDatabase = ownsDatabase;
        _parts = parts;
        _app = app;
        _logFactory = logFactory;
        Clock = clock;
        Logs = logs;
        Url = new Uri(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    public ManualClock Clock { get; }

    public CapturedLogs Logs { get; }

    public Uri Url { get; }

    public string DataFolder => _folder.FullName;

    public IServiceProvider Services => _app.Services;

    /// <summary>The connection string of its PostgreSQL.</summary>
    public string Postgres => _parts.Configuration.Current.Start.Postgres!;

    public Database Db => _parts.Database;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <param name="kind"><c>sqlite</c> or <c>postgres</c>.</param>
    /// <param name="server">Settings of the configuration's section <c>server</c>.</param>
    /// <param name="route">One more route, in YAML.</param>
    /// <param name="batches">Settings of the configuration's section <c>batches</c>.</param>
    /// <param name="policy">A policy file, whose policy <c>test</c> then applies to every system.</param>
    public static async Task<TestApp> StartAsync(
        string kind = "sqlite", string server = "", string route = "", string batches = "", string policy = "") =>
        await StartAsync(
            await TestDatabase.CreateWithSchemaAsync(kind), ownsDatabase: true, null, new ManualClock(), server, route, batches, policy);

    /// <summary>Starts a second node of the same installation: same database, same secret, a data folder of its own.</summary>
    public Task<TestApp> StartNodeAsync() => StartNodeAsync("");

    /// <inheritdoc cref="StartNodeAsync()"/>
    public Task<TestApp> StartNodeAsync(string policy) =>
        StartAsync(_database, ownsDatabase: false, Path.Combine(DataFolder, "secret"), Clock, "", "", "", policy);

    /// <summary>Stops the host and starts it again on the same data folder and database.</summary>
    public async Task<TestApp> RestartAsync()
    {
        await StopAsync();
        return await StartAsync(_folder, _database, _ownsDatabase, Clock);
    }

    /// <summary>A browser with cookies of its own, nobody signed in.</summary>
    public TestBrowser Open() => new(Url);

    /// <summary>A program that presents an access token or a key, or nothing.</summary>
    public HttpClient Program(string? bearer)
    {
        var http = new HttpClient { BaseAddress = Url };
        http.DefaultRequestHeaders.Authorization = bearer is null ? null : new("Bearer", bearer);
        return http;
    }

    /// <summary>Makes the first administrator through their link and signs in.</summary>
    public async Task<TestBrowser> SignInFirstAsync()
    {
        var browser = Open();
        var link = await Services.GetRequiredService<SignIn>().FirstRunLinkAsync(Ct);
        var response = await browser.Http.PostAsJsonAsync(
            "api/session/welcome", new { token = link!.Split('/')[^1], name = "Root", email = AdminEmail, password = Password }, Ct);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return browser;
    }

    /// <summary>Makes a person with a role, without the ways of invitations.</summary>
    /// <returns>The person and an access token of theirs.</returns>
    public async Task<(Person Person, string Token)> AddPersonAsync(string email, Guid? teamId, Role role)
    {
        var root = new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);
        var person = (await Services.GetRequiredService<People>()
            .InviteAsync(root, new NewPerson(email, email, [new Membership(teamId, role)]), Ct)).Person;
        return (person, (await Services.GetRequiredService<AccessTokens>().CreateAsync(person, "test", null, Ct)).Secret);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (_ownsDatabase)
        {
            await _database.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    private static async Task<TestApp> StartAsync(TestDatabase database, bool ownsDatabase, string? secretFile, ManualClock clock,
        string server, string route,
        string batches, string policy)
    {
        var folder = Directory.CreateTempSubdirectory("gatehouse-app-");
        if (secretFile is not null)
        {
            File.Copy(secretFile, Path.Combine(folder.FullName, "secret"));
        }

        if (policy.Length > 0)
        {
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "policy.yaml"), policy, Ct);
        }

        await File.WriteAllTextAsync(
            Path.Combine(folder.FullName, ConfigurationSource.DefaultFile),
            $$"""
            server: { {{server}} }
            storage: { {{database.Setting}} }
            batches: { {{batches}} }
            {{(policy.Length > 0 ? "policies: { files: [ policy.yaml ], default: test }" : "")}}
            providers:
              simulator: { kind: simulator }
            routes:
              simulator: { targets: [{ provider: simulator, model: "*" }] }
              {{route}}
            """,
            Ct);
        return await StartAsync(folder, database, ownsDatabase, clock);
    }

    private static async Task<TestApp> StartAsync(DirectoryInfo folder, TestDatabase database, bool ownsDatabase, ManualClock clock)
    {
        var logs = new CapturedLogs();
        var logFactory = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(logs));
        var source = new ConfigurationSource(
            Path.Combine(folder.FullName, ConfigurationSource.DefaultFile), Required: true, "127.0.0.1:0", folder.FullName);
        var parts = await ServerParts.OpenAsync(source, Task.FromResult<ILoggerFactory>(logFactory), Ct);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => KestrelLimits.Listen(kestrel, "127.0.0.1:0"));
        builder.Services.AddRouting();
        builder.Services.AddLogging();
        builder.Services.Replace(ServiceDescriptor.Singleton<ILoggerFactory>(new TroubleLogs(logFactory, TimeProvider.System)));
        builder.Services.AddModules(parts);
        builder.Services.AddGatewayServer();
        builder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(clock));

        // The product has no reflection to fall back on; the test process has.
        builder.Services.PostConfigure<JsonOptions>(options =>
        {
            foreach (var reflection in options.SerializerOptions.TypeInfoResolverChain.OfType<DefaultJsonTypeInfoResolver>().ToList())
            {
                options.SerializerOptions.TypeInfoResolverChain.Remove(reflection);
            }
        });
        var app = builder.Build();
        app.UseModules();
        try
        {
            await app.StartAsync(Ct);
        }
        catch
        {
            await app.DisposeAsync();
            await parts.DisposeAsync();
            throw;
        }

        return new TestApp(folder, database, ownsDatabase, parts, app, clock, logs, logFactory);
    }

    private async Task StopAsync()
    {
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        await _parts.DisposeAsync();
        _logFactory.Dispose();
    }
}
