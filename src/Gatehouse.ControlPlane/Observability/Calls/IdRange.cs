using System.Buffers.Binary;

namespace Gatehouse.Observability.Calls;

/// <summary>
/// Ids from one to another, both included, in the order of time. A query gets one lower and one upper bound: of two, SQLite goes by the
/// first and reads all that the second leaves out.
/// </summary>
internal readonly record struct IdRange(UInt128 From, UInt128 To)
{
    public static readonly IdRange All = new(UInt128.MinValue, UInt128.MaxValue);

    public static IdRange Between(Guid from, Guid to) => new(Number(from), Number(to));

    public bool IsEmpty => From > To;

    public Guid First => Id(From);

    public Guid Last => Id(To);

    public IdRange Intersect(IdRange other) => new(UInt128.Max(From, other.From), UInt128.Min(To, other.To));

    /// <param name="id">Itself left out; <see langword="null"/> leaves out nothing.</param>
    public IdRange After(Guid? id) => id is { } last ? Intersect(new IdRange(Number(last) + 1, UInt128.MaxValue)) : this;

    /// <inheritdoc cref="After"/>
    public IdRange Before(Guid? id) => id is { } first ? Intersect(new IdRange(0, Number(first) - 1)) : this;

    private static UInt128 Number(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    private static Guid Id(UInt128 number)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, number);
        return new Guid(bytes, bigEndian: true);
    }
}
