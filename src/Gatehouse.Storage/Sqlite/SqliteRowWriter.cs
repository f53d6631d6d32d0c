using System.Text;
using SQLitePCL;

namespace Gatehouse.Storage.Sqlite;

/// <summary>Binds the cells of a row to a prepared statement. What is bound stays so: a cell that is null again costs nothing.</summary>
internal sealed class SqliteRowWriter(sqlite3_stmt statement, int columns) : RowWriter
{
    private readonly bool[] _bound = new bool[columns + 1];
    private byte[] _text = new byte[256];
    private int _column;
    private int _result = raw.SQLITE_OK;

    /// <summary>Steps the statement with what was bound, and begins the next row.</summary>
    /// <returns>SQLite's result: <c>SQLITE_DONE</c> when the row is in.</returns>
    public int Step()
    {
        if (_column != columns || _result != raw.SQLITE_OK)
        {
            throw new InvalidOperationException($"A row of {columns} columns got {_column} cells (SQLite's result {_result}).");
        }

        _column = 0;
        var stepped = raw.sqlite3_step(statement);
        var reset = raw.sqlite3_reset(statement); // repeats the error of the step
        return stepped == raw.SQLITE_DONE ? stepped : reset;
    }

    public override void Null()
    {
        if (_bound[++_column])
        {
            _bound[_column] = false;
            _result |= raw.sqlite3_bind_null(statement, _column);
        }
    }

    public override void Long(long value) => _result |= raw.sqlite3_bind_int64(statement, Next(), value);

    public override void Bool(bool value) => Long(value ? 1 : 0);

    public override void Text(string value)
    {
        var clean = Statement.Clean(value);
        var most = Encoding.UTF8.GetMaxByteCount(clean.Length);
        if (_text.Length < most)
        {
            _text = new byte[most];
        }

        var length = Encoding.UTF8.GetBytes(clean, _text);
        _result |= length == 0
            ? raw.sqlite3_bind_text(statement, Next(), "") // an empty span would be NULL
            : raw.sqlite3_bind_text(statement, Next(), _text.AsSpan(0, length));
    }

    /// <summary>Big-endian, so that ids sort here as PostgreSQL sorts them.</summary>
    public override void Id(Guid value)
    {
        Span<byte> bytes = stackalloc byte[16];
        value.TryWriteBytes(bytes, bigEndian: true, out _);
        Bytes(bytes);
    }

    public override void Bytes(ReadOnlySpan<byte> value) =>
        _result |= value.IsEmpty ? raw.sqlite3_bind_zeroblob(statement, Next(), 0) : raw.sqlite3_bind_blob(statement, Next(), value);

    private int Next()
    {
        _bound[++_column] = true;
        return _column;
    }
}
