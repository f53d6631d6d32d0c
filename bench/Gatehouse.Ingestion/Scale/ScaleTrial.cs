using System.Globalization;
using System.Runtime.CompilerServices;
using Gatehouse.Storage;

namespace Gatehouse.Ingestion.Scale;

/// <summary>
/// An installation with millions of calls: made, filled, asked. A folder that is kept is not filled again.
/// </summary>
internal static class ScaleTrial
{
    public const string Name = "gatehouse_scale";

    public static async Task RunAsync(int calls, string? postgres, string? kept, string only, string? person)
    {
        var folder = (kept is null ? Directory.CreateTempSubdirectory("gatehouse-scale-") : Directory.CreateDirectory(kept)).FullName;
        var executable = Environment.GetEnvironmentVariable("GATEHOUSE_EXECUTABLE")
            ?? Path.GetFullPath("src/Gatehouse/bin/Release/net10.0/gatehouse");
        var isNew = !File.Exists(Path.Combine(folder, "filled"));
        var connection = postgres is null ? null : $"{postgres};Database={Name}";
        if (isNew)
        {
            if (postgres is not null)
            {
                await AdministerAsync(postgres, $"DROP DATABASE IF EXISTS {Name} WITH (FORCE)");
                await AdministerAsync(postgres, $"CREATE DATABASE {Name} TEMPLATE template0");
            }

            await File.WriteAllTextAsync(
                Path.Combine(folder, "gatehouse.yaml"),
                $$"""
                storage: { {{(connection is null ? "sqlite: gatehouse.db" : $"postgres: \"{connection}\"")}} }
                providers: { simulator: { kind: simulator } }
                routes: { simulator: { targets: [{ provider: simulator }] } }
                """);
        }

        await using (var installation = new Installation(folder, executable))
        {
            if (isNew)
            {
                await FillAsync(installation, folder, connection, calls);
            }

            await installation.StartAsync();
            Console.WriteLine("p50 ms   worst ms    CPU ms  of the whole answer over HTTP, of five");
            var pages = new Pages(only, installation.CpuMillis);
            foreach (var who in (string[])["admin", "member"])
            {
                if (person is null || person == who)
                {
                    using var http = await installation.SignInAsync($"{who}@example.com");
                    await pages.AskAsync(who, http);
                }
            }

            pages.Sum();
        }

        if (kept is null)
        {
            Directory.Delete(folder, recursive: true);
            if (postgres is not null)
            {
                await AdministerAsync(postgres, $"DROP DATABASE IF EXISTS {Name} WITH (FORCE)");
            }
        }
    }

    /// <summary>The database of a folder that was filled.</summary>
    public static Database Open(string folder, string? postgres) => postgres is null
        ? DatabaseFactory.Sqlite(Path.Combine(folder, "gatehouse.db"))
        : DatabaseFactory.Postgres($"{postgres};Database={Name}");

    private static async Task FillAsync(Installation installation, string folder, string? connection, int calls)
    {
        await installation.StartAsync();
        var systems = await installation.RegisterAsync();
        await installation.StopAsync();

        var now = TimeProvider.System.GetUtcNow();
        var started = TimeProvider.System.GetTimestamp();
        await using (var db = connection is null
            ? DatabaseFactory.Sqlite(Path.Combine(folder, "gatehouse.db"))
            : DatabaseFactory.Postgres($"{connection};Command Timeout=3600")) // for the end: it reads all there is
        {
            await new Filling(db).RunAsync(
                new Mix(systems, now.AddDays(-30), now, calls),
                done =>
                {
                    if (done % 500_000 == 0)
                    {
                        Console.WriteLine(string.Create(
                            CultureInfo.InvariantCulture,
                            $"{done} calls, {done / TimeProvider.System.GetElapsedTime(started).TotalSeconds:0}/s"));
                    }
                });
            await db.ExecuteAsync(connection is null ? (FormattableString)$"PRAGMA wal_checkpoint(TRUNCATE)" : $"VACUUM ANALYZE", default);
        }

        await File.WriteAllTextAsync(Path.Combine(folder, "filled"), calls.ToString(CultureInfo.InvariantCulture));
        await installation.StartAsync();
        using (var api = installation.Api())
        {
            for (var i = 0; i < 4; i++)
            {
                var begun = TimeProvider.System.GetTimestamp();
                await Installation.PostAsync(
                    api, "api/budgets",
                    i == 0
                        ? new { name = "all", limit_usd = 1_000_000, period = "month", mode = "soft" }
                        : new { name = $"team-{i}", limit_usd = 100_000, period = "month", mode = "soft", team = $"team-{i}" });
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"a budget of the month was made in {TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds:0} ms"));
            }
        }

        await installation.StopAsync();
    }

    private static async Task AdministerAsync(string postgres, string sql)
    {
        await using var admin = DatabaseFactory.Postgres(postgres);
        await admin.ExecuteAsync(FormattableStringFactory.Create(sql), default);
    }
}
