using System.Text.RegularExpressions;

namespace Gatehouse.Storage.Sqlite;

/// <summary>The open transaction of the writer's connection.</summary>
internal sealed partial class SqliteTransaction(SqliteSession session) : Transaction
{
    /// <summary>Transactions begin immediate: holding one is holding every lock.</summary>
    public override Task LockAsync(string name, CancellationToken ct) => Task.CompletedTask;

    public override Task LockSharedAsync(string name, CancellationToken ct) => Task.CompletedTask;

    internal override Task<int> ExecuteAsync(Statement statement, CancellationToken ct) =>
        Task.FromResult(session.Execute(statement, ct));

    internal override Task QueryAsync(Statement statement, Rows rows, CancellationToken ct)
    {
        session.Query(statement, rows, ct);
        return Task.CompletedTask;
    }

    internal override Task<int> CopyAsync(
        string table, IReadOnlyList<string> columns, IReadOnlyList<object?[]> rows, CancellationToken ct)
    {
        var holes = string.Join(", ", columns.Select((_, i) => $"${i + 1}"));
        var text = $"INSERT INTO {table} ({string.Join(", ", columns)}) VALUES ({holes}) ON CONFLICT DO NOTHING";
        return Task.FromResult(session.InsertMany(text, rows, ct));
    }

    internal override Task AppendAsync<T>(
        string table, IReadOnlyList<string> columns, IReadOnlyList<T> rows, Action<RowWriter, T> write, CancellationToken ct)
    {
        session.Append(table, columns, rows, write, ct);
        return Task.CompletedTask;
    }

    /// <summary>What stands between <c>/*sqlite:</c> and <c>*/</c> is for SQLite alone: PostgreSQL takes it for a comment.</summary>
    internal override Task RunScriptAsync(string script, CancellationToken ct) =>
        base.RunScriptAsync(ForSqlite().Replace(script, "$1"), ct);

    [GeneratedRegex(@"/\*sqlite:(.*?)\*/")]
    private static partial Regex ForSqlite();
}
