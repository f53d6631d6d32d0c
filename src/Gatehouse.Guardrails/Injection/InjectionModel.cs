using System.Buffers.Binary;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Gatehouse.Guardrails.Injection;

/// <summary>
/// The trained weights, from the embedded table injection.bin: two heads (what people write to a model, what stands in documents) over the
/// same hashed features, eight bits a weight, the two heads of a feature side by side. Made by bench/Gatehouse.GuardTraining.
/// </summary>
internal sealed class InjectionModel
{
    public const int TableBits = 18;

    private const int Version = 2;
    private const int HeaderFloats = 8;

    // Apart, because a text is read with one of them, and half of both stays in the cache.
    private readonly sbyte[] _direct = new sbyte[1 << TableBits];
    private readonly sbyte[] _indirect = new sbyte[1 << TableBits];
    private readonly float[] _shape;
    private readonly float[] _highestShapes;

    private InjectionModel(ReadOnlySpan<byte> file)
    {
        if (BinaryPrimitives.ReadInt32LittleEndian(file) != Version)
        {
            throw new InvalidOperationException("injection.bin is of another version: train the model again.");
        }

        var floats = MemoryMarshal.Cast<byte, float>(file.Slice(4, (HeaderFloats + ShapeFeatures.Count) * 4));
        Direct = new InjectionHead(floats[0], floats[1], floats[2], floats[3], InjectionHead.DirectPower);
        Indirect = new InjectionHead(floats[4], floats[5], floats[6], floats[7], InjectionHead.IndirectPower);
        _shape = floats[HeaderFloats..].ToArray();
        _highestShapes = [.. Enumerable.Range(0, ShapeFeatures.Groups).Select(group => ShapeFeatures.Highest(_shape, group))];
        file = file[(4 + ((HeaderFloats + ShapeFeatures.Count) * 4))..];
        Words = new Vocabulary(MemoryMarshal.Cast<byte, ulong>(file[..(Vocabulary.Bits / 8)]).ToArray());
        var pairs = MemoryMarshal.Cast<byte, sbyte>(file[(Vocabulary.Bits / 8)..]);
        for (var i = 0; i < _direct.Length; i++)
        {
            (_direct[i], _indirect[i]) = (pairs[i * 2], pairs[(i * 2) + 1]);
        }
    }

    public static InjectionModel Default { get; } = Load();

    public InjectionHead Direct { get; }

    public InjectionHead Indirect { get; }

    public Vocabulary Words { get; }

    /// <summary>The weights of each feature for what stands in documents, or for what people write.</summary>
    public ReadOnlySpan<sbyte> TableOf(bool untrusted) => untrusted ? _indirect : _direct;

    /// <summary>What <see cref="Shape"/> is at most, by what costs little to tell.</summary>
    public float HighestShape(in SignalCounts counts) => _highestShapes[ShapeFeatures.GroupOf(counts)];

    public float Shape(in SignalCounts counts)
    {
        Span<byte> active = stackalloc byte[ShapeFeatures.MaxActive];
        var sum = 0f;
        foreach (var bin in active[..ShapeFeatures.Of(counts, active)])
        {
            sum += _shape[bin];
        }

        return sum;
    }

    /// <summary>The file of trained weights.</summary>
    public static byte[] Write(
        InjectionHead direct, InjectionHead indirect, ReadOnlySpan<float> shape, Vocabulary words, ReadOnlySpan<sbyte> table)
    {
        using var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        writer.Write(Version);
        foreach (var head in new[] { direct, indirect })
        {
            writer.Write(head.Bias);
            writer.Write(head.Scale);
            writer.Write(head.Threshold);
            writer.Write(head.Slope);
        }

        writer.Write(MemoryMarshal.AsBytes(shape));
        writer.Write(MemoryMarshal.AsBytes(words.Words));
        writer.Write(MemoryMarshal.AsBytes(table));
        writer.Flush();
        return file.ToArray();
    }

    private static InjectionModel Load()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("injection.bin")
            ?? throw new InvalidOperationException("The assembly has no injection.bin: train the model.");
        var file = new byte[stream.Length];
        stream.ReadExactly(file);
        return new InjectionModel(file);
    }
}

/// <summary>One head: how sums of weights become a score from 0 to 1.</summary>
/// <param name="Scale">What one step of an eight-bit weight is worth.</param>
/// <param name="Threshold">The raw score where one in a hundred benign texts of the cross-validation lies; becomes 0.5.</param>
/// <param name="Slope">Steepness of the curve around the threshold.</param>
/// <param name="Power">The exponent of the number of features that the sum is divided by.</param>
internal readonly record struct InjectionHead(float Bias, float Scale, float Threshold, float Slope, float Power)
{
    public const float DirectPower = 0.35f;
    public const float IndirectPower = 0.5f;

    public float Raw(int sum, int features) =>
        Bias + (features == 0 ? 0 : sum * Scale / (Power == IndirectPower ? MathF.Sqrt(features) : MathF.Pow(features, Power)));

    /// <summary>No less than the raw score: a harmless text has a sum below zero, and is done with a square root.</summary>
    public float Most(int sum, int features) =>
        sum >= 0 || Power > IndirectPower ? float.PositiveInfinity : Bias + (sum * Scale / MathF.Sqrt(features));

    public float Calibrate(float raw) => 1 / (1 + MathF.Exp(-Slope * (raw - Threshold)));
}
