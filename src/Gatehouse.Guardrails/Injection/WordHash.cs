using System.Runtime.CompilerServices;

namespace Gatehouse.Guardrails.Injection;

/// <summary>The hashes that the model's table was trained with: changing one of them means training again.</summary>
internal static class WordHash
{
    public const uint Seed = 2166136261;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Next(uint state, uint c) => (state ^ c) * 16777619;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Word(uint state) => Mix(state ^ 0x5bd1e995);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Stem(uint state) => Mix(state ^ 0x27220a95);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Ideographs(uint state) => Mix(state ^ 0x165667b1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Pair(uint last, uint previous) => Mix((last * 0x9e3779b1) + previous);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Triple(uint last, uint previous, uint beforePrevious) =>
        Mix((((last * 0x85ebca6b) + previous) * 0xc2b2ae35) + beforePrevious);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Mix(uint h)
    {
        h ^= h >> 15;
        h *= 0x2c1b3c6d;
        return h ^ (h >> 13);
    }
}
