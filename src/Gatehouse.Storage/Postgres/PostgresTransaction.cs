using Npgsql;
using NpgsqlTypes;

namespace Gatehouse.Storage.Postgres;

/// <summary>Statements on one connection, whether or not a transaction is open on it.</summary>
internal sealed class PostgresTransaction(PostgresSession session) : Transaction
{
    private const int FewRows = 20;
    private const int SendBytes = 48 << 10;

    /// <summary>They have the time of one statement: the server tells of them when it has done them all.</summary>
    private const int StatementsAtOnce = 200;

    public override Task LockAsync(string name, CancellationToken ct) =>
        ExecuteAsync(LockStatement(name), ct);

    internal override Task LockPatientlyAsync(string name, CancellationToken ct) => RunAsync(LockStatement(name), patiently: true, ct);

    /// <summary>Of a migration: an index over a ledger of years takes longer than a statement may.</summary>
    internal override Task RunScriptAsync(string script, CancellationToken ct) =>
        RunAsync(new Statement(script, []), patiently: true, ct);

    public override Task LockSharedAsync(string name, CancellationToken ct) =>
        ExecuteAsync(new Statement("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))", [name]), ct);

    internal override Task<int> ExecuteAsync(Statement statement, CancellationToken ct) => RunAsync(statement, patiently: false, ct);

    internal override Task QueryAsync(Statement statement, Rows rows, CancellationToken ct) => session.AskAsync(
        async (connection, token) =>
        {
            await using var command = Command(connection, statement);
            await using var reader = await command.ExecuteReaderAsync(token);
            var row = new PostgresRow(reader);
            while (await reader.ReadAsync(token))
            {
                GoOn(); // before the row is given to its owner
                rows.Add(row);
            }

            return true;
        },
        ct);

    /// <summary>
    /// COPY knows no conflicts, so many rows go through a table of their own; for a few, that table costs more than it gives and
    /// leaves garbage in the catalog.
    /// </summary>
    internal override async Task<int> CopyAsync(
        string table, IReadOnlyList<string> columns, IReadOnlyList<object?[]> rows, CancellationToken ct)
    {
        var names = string.Join(", ", columns);
        if (rows.Count <= FewRows)
        {
            var holes = string.Join(", ", columns.Select((_, i) => $"${i + 1}"));
            var text = $"INSERT INTO {table} ({names}) VALUES ({holes}) ON CONFLICT DO NOTHING";
            var inserted = 0;
            foreach (var row in rows)
            {
                inserted += await ExecuteAsync(new Statement(text, Array.ConvertAll(row, Statement.Normalize)), ct);
            }

            return inserted;
        }

        await ExecuteAsync(
            new Statement($"CREATE TEMPORARY TABLE copied ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA", []), ct);
        await session.AskAsync((connection, token) => ImportAsync(connection, names, rows, token), ct);
        var added = await ExecuteAsync(
            new Statement($"INSERT INTO {table} ({names}) SELECT {names} FROM copied ON CONFLICT DO NOTHING", []), ct);
        await ExecuteAsync(new Statement("DROP TABLE copied", []), ct);
        return added;
    }

    internal override async Task AppendAsync<T>(
        string table, IReadOnlyList<string> columns, IReadOnlyList<T> rows, Action<RowWriter, T> write, CancellationToken ct)
    {
        var copy = $"COPY {table} ({string.Join(", ", columns)}) FROM STDIN (FORMAT BINARY)";
        try
        {
            await session.AskAsync(
                (connection, token) => AppendAsync(connection, copy, columns.Count, rows, write, token), ct);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            throw new DuplicateRowException(table, e);
        }
    }

    internal override async Task ExecuteManyAsync(IReadOnlyList<Statement> statements, CancellationToken ct)
    {
        foreach (var some in statements.Chunk(StatementsAtOnce))
        {
            await session.AskAsync(
                async (connection, token) =>
                {
                    await using var batch = new NpgsqlBatch(connection);
                    foreach (var statement in some)
                    {
                        var command = new NpgsqlBatchCommand(statement.Text);
                        Bind(command.Parameters, statement);
                        batch.BatchCommands.Add(command);
                    }

                    return await batch.ExecuteNonQueryAsync(token);
                },
                ct);
        }
    }

