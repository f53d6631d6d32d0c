using Gatehouse.Storage;

namespace Gatehouse.Tests.Storage;

/// <summary>What both databases must do alike.</summary>
public sealed class DatabaseTests
{
    public static readonly TheoryData<string> Kinds = TestDatabases.Kinds;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Every_type_comes_back_as_it_went_in(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        var id = Guid.CreateVersion7();
        var at = new DateTimeOffset(2026, 2, 28, 23, 59, 59, TimeSpan.FromHours(2)).AddTicks(1_234_560);
        byte[] bytes = [0, 1, 2, 255];

        await test.Db.ExecuteAsync($"""
            INSERT INTO thing (id, text, number, flag, bytes, real, made_at)
            VALUES ({id}, {"naïve 漢字 🚪"}, {long.MinValue}, {true}, {bytes}, {0.1}, {at})
            """, Ct);
        var read = await test.Db.QueryAsync(
            $"SELECT id, text, number, flag, bytes, real, made_at FROM thing",
            row => (row.Id(0), row.Text(1), row.Long(2), row.Bool(3), row.Bytes(4), row.Double(5), row.Instant(6)),
            Ct);

        var (readId, text, number, flag, readBytes, real, readAt) = Assert.Single(read);
        Assert.Equal((id, "naïve 漢字 🚪", long.MinValue, true, 0.1, at), (readId, text, number, flag, real, readAt));
        Assert.Equal(bytes, readBytes);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task While_a_server_starts_everything_answers_as_it_does_later(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        test.Db.IsStarting = true;

        await CreateTableAsync(test.Db);
        await test.Db.TransactionAsync(
            sql => sql.ExecuteAsync($"INSERT INTO thing (id, text) VALUES ({Guid.CreateVersion7()}, {"first"})", Ct), Ct);
        var made = await test.Db.QueryAsync(
            $"INSERT INTO thing (id, text) VALUES ({Guid.CreateVersion7()}, {"second"}) RETURNING text", row => row.Text(0), Ct);
        var wrong = test.Db.QueryAsync($"SELECT nothing FROM nowhere", row => row.Long(0), Ct);
        var read = await test.Db.QueryAsync($"SELECT text FROM thing ORDER BY text", row => row.Text(0), Ct);

        Assert.Equal(["second"], made);
        Assert.Equal(["first", "second"], read);
        await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(() => wrong); // where it is awaited, not where it was asked
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => test.Db.QueryAsync($"SELECT 1", row => row.Long(0), new CancellationToken(canceled: true)));
    }

