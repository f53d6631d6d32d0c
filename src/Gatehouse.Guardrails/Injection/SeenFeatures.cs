using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gatehouse.Guardrails.Injection;

/// <summary>
/// The features that a text has had, as bits of their hashes: a feature counts once, however often a text says it. Forgets after some
/// thousands, so that a long text is not one where everything was said. One at a time on a thread.
/// </summary>
internal ref struct SeenFeatures
{
    private const int Words = 1 << 10;
    private const int Most = 4096;

    [ThreadStatic]
    private static ulong[]? _spare;

    private readonly Span<ulong> _bits;
    private int _count;

    private SeenFeatures(Span<ulong> bits) => _bits = bits;

    public static SeenFeatures Rent()
    {
        var bits = _spare ??= new ulong[Words];
        bits.AsSpan().Clear();
        return new SeenFeatures(bits);
    }

    /// <summary>Remembers a feature, without a branch.</summary>
    /// <returns>1 when it is new, else 0.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Add(uint hash)
    {
        // Ten bits choose the word and six the bit.
        ref var word = ref Unsafe.Add(ref MemoryMarshal.GetReference(_bits), (nint)(hash >> 22));
        var before = word;
        word = before | (1UL << (int)(hash >> 16));
        return ~(int)(before >> (int)(hash >> 16)) & 1;
    }

    /// <param name="features">How many new ones the sentence had.</param>
    public void EndSentence(int features)
    {
        _count += features;
        if (_count >= Most)
        {
            _bits.Clear();
            _count = 0;
        }
    }
}
