using FsCheck;
using FsCheck.Fluent;

namespace Gatehouse.Gateway.Tests.Wire;

/// <summary>Properties over random input; a failure names the seed that repeats it.</summary>
internal static class Seeds
{
    public static void ForAll(Action<Random> property) => Prop
        .ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed => property(new Random(seed)))
        .QuickCheckThrowOnFailure();
}
