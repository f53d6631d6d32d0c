using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Gatehouse.Configuration;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Tests.Configuration;

public sealed class DoctorTests
{
    private const string Text = """
        providers:
          here: { kind: vllm }
          there: { kind: openai, base_url: "https://models.example/v1", api_key: "sk-canary-of-the-doctor" }
        """;

    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    [Fact]
    public async Task A_healthy_installation_is_ok_everywhere()
    {
        var checks = await RunAsync(Text, Edges());

        Assert.Equal(
            ["configuration", "provider here", "provider there", "provider simulator", "database", "disk", "open files", "clock"],
            checks.Select(c => c.Name));
        Assert.All(checks, c => Assert.Equal(DoctorState.Ok, c.State));
    }

    [Theory]
    [InlineData(SocketError.HostNotFound, "The name models.example cannot be resolved.",
        "Check 'providers.there.base_url' and the DNS of this machine.")]
    [InlineData(SocketError.ConnectionRefused, "models.example:443 refuses connections.",
        "Check the firewall, the proxy and the provider's status page.")]
    [InlineData(SocketError.NetworkUnreachable, "models.example:443 cannot be reached.",
        "Check the firewall, the proxy and the provider's status page.")]
    public async Task A_provider_that_cannot_be_reached_says_why(SocketError error, string message, string mend)
    {
        var checks = await RunAsync(Text, Edges() with
        {
            Connect = (settings, _) => settings.BaseUrl.Host == "models.example"
                ? throw new SocketException((int)error)
                : Task.CompletedTask,
        });

        Assert.Equal(new("provider there", DoctorState.Failing, message, mend), checks[2]);
        Assert.Equal(DoctorState.Ok, checks[1].State);
        Assert.Equal((DoctorState.Notice, "clock"), (checks[^1].State, checks[^1].Name));
    }

    /// <summary>Every call failed, and the doctor was content.</summary>
    [Fact]
    public async Task A_provider_whose_certificate_has_expired_is_failing()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(
            Now.AddYears(-2), Now.AddYears(-1));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var served = ServeAsync();

        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var checks = await RunAsync(
            $$"""
            providers:
              there: { kind: openai-compatible, base_url: "https://localhost:{{port}}/v1", api_key: canary }
            """,
            Edges() with { Connect = new DoctorEdges { PingDatabase = Edges().PingDatabase }.Connect });

        await served;
        Assert.Equal(DoctorState.Failing, checks[1].State);
        Assert.StartsWith(
            $"localhost:{port} answers, and its certificate or protocol is not accepted: ", checks[1].Message, StringComparison.Ordinal);

