using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Gatehouse.Storage.Sqlite;

/// <summary>One connection with its prepared statements. Synchronous; used by one thread at a time.</summary>
internal sealed class SqliteSession : IDisposable
{
    private const int MaxPrepared = 200;

    /// <summary>Steps of SQLite's machine between two looks at the cancellation token.</summary>
    private const int StepsPerLook = 2_000;

    private readonly SqliteConnection _connection;
    private readonly Dictionary<string, SqliteCommand> _prepared = new(StringComparer.Ordinal);
    private CancellationToken _current;

    public SqliteSession(string path, bool writer)
    {
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWriteCreate,
            Pooling = false,
        }.ToString());
        _connection.Open();
        Run("PRAGMA busy_timeout=10000; PRAGMA foreign_keys=ON; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000;");
        Run(writer ? "PRAGMA journal_mode=WAL;" : "PRAGMA query_only=ON;");

        // In place of sqlite3_interrupt from the token's callback, which is lost when it comes just before the statement starts.
        raw.sqlite3_progress_handler(_connection.Handle, StepsPerLook, _ => _current.IsCancellationRequested ? 1 : 0, null);
    }

    /// <summary>Whether a transaction is open: some errors end it.</summary>
    public bool InTransaction => raw.sqlite3_get_autocommit(_connection.Handle) == 0;

    public int Execute(Statement statement, CancellationToken ct) =>
        Guard(statement, static (command, _) => command.ExecuteNonQuery(), 0, ct);

    public List<T> Query<T>(Statement statement, Func<Row, T> read, CancellationToken ct) =>
        Guard(
            statement,
            static (command, read) =>
            {
                using var reader = command.ExecuteReader();
                var row = new SqliteRow(reader);
                var rows = new List<T>();
                while (reader.Read())
                {
                    rows.Add(read(row));
                }

                return rows;
            },
            read,
            ct);

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
        _connection.Dispose();
    }

    private TResult Guard<TState, TResult>(
        Statement statement, Func<SqliteCommand, TState, TResult> run, TState state, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        _current = ct;
        try
        {
            return run(Prepare(statement), state);
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
            command.Parameters[i].Value = statement.Values[i] is Guid id ? id.ToByteArray(bigEndian: true) : statement.Values[i] ?? DBNull.Value;
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
