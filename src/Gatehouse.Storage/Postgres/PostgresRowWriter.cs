using System.Buffers.Binary;
using System.Text;

namespace Gatehouse.Storage.Postgres;

/// <summary>Rows as binary COPY takes them: for each cell its length (-1: null) and its bytes, all numbers big-endian.</summary>
internal sealed class PostgresRowWriter : RowWriter
{
    /// <summary>Behind the signature: no flags, no extension.</summary>
    private const int HeaderBytes = 19;

    private byte[] _buffer = new byte[64 << 10];

    public PostgresRowWriter()
    {
        ReadOnlySpan<byte> signature = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8];
        signature.CopyTo(_buffer);
        Length = HeaderBytes;
    }

    public int Length { get; private set; }

    /// <summary>What was written since <see cref="Clear"/>.</summary>
    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, Length);

    public void Clear() => Length = 0;

    public void BeginRow(int columns) => BinaryPrimitives.WriteInt16BigEndian(Take(2), (short)columns);

    public void End() => BinaryPrimitives.WriteInt16BigEndian(Take(2), -1);

    public override void Null() => Size(-1);

    public override void Long(long value)
    {
        Size(8);
        BinaryPrimitives.WriteInt64BigEndian(Take(8), value);
    }

    public override void Bool(bool value)
    {
        Size(1);
        Take(1)[0] = value ? (byte)1 : (byte)0;
    }

    public override void Text(string value)
    {
        var clean = Statement.Clean(value);
        var bytes = Encoding.UTF8.GetByteCount(clean);
        Size(bytes);
        Encoding.UTF8.GetBytes(clean, Take(bytes));
    }

    public override void Id(Guid value)
    {
        Size(16);
        value.TryWriteBytes(Take(16), bigEndian: true, out _);
    }

    public override void Bytes(ReadOnlySpan<byte> value)
    {
        Size(value.Length);
        value.CopyTo(Take(value.Length));
    }

    private void Size(int bytes) => BinaryPrimitives.WriteInt32BigEndian(Take(4), bytes);

    private Span<byte> Take(int bytes)
    {
        if (_buffer.Length - Length < bytes)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, Length + bytes));
        }

        Length += bytes;
        return _buffer.AsSpan(Length - bytes, bytes);
    }
}