    /// <summary>Signing in and revoking keys once waited behind whatever people searched for.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task However_many_long_reads_are_asked_for_a_short_one_is_answered_at_once(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        ThreadPool.GetMinThreads(out var threads, out var ports);
        ThreadPool.SetMinThreads(Math.Max(threads, 16), ports); // reading blocks some here, which is not what is tried
        using var release = new ManualResetEventSlim();
        var scans = Enumerable.Range(0, 200).Select(_ => test.Db.ScanAsync(
            $"SELECT 1",
            row =>
            {
                release.Wait(Ct);
                return row.Long(0);
            },
            Ct)).ToList();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => test.Db.QueryAsync($"SELECT 2", row => row.Long(0), Ct)))
            .WaitAsync(TimeSpan.FromSeconds(30), Ct);

        Assert.All(answers, rows => Assert.Equal([2], rows));
        Assert.DoesNotContain(scans, scan => scan.IsCompleted);
        release.Set();
        Assert.All(await Task.WhenAll(scans), rows => Assert.Equal([1], rows));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Nulls_come_back_as_nulls_of_every_type(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);

        await test.Db.ExecuteAsync($"""
            INSERT INTO thing (id, text, number, flag, bytes, real, made_at)
            VALUES ({Guid.Empty}, {null}, {null}, {null}, {null}, {null}, {null})
            """, Ct);
        var read = await test.Db.QueryAsync(
            $"SELECT text, number, flag, bytes, real, made_at FROM thing",
            row => new object?[]
            {
                row.TextOrNull(0), row.LongOrNull(1), row.BoolOrNull(2), row.BytesOrNull(3), row.DoubleOrNull(4), row.InstantOrNull(5),
                row.IdOrNull(0),
            },
            Ct);

        Assert.All(Assert.Single(read), Assert.Null);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Text_that_looks_like_sql_is_data(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        string[] hostile = ["'); DROP TABLE thing; --", "$1", "{0}", "\\'; SELECT 1", "\" OR 1=1", "@p1 :x ?1 %s", "a\nb\tc"];

        foreach (var text in hostile)
        {
            await InsertAsync(test.Db, text);
        }

        foreach (var text in hostile)
        {
            Assert.Equal([text], await test.Db.QueryAsync($"SELECT text FROM thing WHERE text = {text}", row => row.Text(0), Ct));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Long_text_and_bytes_are_kept_whole(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        var text = string.Concat(Enumerable.Repeat("0123456789é", 500_000));
        var bytes = new byte[5_000_000];
        new Random(1).NextBytes(bytes);

        await test.Db.ExecuteAsync($"INSERT INTO thing (id, text, bytes) VALUES ({Guid.CreateVersion7()}, {text}, {bytes})", Ct);
        var read = await test.Db.QueryAsync($"SELECT text, bytes FROM thing", row => (row.Text(0), row.Bytes(1)), Ct);

        Assert.True(text == read[0].Item1 && bytes.AsSpan().SequenceEqual(read[0].Item2));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Characters_that_one_database_cannot_hold_are_replaced_in_both(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);

        await InsertAsync(test.Db, "a\0b\uD800c🚪");

        Assert.Equal(["a\uFFFDb\uFFFDc🚪"], await TextsAsync(test.Db));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Fragments_and_lists_become_parameters_too(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        foreach (var text in (string[])["a", "b", "c"])
        {
            await InsertAsync(test.Db, text);
        }

        FormattableString among = $"AND text IN {new[] { "a", "c", "'" }}";
        var some = await test.Db.QueryAsync($"SELECT text FROM thing WHERE text <> {"c"} {among} ORDER BY text", row => row.Text(0), Ct);
        var none = await test.Db.QueryAsync($"SELECT text FROM thing WHERE text IN {Array.Empty<string>()}", row => row.Text(0), Ct);

        Assert.Equal(["a"], some);
        Assert.Empty(none);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Ids_sort_by_their_bytes(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        var start = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var ids = Enumerable.Range(0, 50).Select(i => Guid.CreateVersion7(start.AddMilliseconds(i * 977))).ToList();

        foreach (var id in ids.AsEnumerable().Reverse())
        {
            await test.Db.ExecuteAsync($"INSERT INTO thing (id) VALUES ({id})", Ct);
        }

        Assert.Equal(ids, await test.Db.QueryAsync($"SELECT id FROM thing ORDER BY id", row => row.Id(0), Ct));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Execute_counts_rows_and_conflicts_add_none(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        var id = Guid.CreateVersion7();

        var first = await test.Db.ExecuteAsync($"INSERT INTO thing (id, number) VALUES ({id}, {1}) ON CONFLICT (id) DO NOTHING", Ct);
        var second = await test.Db.ExecuteAsync($"INSERT INTO thing (id, number) VALUES ({id}, {2}) ON CONFLICT (id) DO NOTHING", Ct);
        var returned = await test.Db.QueryAsync(
            $"UPDATE thing SET number = number + 1 WHERE id = {id} RETURNING number", row => row.Long(0), Ct);

        Assert.Equal((1, 0), (first, second));
        Assert.Equal([2], returned);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Sums_of_whole_numbers_are_read_as_whole_numbers(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        await test.Db.ExecuteAsync($"INSERT INTO thing (id, number) VALUES ({Guid.CreateVersion7()}, {4_000_000_000_000_000_001L})", Ct);
        await test.Db.ExecuteAsync($"INSERT INTO thing (id, number) VALUES ({Guid.CreateVersion7()}, {1})", Ct);

        var sums = await test.Db.QueryAsync($"SELECT SUM(number), COUNT(*) FROM thing", row => (row.Long(0), row.Long(1)), Ct);

        Assert.Equal([(4_000_000_000_000_000_002L, 2L)], sums);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_failed_transaction_leaves_nothing(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);

        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => test.Db.TransactionAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync($"INSERT INTO thing (id, text) VALUES ({Guid.CreateVersion7()}, {"lost"})", Ct);
                Assert.Single(await transaction.QueryAsync($"SELECT text FROM thing", row => row.Text(0), Ct));
                throw new InvalidOperationException("no");
            },
            Ct));
        await InsertAsync(test.Db, "kept");

        Assert.Equal("no", failure.Message);
        Assert.Equal(["kept"], await TextsAsync(test.Db));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_transaction_that_awaits_other_work_holds_together(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        var reached = new TaskCompletionSource();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var transaction = test.Db.TransactionAsync(
            async t =>
            {
                await t.ExecuteAsync($"INSERT INTO thing (id, text) VALUES ({Guid.CreateVersion7()}, {"a"})", Ct);
                reached.SetResult();
                await go.Task;
                await t.ExecuteAsync($"INSERT INTO thing (id, text) VALUES ({Guid.CreateVersion7()}, {"b"})", Ct);
            },
            Ct);
        await reached.Task;
        var during = await TextsAsync(test.Db);
        go.SetResult();
        await transaction;

        Assert.Empty(during);
        Assert.Equal(["a", "b"], await TextsAsync(test.Db));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task The_database_refuses_use_inside_its_own_transaction(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);

        await Assert.ThrowsAsync<InvalidOperationException>(() => test.Db.TransactionAsync(async _ => await InsertAsync(test.Db, "x"), Ct));

        await InsertAsync(test.Db, "after");
        Assert.Equal(["after"], await TextsAsync(test.Db));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Concurrent_writers_lose_nothing(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        await using var other = test.Open();
        await test.Db.ExecuteAsync($"INSERT INTO thing (id, number) VALUES ({Guid.Empty}, {0})", Ct);

        await Parallel.ForAsync(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Ct }, async (i, ct) =>
        {
            var db = i % 2 == 0 ? test.Db : other;
            if (i % 4 < 2)
            {
                await db.ExecuteAsync($"UPDATE thing SET number = number + 1 WHERE id = {Guid.Empty}", ct);
            }
            else
            {
                await db.TransactionAsync(
                    async transaction =>
                    {
                        await transaction.LockAsync("counter", ct);
                        var number =
                            (await transaction.QueryAsync($"SELECT number FROM thing WHERE id = {Guid.Empty}", row => row.Long(0), ct))[0];
                        await transaction.ExecuteAsync($"UPDATE thing SET number = number + 1 WHERE id = {Guid.Empty}", ct);
                        return number;
                    },
                    ct);
            }
        });

        Assert.Equal([200], await other.QueryAsync($"SELECT number FROM thing", row => row.Long(0), Ct));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_lock_lets_one_read_and_write_at_a_time(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        await using var other = test.Open();
        await test.Db.ExecuteAsync($"INSERT INTO thing (id, number) VALUES ({Guid.Empty}, {0})", Ct);

        await Parallel.ForAsync(0, 60, new ParallelOptions { MaxDegreeOfParallelism = 6, CancellationToken = Ct }, async (i, ct) =>
            await (i % 2 == 0 ? test.Db : other).TransactionAsync(
                async transaction =>
                {
                    await transaction.LockAsync("counter", ct);
                    var number =
                        (await transaction.QueryAsync($"SELECT number FROM thing WHERE id = {Guid.Empty}", row => row.Long(0), ct))[0];
                    await transaction.ExecuteAsync($"UPDATE thing SET number = {number + 1} WHERE id = {Guid.Empty}", ct);
                },
                ct));

        Assert.Equal([60], await other.QueryAsync($"SELECT number FROM thing", row => row.Long(0), Ct));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_long_statement_ends_when_it_is_cancelled_and_the_database_goes_on(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        cancel.CancelAfter(TimeSpan.FromMilliseconds(100));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => test.Db.QueryAsync(
            $"""
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000)
            SELECT COUNT(*) FROM n
            """,
            row => row.Long(0),
            cancel.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => test.Db.ExecuteAsync(
            $"""
            INSERT INTO thing (id, number)
            SELECT {Guid.CreateVersion7()}, COUNT(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT i FROM n) AS big
            """,
            cancel.Token));

        await InsertAsync(test.Db, "after");
        Assert.Equal(["after"], await TextsAsync(test.Db));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Many_rows_go_in_at_once_and_known_ones_stay(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        string[] columns = ["id", "text", "number", "flag", "bytes", "real", "made_at"];
        var at = DateTimeOffset.UnixEpoch.AddDays(1);
        var rows = Enumerable.Range(0, 3000)
            .Select(i =>
                new object?[] { Guid.CreateVersion7(), $"row {i} \0", i, i % 2 == 0, i == 0 ? null : new byte[] { 1 }, i * 0.5, at })
            .ToList();

        var first = await test.Db.InsertManyAsync("thing", columns, rows, Ct);
        var again = await test.Db.InsertManyAsync(
            "thing", columns, [.. rows.Take(10), [Guid.CreateVersion7(), null, null, null, null, null, null]], Ct);
        var twice = await test.Db.TransactionAsync(
            async transaction =>
                await transaction.InsertManyAsync("thing", ["id"], [[Guid.CreateVersion7()]], Ct)
                + await transaction.InsertManyAsync("thing", ["id"], [[Guid.CreateVersion7()]], Ct)
                + await transaction.InsertManyAsync("thing", ["id"], [], Ct),
            Ct);

        Assert.Equal((3000, 1, 2), (first, again, twice));
        Assert.Equal(
            [(3003L, 1500L, "row 7 \uFFFD")],
            await test.Db.QueryAsync(
                $"SELECT COUNT(*), (SELECT COUNT(*) FROM thing WHERE flag), (SELECT text FROM thing WHERE number = {7}) FROM thing",
                row => (row.Long(0), row.Long(1), row.Text(2)),
                Ct));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Names_that_are_no_names_are_refused(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);

        await Assert.ThrowsAsync<ArgumentException>(() => test.Db.InsertManyAsync("thing; --", ["id"], [[1]], Ct));
        await Assert.ThrowsAsync<ArgumentException>(() => test.Db.InsertManyAsync("thing", ["id)"], [[1]], Ct));
        await Assert.ThrowsAsync<ArgumentException>(() => test.Db.ExecuteAsync($"SELECT {'c'}", Ct));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Foreign_keys_are_enforced(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        await test.Db.ExecuteAsync($"CREATE TABLE part (id UUID PRIMARY KEY, thing_id UUID NOT NULL REFERENCES thing (id))", Ct);

        await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(() =>
            test.Db.ExecuteAsync($"INSERT INTO part (id, thing_id) VALUES ({Guid.CreateVersion7()}, {Guid.CreateVersion7()})", Ct));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Ping_names_the_database(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);

        var sign = await test.Db.PingAsync(Ct);

        Assert.StartsWith(kind == "sqlite" ? "SQLite 3." : "PostgreSQL ", sign.Version, StringComparison.Ordinal);
        Assert.Equal(kind == "postgres", sign.Clock > DateTimeOffset.UnixEpoch.AddYears(50));
        Assert.Equal(kind, test.Db.Kind);
    }

    [Fact]
    public async Task A_database_that_is_not_there_says_what_to_mend()
    {
        var file = Assert.Throws<DatabaseException>(() => DatabaseFactory.Sqlite("/nowhere/at/all.db"));
        var text = Assert.Throws<DatabaseException>(() => DatabaseFactory.Postgres("Hots=x"));
        await using var absent = DatabaseFactory.Postgres("Host=127.0.0.1;Port=1;Username=u;Password=hunter2;Database=d");
        var server = await Assert.ThrowsAsync<DatabaseException>(() => absent.PingAsync(Ct));

        Assert.Contains("check that its folder exists", file.Message, StringComparison.Ordinal);
        Assert.Contains("malformed", text.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", server.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Rows_that_are_appended_come_back_as_they_went_in_nulls_and_empty_texts_too(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        var rows = Enumerable.Range(0, 3000)
            .Select(i => (Id: Guid.CreateVersion7(), Text: (i % 3) switch { 0 => null, 1 => "", _ => $"é\0{i}" })).ToList();

        await AppendAsync(test.Db, rows);

        var read = await test.Db.QueryAsync(
            $"SELECT id, text, number, flag, bytes FROM thing",
            row => (Id: row.Id(0), Text: row.TextOrNull(1), Number: row.Long(2), Flag: row.Bool(3), Bytes: row.Bytes(4).Length),
            Ct);
        Assert.Equal(
            rows.OrderBy(r => r.Id).Select(r => (r.Id, r.Text?.Replace('\0', '\uFFFD'), -5L, true, r.Text?.Length ?? 0)),
            read.OrderBy(r => r.Id).Select(r => (r.Id, r.Text, r.Number, r.Flag, r.Bytes)));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Appending_a_key_that_is_taken_is_told_apart_and_changes_nothing(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        var taken = (Id: Guid.CreateVersion7(), Text: (string?)"a");
        await AppendAsync(test.Db, [taken]);

        await Assert.ThrowsAsync<DuplicateRowException>(() => AppendAsync(test.Db, [(Guid.CreateVersion7(), "b"), taken]));

        Assert.Equal(["a"], await TextsAsync(test.Db));
    }

    /// <summary>On SQLite some rows go in at once and a cell that is what it was before is not given again.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Numbers_that_repeat_and_go_and_come_back_are_each_row_s_own(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        string[] columns = ["id", "number", "made_at"];
        var rows = Enumerable.Range(0, 150)
            .Select(i => (Id: Guid.CreateVersion7(), Number: i % 7 == 3 ? (long?)null : i / 40, At: i % 2 == 0 ? 5L : -i)).ToList();

        foreach (var part in rows.Chunk(71))
        {
            await test.Db.TransactionAsync(
                transaction => transaction.AppendManyAsync(
                    "thing",
                    columns,
                    part,
                    (to, row) =>
                    {
                        to.Id(row.Id);
                        to.LongOrNull(row.Number);
                        to.Long(row.At);
                    },
                    Ct),
                Ct);
        }

        var read = await test.Db.QueryAsync(
            $"SELECT id, number, made_at FROM thing", row => (Id: row.Id(0), Number: row.LongOrNull(1), At: row.Long(2)), Ct);
        Assert.Equal(rows.OrderBy(r => r.Id), read.OrderBy(r => r.Id));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_key_that_is_taken_among_many_rows_leaves_none_of_them(string kind)
    {
        await using var test = await TestDatabase.CreateAsync(kind);
        await CreateTableAsync(test.Db);
        var rows = Enumerable.Range(0, 200).Select(i => (Id: Guid.CreateVersion7(), Text: (string?)"b")).ToList();
        await AppendAsync(test.Db, [(rows[120].Id, "a")]);

        await Assert.ThrowsAsync<DuplicateRowException>(() => AppendAsync(test.Db, rows));
        rows.RemoveAt(120);
        await AppendAsync(test.Db, rows);

        Assert.Equal(["a", .. rows.Select(r => r.Text!)], (await TextsAsync(test.Db)).Order());
    }

    private static Task AppendAsync(Database db, List<(Guid Id, string? Text)> rows) => db.TransactionAsync(
        transaction => transaction.AppendManyAsync(
            "thing",
            ["id", "text", "number", "flag", "bytes"],
            rows,
            (to, row) =>
            {
                to.Id(row.Id);
                to.TextOrNull(row.Text);
                to.Long(-5);
                to.Bool(true);
                to.Bytes(new byte[row.Text?.Length ?? 0]);
            },
            Ct),
        Ct);

    private static Task<int> CreateTableAsync(Database db) => db.ExecuteAsync($"""
        CREATE TABLE thing (id UUID PRIMARY KEY, text TEXT, number BIGINT, flag BOOLEAN, bytes BYTEA, real DOUBLE PRECISION, made_at BIGINT)
        """, Ct);

    private static Task<int> InsertAsync(Database db, string text) =>
        db.ExecuteAsync($"INSERT INTO thing (id, text) VALUES ({Guid.CreateVersion7()}, {text})", Ct);

    private static Task<List<string>> TextsAsync(Database db) =>
        db.QueryAsync($"SELECT text FROM thing ORDER BY text", row => row.Text(0), Ct);
}
