namespace Gatehouse.Storage.Sqlite;

/// <summary>The open transaction of the writer's connection.</summary>
internal sealed class SqliteTransaction(SqliteSession session) : Transaction
{
    /// <summary>Transactions begin immediate: holding one is holding every lock.</summary>
    public override Task LockAsync(string name, CancellationToken ct) => Task.CompletedTask;

    internal override Task<int> ExecuteAsync(Statement statement, CancellationToken ct) =>
        Task.FromResult(session.Execute(statement, ct));

    internal override Task<List<T>> QueryAsync<T>(Statement statement, Func<Row, T> read, CancellationToken ct) =>
        Task.FromResult(session.Query(statement, read, ct));

    internal override Task<int> CopyAsync(
        string table, IReadOnlyList<string> columns, IReadOnlyList<object?[]> rows, CancellationToken ct)
    {
        var holes = string.Join(", ", columns.Select((_, i) => $"${i + 1}"));
        var text = $"INSERT INTO {table} ({string.Join(", ", columns)}) VALUES ({holes}) ON CONFLICT DO NOTHING";
        return Task.FromResult(session.InsertMany(text, rows, ct));
    }
}
