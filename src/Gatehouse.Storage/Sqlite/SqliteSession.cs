using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Gatehouse.Storage.Sqlite;

/// <summary>One connection with its prepared statements. Synchronous; used by one thread at a time.</summary>
internal sealed class SqliteSession : IDisposable
{
    private const int MaxPrepared = 200;
    private const int MaxAppenders = 16;

    /// <summary>
    /// Each statement opens its table and its indexes anew; more than these at a time gain nothing more.
    /// </summary>
    private const int RowsAtOnce = 32;

    /// <summary>Steps of SQLite's machine between two looks at the cancellation token.</summary>
    private const int StepsPerLook = 2_000;

    private readonly SqliteConnection _connection;
    private readonly Dictionary<string, SqliteCommand> _prepared = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Table, IReadOnlyList<string> Columns, int Rows), SqliteRowWriter> _appenders = [];
    private CancellationToken _current;
    private byte[] _text = new byte[1024];

    public SqliteSession(string path, bool writer)
    {
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWriteCreate,
            Pooling = false,
        }.ToString());
        _connection.Open();
        IsReadOnly = raw.sqlite3_db_readonly(_connection.Handle, "main") == 1;
        Run("PRAGMA busy_timeout=10000; PRAGMA foreign_keys=ON; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;");
        Run("PRAGMA cache_size=-2000;"); // KiB; what it leaves out is in the page cache of the system, and more was no faster
        // Checkpoints copy each page that changed once: rarer ones copy less. 4,000 pages are 16 MB.
        Run(writer
            ? "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=33554432;"
            : "PRAGMA query_only=ON;");

        // In place of sqlite3_interrupt from the token's callback, which is lost when it comes just before the statement starts.
        raw.sqlite3_progress_handler(_connection.Handle, StepsPerLook, _ => _current.IsCancellationRequested ? 1 : 0, null);
    }

    /// <summary>Whether a transaction is open: some errors end it.</summary>
    public bool InTransaction => raw.sqlite3_get_autocommit(_connection.Handle) == 0;

    /// <summary>Whether the file may be read and not written.</summary>
    public bool IsReadOnly { get; }

    public int Execute(Statement statement, CancellationToken ct) =>
        Guard(statement, static (command, _) => command.ExecuteNonQuery(), null, ct);

    /// <returns>How many rows there were.</returns>
    public int Query(Statement statement, Rows rows, CancellationToken ct) =>
        Guard(
            statement,
            static (command, rows) =>
            {
                using var reader = command.ExecuteReader();
                var row = new SqliteRow(reader);
                var count = 0;
                for (; reader.Read(); count++)
                {
                    rows!.Add(row);
                }

                return count;
            },
            rows,
            ct);

    /// <summary>Runs one statement for each row, past the driver's parameter objects: they cost more than the rows.</summary>
    /// <param name="text">With holes <c>$1</c>, <c>$2</c> … in the order of a row's values.</param>
    /// <returns>The number of rows changed.</returns>
    public int InsertMany(string text, IReadOnlyList<object?[]> rows, CancellationToken ct)
    {
        var connection = _connection.Handle!;
        Check(raw.sqlite3_prepare_v2(connection, text, out var statement));
        _current = ct;
        try
        {
            var before = raw.sqlite3_total_changes(connection);
            foreach (var row in rows)
            {
                ct.ThrowIfCancellationRequested();
                for (var i = 0; i < row.Length; i++)
                {
                    Check(Bind(statement, i + 1, Statement.Normalize(row[i])));
                }

                var stepped = raw.sqlite3_step(statement);
                var reset = raw.sqlite3_reset(statement); // repeats the error of the step
                if (stepped != raw.SQLITE_DONE)
                {
                    ct.ThrowIfCancellationRequested();
                    Check(reset);
                }
            }

            return raw.sqlite3_total_changes(connection) - before;
        }
        finally
        {
            _current = default;
            statement.Dispose();
        }
    }

    /// <inheritdoc cref="Transaction.AppendManyAsync"/>
    public void Append<T>(
        string table, IReadOnlyList<string> columns, IReadOnlyList<T> rows, Action<RowWriter, T> write, CancellationToken ct)
    {
        _current = ct;
        try
        {
            var done = 0;
            foreach (var atOnce in (ReadOnlySpan<int>)[RowsAtOnce, 1])
            {
                if (rows.Count - done < atOnce)
                {
                    continue;
                }

                var row = AppenderOf(table, columns, atOnce);
                while (rows.Count - done >= atOnce)
                {
                    row.Begin();
                    while (!row.IsFull)
                    {
                        write(row, rows[done++]);
                    }

                    var stepped = row.Step();
                    if (stepped != raw.SQLITE_DONE)
                    {
                        ct.ThrowIfCancellationRequested();
                        Check(stepped);
                    }
                }
            }
        }
        catch (SqliteException e) when (e.SqliteExtendedErrorCode is raw.SQLITE_CONSTRAINT_PRIMARYKEY or raw.SQLITE_CONSTRAINT_UNIQUE)
        {
            throw new DuplicateRowException(table, e);
        }
        finally
        {
            _current = default;
        }
    }

    private SqliteRowWriter AppenderOf(string table, IReadOnlyList<string> columns, int rows)
    {
        if (_appenders.TryGetValue((table, columns, rows), out var appender))
        {
            return appender;
        }

        if (_appenders.Count == MaxAppenders)
        {
            ForgetAppenders();
        }

        // FAIL: SQLite need not be able to take back one statement, for the transaction is over when one fails.
        var text = new StringBuilder($"INSERT OR FAIL INTO {table} (").AppendJoin(", ", columns).Append(") VALUES ");
        for (var i = 0; i < rows; i++)
        {
            text.Append(i == 0 ? "(" : ", (").AppendJoin(", ", Enumerable.Repeat("?", columns.Count)).Append(')');
        }

        Check(raw.sqlite3_prepare_v2(_connection.Handle!, text.ToString(), out var statement));
        appender = new SqliteRowWriter(statement, columns.Count, rows);
        _appenders.Add((table, columns, rows), appender);
        return appender;
    }

    /// <summary>Runs statements without parameters, not kept prepared.</summary>
    public void Run(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public void Dispose()
    {
        Forget();
        ForgetAppenders();
        _connection.Dispose();
    }

    private void Check(int result)
    {
        if (result != raw.SQLITE_OK)
        {
            SqliteException.ThrowExceptionForRC(result, _connection.Handle);
        }
    }

    /// <summary>SQLite keeps a copy of texts and bytes.</summary>
    private int Bind(sqlite3_stmt statement, int index, object? value) => value switch
    {
        null => raw.sqlite3_bind_null(statement, index),
        long number => raw.sqlite3_bind_int64(statement, index, number),
        bool flag => raw.sqlite3_bind_int64(statement, index, flag ? 1 : 0),
        double number => raw.sqlite3_bind_double(statement, index, number),
        string text => BindText(statement, index, text),
        byte[] bytes => raw.sqlite3_bind_blob(statement, index, bytes),
        Guid id => BindId(statement, index, id),
        _ => throw new ArgumentException($"A value of type {value.GetType().Name} cannot be stored; convert it first."),
    };

    private int BindText(sqlite3_stmt statement, int index, string text)
    {
        var most = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (_text.Length < most)
        {
            _text = new byte[most];
        }

        var length = Encoding.UTF8.GetBytes(text, _text);
        return length == 0 ? raw.sqlite3_bind_text(statement, index, "") : raw.sqlite3_bind_text(statement, index, _text.AsSpan(0, length));
    }

    /// <summary>Big-endian, so that ids sort here as PostgreSQL sorts them.</summary>
    private static int BindId(sqlite3_stmt statement, int index, Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return raw.sqlite3_bind_blob(statement, index, bytes);
    }

    private int Guard(Statement statement, Func<SqliteCommand, Rows?, int> run, Rows? rows, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        _current = ct;
        try
        {
            return run(Prepare(statement), rows);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == raw.SQLITE_INTERRUPT && ct.IsCancellationRequested)
        {
            throw new OperationCanceledException(ct);
        }
        finally
        {
            _current = default;
        }
    }

    private SqliteCommand Prepare(Statement statement)
    {
        if (!_prepared.TryGetValue(statement.Text, out var command))
        {
            if (_prepared.Count == MaxPrepared)
            {
                Forget();
            }

            command = _connection.CreateCommand();
            command.CommandText = statement.Text;
            for (var i = 1; i <= statement.Values.Length; i++)
            {
                command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
            }

            _prepared.Add(statement.Text, command);
        }

        for (var i = 0; i < statement.Values.Length; i++)
        {
            // Big-endian, so that ids sort here as PostgreSQL sorts them.
            command.Parameters[i].Value = statement.Values[i] is Guid id
                ? id.ToByteArray(bigEndian: true)
                : statement.Values[i] ?? DBNull.Value;
        }

        return command;
    }

    private void Forget()
    {
        foreach (var command in _prepared.Values)
        {
            command.Dispose();
        }

        _prepared.Clear();
    }

    private void ForgetAppenders()
    {
        foreach (var appender in _appenders.Values)
        {
            appender.Dispose();
        }

        _appenders.Clear();
    }

    private sealed class SqliteRow(SqliteDataReader reader) : Row
    {
        public override bool IsNull(int column) => reader.IsDBNull(column);

        public override string Text(int column) => reader.GetString(column);

        public override long Long(int column) => reader.GetInt64(column);

        public override bool Bool(int column) => reader.GetInt64(column) != 0;

        public override double Double(int column) => reader.GetDouble(column);

        public override Guid Id(int column) => new(Bytes(column), bigEndian: true);

        public override byte[] Bytes(int column) => reader.GetFieldValue<byte[]>(column);
    }
}
