using System.Numerics;
using System.Runtime.InteropServices;

namespace Gatehouse.Gateway.Caching;

/// <summary>The last user message of a request as a vector, and the shelf of those that it may be compared with.</summary>
internal sealed class Question
{
    private readonly float[] _unit;
    private readonly string _model;

    /// <param name="shelf">The key of everything else in the request, scope included.</param>
    /// <param name="model">That made the vector: those of different models say nothing to each other.</param>
    private Question(CacheKey shelf, string model, float[] unit) => (Shelf, _model, _unit) = (shelf, model, unit);

    public CacheKey Shelf { get; }

    public long Bytes => (_unit.Length * sizeof(float)) + 100;

    /// <returns><see langword="null"/> for a vector without a direction.</returns>
    public static Question? Of(in CacheKey shelf, string model, float[] vector)
    {
        var length = MathF.Sqrt(Dot(vector, vector));
        return length > 0 && float.IsFinite(length) ? new Question(shelf, model, Array.ConvertAll(vector, v => v / length)) : null;
    }

    /// <returns>The cosine of the angle between the two; 0 when they cannot be compared.</returns>
    public float Similarity(Question other) =>
        other._model == _model && other._unit.Length == _unit.Length && other.Shelf == Shelf ? Dot(_unit, other._unit) : 0;

    /// <summary>
    /// Four accumulators of a register's width each, so that an addition need not wait for the one before; then the rest, one by one.
    /// </summary>
    internal static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var wide = MemoryMarshal.Cast<float, Vector<float>>(a);
        var other = MemoryMarshal.Cast<float, Vector<float>>(b[..a.Length]);
        Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
        var i = 0;
        for (; i <= wide.Length - 4; i += 4)
        {
            s0 += wide[i] * other[i];
            s1 += wide[i + 1] * other[i + 1];
            s2 += wide[i + 2] * other[i + 2];
            s3 += wide[i + 3] * other[i + 3];
        }

        for (; i < wide.Length; i++)
        {
            s0 += wide[i] * other[i];
        }

        var rest = wide.Length * Vector<float>.Count;
        return Vector.Sum(s0 + s1 + s2 + s3) + DotScalar(a[rest..], b[rest..]);
    }

    /// <summary>The same, one by one.</summary>
    internal static float DotScalar(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var sum = 0f;
        for (var i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }
}