        async Task ServeAsync()
        {
            await using var secure = new SslStream(
                new NetworkStream(await listener.AcceptSocketAsync(TestContext.Current.CancellationToken), ownsSocket: true));
            await Assert.ThrowsAnyAsync<Exception>(async () =>
            {
                await secure.AuthenticateAsServerAsync(certificate);
                await secure.ReadExactlyAsync(new byte[1], TestContext.Current.CancellationToken);
            });
        }
    }

    [Fact]
    public async Task Routes_that_are_off_or_lack_prices_are_told()
    {
        var checks = await RunAsync(Text + """

            routes:
              closed: { enabled: false, targets: [ { provider: here } ] }
              empty: { targets: [ { provider: here, enabled: false } ] }
              cheap: { strategy: lowest_cost, targets: [ { provider: here, model: nobody-knows-its-price }, { provider: here, model: "*" } ] }
              fine: { targets: [ { provider: here } ] }
            """, Edges());

        Assert.Equal(
            [
                new("route closed", DoctorState.Notice, "It refuses calls: 'enabled' is false in the configuration.",
                    "Nothing, if that is meant."),
                new("route empty", DoctorState.Warning, "Every target is switched off, so it refuses calls.",
                    "Switch a target of 'routes.empty' or its provider on."),
                new("route cheap", DoctorState.Warning,
                    "It picks by cost, and there is no price for here/nobody-knows-its-price: asked last.",
                    "Add it to 'prices.models'; a model that costs nothing has the price 0."),
            ],
            checks.Where(c => c.Name.StartsWith("route ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task What_does_not_answer_is_given_up()
    {
        var checks = await RunAsync(Text, Edges() with
        {
            Patience = TimeSpan.FromMilliseconds(1),
            Connect = (_, ct) => Task.Delay(Timeout.Infinite, ct),
            PingDatabase = async (_, ct) =>
            {
                await Task.Delay(Timeout.Infinite, ct);
                return default;
            },
        });

        Assert.Equal("127.0.0.1:8000 does not answer.", checks[1].Message);
        Assert.Equal("Start it, or remove 'providers.here'.", checks[1].Mend);
        Assert.Contains("does not answer in time", checks[4].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_fails_is_told_without_its_connection_string()
    {
        var checks = await RunAsync("storage: { postgres: 'Host=db;Password=canary-password' }", Edges() with
        {
            PingDatabase = (_, _) => throw new InvalidOperationException("Host=db;Password=canary-password"),
        });

        var check = checks.Single(c => c.Name == "database");
        Assert.Equal((DoctorState.Failing, "PostgreSQL cannot be used (InvalidOperationException)."), (check.State, check.Message));
    }

    [Theory]
    [InlineData(null, "Check 'storage.postgres': host, port, database, user and password.")]
    [InlineData("Raise 'max_connections'.", "Raise 'max_connections'.")]
    public async Task A_database_that_refuses_is_told_with_what_it_says(string? mend, string shown)
    {
        const string said = "PostgreSQL does not answer: 28P01: password authentication failed for user \"gatehouse\".";
        var checks = await RunAsync("storage: { postgres: 'Host=db;Password=canary-password' }", Edges() with
        {
            PingDatabase = (_, _) => throw new DatabasePingException(said) { Mend = mend },
        });

        var check = checks.Single(c => c.Name == "database");
        Assert.Equal((DoctorState.Failing, said, shown), (check.State, check.Message, check.Mend));
    }

    [Theory]
    [InlineData(50L << 20, DoctorState.Failing)]
    [InlineData(500L << 20, DoctorState.Warning)]
    [InlineData(5L << 30, DoctorState.Ok)]
    public async Task A_disk_that_fills_up_is_told_in_time(long free, DoctorState state)
    {
        var checks = await RunAsync("# defaults", Edges() with { FreeBytes = _ => free });

        Assert.Equal(state, checks.Single(c => c.Name == "disk").State);
    }

    /// <summary>A process that could accept nobody once said nothing of it.</summary>
    [Theory]
    [InlineData(64, DoctorState.Failing, "clients are accepted while fewer than 0 are")]
    [InlineData(1024, DoctorState.Warning, "clients are accepted while fewer than 768 are")]
    [InlineData(65_536, DoctorState.Ok, "clients are accepted while fewer than 49152 are")]
    [InlineData(int.MaxValue, DoctorState.Ok, "Nothing bounds")]
    public async Task So_few_open_files_that_clients_would_wait_are_told_with_how_to_have_more(int limit, DoctorState state, string said)
    {
        var checks = await RunAsync("# defaults", Edges() with { OpenFiles = () => limit });

        var check = checks.Single(c => c.Name == "open files");
        Assert.Equal(state, check.State);
        Assert.Contains(said, check.Message, StringComparison.Ordinal);
        Assert.Equal(state != DoctorState.Ok, check.Mend?.Contains("LimitNOFILE=", StringComparison.Ordinal) ?? false);
    }

    [Theory]
    [InlineData(10, DoctorState.Ok)]
    [InlineData(-60, DoctorState.Warning)]
    [InlineData(3600, DoctorState.Failing)]
    public async Task A_wrong_clock_is_seen_by_the_date_of_a_provider(int seconds, DoctorState state)
    {
        var checks = await RunAsync(
            Text, Edges() with { ServerDate = (_, _) => Task.FromResult<DateTimeOffset?>(Now.AddSeconds(seconds)) });

        Assert.Equal((state, $"{Math.Abs(seconds)} s apart from models.example."), (checks[^1].State, checks[^1].Message));
    }

    [Theory]
    [InlineData(-10, DoctorState.Ok)]
    [InlineData(60, DoctorState.Warning)]
    [InlineData(-86_400, DoctorState.Failing)]
    public async Task A_node_whose_clock_is_not_the_database_s_is_told_so(int seconds, DoctorState state)
    {
        var checks = await RunAsync("storage: { postgres: 'Host=db' }", Edges() with
        {
            PingDatabase = (_, _) => Task.FromResult(("PostgreSQL 15.1", (DateTimeOffset?)Now.AddSeconds(seconds))),
        });

        Assert.Equal((state, $"{Math.Abs(seconds)} s apart from PostgreSQL."), (checks[^1].State, checks[^1].Message));
    }

    [Fact]
    public async Task A_configuration_that_cannot_be_read_is_each_of_its_errors_and_nothing_else()
    {
        var checks = await RunAsync("servr:\nroutez:\n", Edges());

        Assert.Equal(2, checks.Count);
        Assert.All(checks, c => Assert.Equal(("configuration", DoctorState.Failing), (c.Name, c.State)));
        Assert.EndsWith(
            "gatehouse.yaml:1:1: 'servr' is not a setting at the top of the configuration.", checks[0].Message, StringComparison.Ordinal);
        Assert.Equal("Did you mean 'server'?", checks[0].Mend);
    }

    [Fact]
    public async Task The_server_tells_of_a_bad_file_and_of_the_revision_that_stays()
    {
        using var configurations = new Configurations();
        var loaded = await configurations.LoadGoodAsync(Text);
        using var state = new ConfigurationState(configurations.Loader(), loaded, NullLogger<ConfigurationState>.Instance);
        File.WriteAllText(configurations.Path, "server: { data: elsewhere }");
        await state.ReloadAsync(TestContext.Current.CancellationToken);
        File.WriteAllText(configurations.Path, "servr:");
        await state.ReloadAsync(TestContext.Current.CancellationToken);

        var checks = await Doctor.Of(state, Edges(), () => []).RunAsync(TestContext.Current.CancellationToken);

        Assert.EndsWith($"Revision {state.Current.Revision} stays in force.", checks[0].Message, StringComparison.Ordinal);
        Assert.Equal(
            new("configuration", DoctorState.Warning, "Changed, but in force only after a restart: server.data.", "Restart Gatehouse."),
            checks[1]);
    }

    private static DoctorEdges Edges() => new()
    {
        PingDatabase = (_, _) => Task.FromResult(("SQLite 3.40", (DateTimeOffset?)null)),
        Connect = (_, _) => Task.CompletedTask,
        ServerDate = (_, _) => Task.FromResult<DateTimeOffset?>(Now),
        FreeBytes = _ => 50L << 30,
        OpenFiles = () => 65_536,
        Clock = new StoppedClock(),
    };

    private static async Task<IReadOnlyList<DoctorCheck>> RunAsync(string text, DoctorEdges edges)
    {
        using var configurations = new Configurations();
        var outcome = await configurations.LoadAsync(text);
        var checks = await new Doctor(_ => Task.FromResult(outcome), edges).RunAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain("canary", string.Join('\n', checks), StringComparison.Ordinal);
        Assert.All(checks.Where(c => c.State is DoctorState.Warning or DoctorState.Failing), c => Assert.NotNull(c.Mend));
        return checks;
    }

    /// <summary>Its timers run, its hands do not.</summary>
    private sealed class StoppedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Now;
    }
}