    private async Task<bool> ImportAsync(
        NpgsqlConnection connection, string names, IReadOnlyList<object?[]> rows, CancellationToken ct)
    {
        await using var copy = await connection.BeginBinaryImportAsync($"COPY copied ({names}) FROM STDIN (FORMAT BINARY)", ct);
        foreach (var row in rows)
        {
            GoOn();
            await copy.StartRowAsync(ct);
            foreach (var cell in row)
            {
                await (Statement.Normalize(cell) switch
                {
                    string text => copy.WriteAsync(text, NpgsqlDbType.Text, ct),
                    long number => copy.WriteAsync(number, NpgsqlDbType.Bigint, ct),
                    double number => copy.WriteAsync(number, NpgsqlDbType.Double, ct),
                    bool flag => copy.WriteAsync(flag, NpgsqlDbType.Boolean, ct),
                    Guid id => copy.WriteAsync(id, NpgsqlDbType.Uuid, ct),
                    byte[] bytes => copy.WriteAsync(bytes, NpgsqlDbType.Bytea, ct),
                    _ => copy.WriteNullAsync(ct),
                });
            }
        }

        await copy.CompleteAsync(ct);
        return true;
    }

    private async Task<bool> AppendAsync<T>(
        NpgsqlConnection connection, string statement, int columns, IReadOnlyList<T> rows, Action<RowWriter, T> write, CancellationToken ct)
    {
        await using var copy = await connection.BeginRawBinaryCopyAsync(statement, ct);
        try
        {
            var to = new PostgresRowWriter();
            for (var i = 0; i < rows.Count; i++)
            {
                GoOn(); // or the rows are their owner's again
                to.BeginRow(columns);
                write(to, rows[i]);
                if (to.Length > SendBytes)
                {
                    await copy.WriteAsync(to.Written, ct);
                    to.Clear();
                }
            }

            GoOn();
            to.End();
            await copy.WriteAsync(to.Written, ct);
        }
        catch
        {
            await copy.CancelAsync(); // or closing it would keep what was sent
            throw;
        }

        return true;
    }

    /// <summary>Between two steps of a statement.</summary>
    /// <exception cref="DatabaseAwayException">It was given up, and who asked has gone.</exception>
    private void GoOn()
    {
        if (session.IsLeft)
        {
            throw PostgresPulse.Away();
        }

        session.Progress();
    }

    private static Statement LockStatement(string name) => new("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [name]);

    private Task<int> RunAsync(Statement statement, bool patiently, CancellationToken ct) => session.AskAsync(
        async (connection, token) =>
        {
            await using var command = Command(connection, statement);
            return await command.ExecuteNonQueryAsync(token);
        },
        ct,
        patiently);

    private static NpgsqlCommand Command(NpgsqlConnection connection, Statement statement)
    {
        var command = new NpgsqlCommand(statement.Text, connection);
        Bind(command.Parameters, statement);
        return command;
    }

    private static void Bind(NpgsqlParameterCollection parameters, Statement statement)
    {
        foreach (var value in statement.Values)
        {
            parameters.Add(value switch
            {
                string text => new NpgsqlParameter<string> { TypedValue = text, NpgsqlDbType = NpgsqlDbType.Text },
                long number => new NpgsqlParameter<long> { TypedValue = number, NpgsqlDbType = NpgsqlDbType.Bigint },
                double number => new NpgsqlParameter<double> { TypedValue = number, NpgsqlDbType = NpgsqlDbType.Double },
                bool flag => new NpgsqlParameter<bool> { TypedValue = flag, NpgsqlDbType = NpgsqlDbType.Boolean },
                Guid id => new NpgsqlParameter<Guid> { TypedValue = id, NpgsqlDbType = NpgsqlDbType.Uuid },
                byte[] bytes => new NpgsqlParameter<byte[]> { TypedValue = bytes, NpgsqlDbType = NpgsqlDbType.Bytea },
                _ => new NpgsqlParameter { Value = DBNull.Value }, // the type comes from the column
            });
        }
    }

    private sealed class PostgresRow(NpgsqlDataReader reader) : Row
    {
        public override bool IsNull(int column) => reader.IsDBNull(column);

        public override string Text(int column) => reader.GetString(column);

        public override long Long(int column) => reader.GetInt64(column);

        public override bool Bool(int column) => reader.GetBoolean(column);

        public override double Double(int column) => reader.GetDouble(column);

        public override Guid Id(int column) => reader.GetGuid(column);

        public override byte[] Bytes(int column) => reader.GetFieldValue<byte[]>(column);
    }
}
