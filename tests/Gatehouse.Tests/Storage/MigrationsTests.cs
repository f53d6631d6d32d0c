using Gatehouse.Storage;
using Gatehouse.Tests.House;

namespace Gatehouse.Tests.Storage;

/// <summary>Numbered SQL, once each, on both databases.</summary>
public sealed class MigrationsTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static readonly Migration _first = new(
        "Sample", 1, "one", "CREATE TABLE sample_one (id UUID PRIMARY KEY);\nCREATE INDEX sample_one_id ON sample_one (id);\n");
    private static readonly Migration _second = new("Sample", 2, "two", "CREATE TABLE sample_two (id UUID PRIMARY KEY);");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_second_start_applies_only_what_is_new(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);

        Assert.Equal(1, await ApplyAsync(test.Db, _first));
        Assert.Equal(1, await ApplyAsync(test.Db, _first, _second));
        Assert.Equal(0, await ApplyAsync(test.Db, _first, _second));
        await test.Db.ExecuteAsync($"INSERT INTO sample_two (id) VALUES ({Guid.CreateVersion7()})", Ct);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Nodes_that_start_together_apply_each_once(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await using var other = test.Open();

        var counts = await Task.WhenAll(
            ApplyAsync(test.Db, _first, _second), ApplyAsync(other, _first, _second), ApplyAsync(test.Db, _first, _second));

        Assert.Equal(2, counts.Sum());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task An_applied_migration_that_changed_is_refused_by_name(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await ApplyAsync(test.Db, _first);

        var failure = await Assert.ThrowsAsync<DatabaseException>(() => ApplyAsync(test.Db, _first with { Script = "SELECT 1" }, _second));

        Assert.Contains("Sample 0001 (one)", failure.Message, StringComparison.Ordinal);
        Assert.Equal(1, await ApplyAsync(test.Db, _first, _second));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_database_of_a_newer_version_is_refused(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await ApplyAsync(test.Db, _first, _second);

        var failure = await Assert.ThrowsAsync<DatabaseException>(() => ApplyAsync(test.Db, _first));

        Assert.Contains("Sample 0002 (two)", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Whoever_only_looks_refuses_a_newer_version_and_no_database_without_a_schema(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        var assembly = typeof(Gatehouse.Configuration.ConfigurationState).Assembly;
        await Migrations.RefuseNewerAsync(test.Db, assembly, Ct);
        await Migrations.ApplyAsync(test.Db, assembly, Ct);
        await Migrations.RefuseNewerAsync(test.Db, assembly, Ct);
        await test.Db.ExecuteAsync(
            $"INSERT INTO schema_migration (module, number, name, hash, applied_at) VALUES ('Governance', 9999, 'later', '', 0)", Ct);

        var failure = await Assert.ThrowsAsync<DatabaseException>(() => Migrations.RefuseNewerAsync(test.Db, assembly, Ct));

        Assert.Contains("Governance 9999 (later)", failure.What, StringComparison.Ordinal);
        Assert.Equal("Start the version that made it, or a newer one.", failure.Mend);
    }

    /// <summary>
    /// A database that was brought up to date by an earlier version refuses the start when one of them changed: a change is a new file,
    /// and a new line here.
    /// </summary>
    [Fact]
    public void None_that_exists_is_ever_changed() => Golden.Check(
        "tests/Gatehouse.Tests/Storage/migrations.txt",
        string.Join('\n', Migrations.Read(typeof(Gatehouse.Configuration.ConfigurationState).Assembly)
            .Select(m => $"{m.Module} {m.Number:D4} {m.Name} {m.Hash}")));

    /// <summary>The database's own words named a column that was not there.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Whoever_reads_tables_says_that_they_are_of_an_older_version_and_what_to_do(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        var assembly = typeof(Gatehouse.Configuration.ConfigurationState).Assembly;
        var none = await Assert.ThrowsAsync<DatabaseException>(() => Migrations.RequireAsync(test.Db, assembly, Ct));
        await Migrations.ApplyAsync(test.Db, assembly, Ct);
        await Migrations.RequireAsync(test.Db, assembly, Ct);
        await test.Db.ExecuteAsync($"DELETE FROM schema_migration WHERE module = 'Governance' AND number = 14", Ct);

        var older = await Assert.ThrowsAsync<DatabaseException>(() => Migrations.RequireAsync(test.Db, assembly, Ct));

        Assert.Equal("The database has no tables of Gatehouse.", none.What);
        Assert.Contains("older than this version of Gatehouse: it lacks Governance 0014", older.What, StringComparison.Ordinal);
        Assert.StartsWith("Start this version once (gatehouse up)", older.Mend, StringComparison.Ordinal);
    }

    /// <summary>SQLite opens it without a word, and the start ended with the stack of the first statement that wrote.</summary>
    [Fact]
    public async Task A_file_that_may_only_be_read_says_so()
    {
        await using var test = await TestDatabase.CreateAsync("sqlite");
        await ApplyAsync(test.Db, _first);
        await using var db = DatabaseFactory.Sqlite($"file:{test.Setting["sqlite: '".Length..^1]}?mode=ro");

        var failure = await Assert.ThrowsAsync<DatabaseException>(() => db.PingAsync(Ct));

        Assert.Contains("may be read and not written. Let the user that runs Gatehouse", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>
    /// An index over a ledger of years takes longer than a driver waits for an answer; so does whoever waits for its turn.
    /// </summary>
    [Fact]
    public async Task A_migration_takes_the_time_that_it_takes()
    {
        await using var test = await TestDatabase.CreateAsync("postgres");
        await using var impatient = DatabaseFactory.Postgres(test.Setting["postgres: '".Length..^1] + ";Command Timeout=1");
        var slow = _first with { Script = _first.Script + "DO $$ BEGIN PERFORM pg_sleep(2.5); END $$;" };

        var applied = await Task.WhenAll(ApplyAsync(impatient, slow), ApplyAsync(impatient, slow));

        Assert.Equal(1, applied.Sum());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_failing_migration_leaves_the_schema_as_it_was(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);

        await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(
            () => ApplyAsync(test.Db, _first, _second with { Script = "CREATE TABLE sample_two (" }));

        Assert.Equal(2, await ApplyAsync(test.Db, _first, _second));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task The_product_s_own_migrations_apply_twice(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        var assembly = System.Reflection.Assembly.Load("Gatehouse.ControlPlane");

        await Migrations.ApplyAsync(test.Db, assembly, Ct);

        Assert.Equal(0, await Migrations.ApplyAsync(test.Db, assembly, Ct));
    }

    private static Task<int> ApplyAsync(Database db, params Migration[] migrations) =>
        Migrations.ApplyAsync(db, migrations, TimeProvider.System, Ct);
}
