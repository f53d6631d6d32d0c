using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
using Npgsql;

namespace Gatehouse.Tests.Governance;

/// <summary>A database that answers and does not do what it should: who asks hears why, and so does who watches.</summary>
public sealed class OutageTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_read_only_PostgreSQL_is_noted_diagnosed_and_said_to_who_would_change_something()
    {
        await using var app = await TestApp.StartAsync("postgres");
        await using var team = await TestTeam.BuildAsync(app, "alpha");
        using var program = app.Program((await app.AddPersonAsync("ops@example.org", null, Role.Admin)).Token);
        await ExecuteAsync(app, "ALTER DATABASE {0} SET default_transaction_read_only = on");
        await UntilAsync(app, "is read-only (a standby?)");

        var changed = await SaidAsync(program.DeleteAsync($"api/keys/{team.Key}", Ct));
        Assert.Equal((HttpStatusCode.OK, true), (await program.GetAsync("api/systems", Ct).StatusAsync(), (await ReadyAsync(app)).Contains("\"ready\"")));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, changed.Status);
        Assert.Contains("database_unavailable", changed.Text, StringComparison.Ordinal);
        Assert.Contains("is read-only (a standby?)", changed.Text, StringComparison.Ordinal);
        Assert.Contains("Target Session Attributes=read-write", await DoctorAsync(program), StringComparison.Ordinal);

        await ExecuteAsync(app, "ALTER DATABASE {0} SET default_transaction_read_only = off");
        await UntilAsync(app, "read-only", gone: true);
        Assert.True((await program.DeleteAsync($"api/keys/{team.Key}", Ct)).IsSuccessStatusCode);
        ToldOnce(app, "to the API met");
    }

    [Fact]
    public async Task A_full_disk_of_SQLite_is_said_to_who_would_change_something_and_to_the_doctor()
    {
        await using var app = await TestApp.StartAsync();
        using var program = app.Program((await app.AddPersonAsync("ops@example.org", null, Role.Admin)).Token);
        await app.Db.ExecuteAsync($"PRAGMA max_page_count = 1", Ct); // what it has, and no page more

        (HttpStatusCode Status, string Text) said = (HttpStatusCode.OK, "");
        for (var i = 0; i < 500 && (int)said.Status < 400; i++)
        {
            said = await SaidAsync(program.PostAsJsonAsync("api/teams", new { name = $"team-{i}-{new string('x', 30)}" }, Ct));
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, said.Status);
        Assert.Contains("The disk of the database is full.", said.Text, StringComparison.Ordinal);
        Assert.Contains("Free some space", said.Text, StringComparison.Ordinal);
        ToldOnce(app, "to the API met");
    }

    [Fact]
    public async Task A_schema_that_is_gone_is_said_to_who_asks_to_the_doctor_and_once_to_the_log()
    {
        await using var app = await TestApp.StartAsync("postgres");
        using var program = app.Program((await app.AddPersonAsync("ops@example.org", null, Role.Admin)).Token);
        await app.Db.ExecuteAsync($"ALTER SCHEMA public RENAME TO gone", Ct);
        await UntilAsync(app, "the database cannot be used");

        for (var i = 0; i < 3; i++)
        {
            var (status, text) = await SaidAsync(program.GetAsync("api/calls", Ct));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
            Assert.Contains("The schema in PostgreSQL is not that of Gatehouse (42P01).", text, StringComparison.Ordinal);
            Assert.DoesNotContain("relation", text, StringComparison.Ordinal); // its words are for the log
        }

        var doctor = await DoctorAsync(program);
        Assert.Contains("The schema in PostgreSQL is not that of Gatehouse (42P01).", doctor, StringComparison.Ordinal);
        Assert.Contains("does not exist", app.Logs.Text, StringComparison.Ordinal);
        ToldOnce(app, "The database cannot be read");
    }

    [Fact]
    public async Task A_ledger_that_cannot_be_written_for_whatever_reason_is_noted_and_diagnosed_with_what_waits()
    {
        await using var app = await TestApp.StartAsync("postgres");
        await using var team = await TestTeam.BuildAsync(app, "alpha");
        using var program = app.Program((await app.AddPersonAsync("ops@example.org", null, Role.Admin)).Token);
        await app.Db.ExecuteAsync($"ALTER TABLE observability_call ADD CONSTRAINT no CHECK (1 = 0) NOT VALID", Ct);
        using var call = await team.Caller.PostAsJsonAsync(
            "v1/chat/completions", new { model = "simulator", messages = new[] { new { role = "user", content = "Hello" } } }, Ct);
        Assert.Equal(HttpStatusCode.OK, call.StatusCode);

        await UntilAsync(app, "the ledger cannot be written: ");
        Assert.Matches("[1-9][0-9,]* bytes of calls wait in the journal since ", await ReadyAsync(app));
        Assert.Contains("Calls cannot be written to the ledger: ", await DoctorAsync(program), StringComparison.Ordinal);
        Assert.Single(app.Logs.Text.Split('\n'), l => l.Contains("Calls cannot be written to the ledger", StringComparison.Ordinal));
    }

    private static void ToldOnce(TestApp app, string what)
    {
        Assert.Single(app.Logs.Text.Split('\n'), l => l.Contains(what, StringComparison.Ordinal));
        Assert.DoesNotContain("Npgsql.", app.Logs.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("SqliteException", app.Logs.Text, StringComparison.Ordinal);
    }

    /// <summary>It holds for all connections from then on: those that are there are ended.</summary>
    /// <param name="sql">With a hole for the name of the database.</param>
    private static async Task ExecuteAsync(TestApp app, string sql)
    {
        await using var connection = new NpgsqlConnection(app.Postgres);
        await connection.OpenAsync(Ct);
        await using var command = new NpgsqlCommand(
            $"""
            SET default_transaction_read_only = off;
            {string.Format(CultureInfo.InvariantCulture, sql, connection.Database)};
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
            """,
            connection);
        await command.ExecuteNonQueryAsync(Ct);
    }

    private static async Task UntilAsync(TestApp app, string note, bool gone = false)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while ((await ReadyAsync(app)).Contains(note, StringComparison.Ordinal) == gone)
        {
            Assert.False(patience.IsCancellationRequested, await ReadyAsync(app));
            app.Clock.Advance(TimeSpan.FromMilliseconds(100)); // a ledger that fails is noted when it lasts
        }
    }

    private static async Task<string> ReadyAsync(TestApp app)
    {
        using var anybody = app.Program(null);
        return await anybody.GetStringAsync("readyz", Ct);
    }

    private static Task<string> DoctorAsync(HttpClient program) => program.GetStringAsync("api/doctor", Ct);

    private static async Task<(HttpStatusCode Status, string Text)> SaidAsync(Task<HttpResponseMessage> asked)
    {
        using var answer = await asked;
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(Ct));
    }
}
