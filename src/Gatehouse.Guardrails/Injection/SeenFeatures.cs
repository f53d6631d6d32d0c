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

    /// <returns>1 when the feature is new, else 0.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Add(uint hash)
    {
        // Ten bits choose the word and six the bit.
        ref var word = ref Unsafe.Add(ref MemoryMarshal.GetReference(_bits), (nint)(hash >> 22));
        var bit = 1UL << (int)(hash >> 16);
        var isNew = (word & bit) == 0 ? 1 : 0;
        word |= bit;
        _count += isNew;
        return isNew;
    }

    public void EndSentence()
    {
        if (_count >= Most)
        {
            _bits.Clear();
            _count = 0;
        }
    }
}
