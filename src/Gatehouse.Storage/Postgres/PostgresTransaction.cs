using Npgsql;
using NpgsqlTypes;

namespace Gatehouse.Storage.Postgres;

/// <summary>Statements on one connection, whether or not a transaction is open on it.</summary>
internal sealed class PostgresTransaction(NpgsqlConnection connection) : Transaction
{
    private const int FewRows = 20;
    private const int SendBytes = 48 << 10;
    private const int StatementsAtOnce = 500;

    public override Task LockAsync(string name, CancellationToken ct) =>
        ExecuteAsync(LockStatement(name), ct);

    internal override Task LockPatientlyAsync(string name, CancellationToken ct) => RunAsync(LockStatement(name), ct);

    internal override Task RunScriptAsync(string script, CancellationToken ct) => RunAsync(new Statement(script, []), ct);

    public override Task LockSharedAsync(string name, CancellationToken ct) =>
        ExecuteAsync(new Statement("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))", [name]), ct);

    internal override async Task<int> ExecuteAsync(Statement statement, CancellationToken ct)
    {
        await using var command = Command(statement);
        return await command.ExecuteNonQueryAsync(ct);
    }

    internal override async Task<List<T>> QueryAsync<T>(Statement statement, Func<Row, T> read, CancellationToken ct)
    {
        await using var command = Command(statement);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var row = new PostgresRow(reader);
        var rows = new List<T>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(read(row));
        }

        return rows;
    }

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
        await using (var copy = await connection.BeginBinaryImportAsync($"COPY copied ({names}) FROM STDIN (FORMAT BINARY)", ct))
        {
            foreach (var row in rows)
            {
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
        }

        var added = await ExecuteAsync(
            new Statement($"INSERT INTO {table} ({names}) SELECT {names} FROM copied ON CONFLICT DO NOTHING", []), ct);
        await ExecuteAsync(new Statement("DROP TABLE copied", []), ct);
        return added;
    }

    internal override async Task AppendAsync<T>(
        string table, IReadOnlyList<string> columns, IReadOnlyList<T> rows, Action<RowWriter, T> write, CancellationToken ct)
    {
        try
        {
            await using var copy = await connection.BeginRawBinaryCopyAsync(
                $"COPY {table} ({string.Join(", ", columns)}) FROM STDIN (FORMAT BINARY)", ct);
            try
            {
                var to = new PostgresRowWriter();
                for (var i = 0; i < rows.Count; i++)
                {
                    to.BeginRow(columns.Count);
                    write(to, rows[i]);
                    if (to.Length > SendBytes)
                    {
                        await copy.WriteAsync(to.Written, ct);
                        to.Clear();
                    }
                }

                to.End();
                await copy.WriteAsync(to.Written, ct);
            }
            catch
            {
                await copy.CancelAsync(); // or closing it would keep what was sent
                throw;
            }
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
            await using var batch = new NpgsqlBatch(connection);
            foreach (var statement in some)
            {
                var command = new NpgsqlBatchCommand(statement.Text);
                Bind(command.Parameters, statement);
                batch.BatchCommands.Add(command);
            }

            await batch.ExecuteNonQueryAsync(ct);
        }
    }

    private static Statement LockStatement(string name) => new("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [name]);

    /// <summary>Of a migration: an index over a ledger of years takes longer than the driver waits for an answer.</summary>
    private async Task RunAsync(Statement statement, CancellationToken ct)
    {
        await using var command = Command(statement);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(ct);
    }

    private NpgsqlCommand Command(Statement statement)
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
