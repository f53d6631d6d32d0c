using System.Buffers.Binary;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Pii.Names;

/// <summary>
/// Weights of an averaged perceptron: for each hashed feature one signed byte per tag, sixteen lanes wide, so that a feature costs one load
/// and two adds. The file is a header of eight bytes (log2 of the buckets, scale in thousandths) and the weights.
/// </summary>
internal sealed class NameModel
{
    public const int Lanes = 16;
    private const int HeaderBytes = 8;

    private static readonly Lazy<NameModel> Instance = new(Load);

    private readonly sbyte[] _weights;
    private readonly int _from; // of the first bucket in them
    private readonly uint _mask;

    public NameModel(ReadOnlySpan<sbyte> weights, uint mask, float scale)
    {
        _weights = CacheLines.Table<sbyte>(weights.Length, out _from);
        weights.CopyTo(_weights.AsSpan(_from));
        (_mask, Scale) = (mask, scale);
    }

    public static NameModel Shared => Instance.Value;

    /// <summary>A margin of this many units is one unit of the trained perceptron.</summary>
    public float Scale { get; }

    public static NameModel Read(ReadOnlySpan<byte> file)
    {
        var bits = BinaryPrimitives.ReadInt32LittleEndian(file);
        var scale = BinaryPrimitives.ReadInt32LittleEndian(file[4..]) / 1000f;
        var weights = MemoryMarshal.Cast<byte, sbyte>(file[HeaderBytes..]);
        if (weights.Length != (1 << bits) * Lanes)
        {
            throw new InvalidDataException("The name model is cut short.");
        }

        return new(weights, (1u << bits) - 1, scale);
    }

    public static void Write(Stream to, int bits, float scale, ReadOnlySpan<sbyte> weights)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        BinaryPrimitives.WriteInt32LittleEndian(header, bits);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], (int)(scale * 1000));
        to.Write(header);
        to.Write(MemoryMarshal.Cast<sbyte, byte>(weights));
    }

    /// <summary>Sums the weights of the features: two vectors of eight tags each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Sum(ReadOnlySpan<uint> features, Span<short> scores)
    {
        var low = Vector128<short>.Zero;
        var high = Vector128<short>.Zero;
        ref var weights = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_weights), _from);
        foreach (var feature in features)
        {
            var lanes = Vector128.LoadUnsafe(ref weights, (feature & _mask) * Lanes);
            low += Vector128.WidenLower(lanes);
            high += Vector128.WidenUpper(lanes);
        }

        low.CopyTo(scores);
        high.CopyTo(scores[8..]);
    }

    private static NameModel Load()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("names.bin")
            ?? throw new InvalidOperationException("The name model is missing from the assembly.");
        var file = new byte[stream.Length];
        stream.ReadExactly(file);
        return Read(file);
    }
}
