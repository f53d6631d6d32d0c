using System.Runtime.InteropServices;
using System.Text;
using SQLitePCL;

namespace Gatehouse.Storage.Sqlite;

/// <summary>
/// Binds the cells of rows to a prepared statement that takes one or several of them at a time. What is bound stays so: a cell that is
/// what it was in the same place before costs nothing.
/// </summary>
/// <param name="statement">Disposed with this.</param>
internal sealed unsafe class SqliteRowWriter(sqlite3_stmt statement, int columns, int rows) : RowWriter, IDisposable
{
    private readonly nint _statement = statement.DangerousGetHandle();
    private readonly Cell[] _cells = new Cell[columns * rows];
    private byte[] _text = new byte[256];
    private int _cell;
    private int _result = raw.SQLITE_OK;

    private enum CellKind : byte
    {
        Null,
        Number,
        Other,
    }

    /// <summary>Whether the rows that the statement takes are bound.</summary>
    public bool IsFull => _cell == _cells.Length;

    public void Begin() => (_cell, _result) = (0, raw.SQLITE_OK);

    /// <summary>Steps the statement with what was bound.</summary>
    /// <returns>SQLite's result: <c>SQLITE_DONE</c> when the rows are in.</returns>
    public int Step()
    {
        if (!IsFull || _result != raw.SQLITE_OK)
        {
            throw new InvalidOperationException($"{rows} rows of {columns} columns got {_cell} cells (SQLite's result {_result}).");
        }

        var stepped = raw.sqlite3_step(statement);
        var reset = raw.sqlite3_reset(statement); // repeats the error of the step
        return stepped == raw.SQLITE_DONE ? stepped : reset;
    }

    public override void Null()
    {
        ref var cell = ref _cells[_cell++];
        if (cell.Kind != CellKind.Null)
        {
            cell.Kind = CellKind.Null;
            _result |= SqliteBinding.Null(_statement, _cell);
        }
    }

    public override void Long(long value)
    {
        ref var cell = ref _cells[_cell++];
        if (cell.Kind != CellKind.Number || cell.Number != value)
        {
            (cell.Kind, cell.Number) = (CellKind.Number, value);
            _result |= SqliteBinding.Long(_statement, _cell, value);
        }
    }

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
        var bytes = stackalloc byte[16];
        value.TryWriteBytes(new Span<byte>(bytes, 16), bigEndian: true, out _);
        _result |= SqliteBinding.Bytes(_statement, Next(), bytes, 16, SqliteBinding.Copied);
    }

    public override void Bytes(ReadOnlySpan<byte> value) =>
        _result |= value.IsEmpty ? raw.sqlite3_bind_zeroblob(statement, Next(), 0) : raw.sqlite3_bind_blob(statement, Next(), value);

    public void Dispose() => statement.Dispose();

    private int Next()
    {
        _cells[_cell].Kind = CellKind.Other;
        return ++_cell;
    }

    private struct Cell
    {
        public CellKind Kind;
        public long Number;
    }
}

/// <summary>
/// The bindings that rows by the thousand are made of, past the driver's handles. They only copy some bytes, so the runtime need not be
/// told that its thread is away: the call itself would cost less than that.
/// </summary>
internal static unsafe partial class SqliteBinding
{
    public const nint Copied = -1; // SQLITE_TRANSIENT

    private const string Library = "libsqlite3.so.0"; // the one that SqliteLibrary has loaded

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_int64")]
    [SuppressGCTransition]
    public static partial int Long(nint statement, int index, long value);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_null")]
    [SuppressGCTransition]
    public static partial int Null(nint statement, int index);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_blob")]
    [SuppressGCTransition]
    public static partial int Bytes(nint statement, int index, byte* bytes, int count, nint release);
}
