using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Resilience;

/// <summary>
/// The order in which one call tries the targets of its route: lower <see cref="Target.Order"/> first, and within one order as the
/// route's strategy picks, without replacement, so that a fallback never repeats a target. Allocates nothing.
/// </summary>
/// <param name="open">The targets that may be asked, a bit each.</param>
/// <param name="first">The one that is tried before all others, or -1.</param>
internal struct TargetOrder(Route route, ulong open, int first, CallShape call, Chance chance)
{
    /// <summary>Whether another target is left.</summary>
    public readonly bool HasMore => open != 0;

    public bool TryNext([NotNullWhen(true)] out Target? target)
    {
        target = null;
        if (open == 0)
        {
            return false;
        }

        var index = first >= 0 ? first : BitOperations.IsPow2(open) ? BitOperations.TrailingZeroCount(open)
            : route.Picker.Pick(route.Targets, Lowest(), call, chance);
        first = -1;
        open &= ~(1UL << index);
        target = route.Targets[index];
        return true;
    }

    /// <summary>Leaves one target out: somebody else asks it.</summary>
    public void Drop(Target target)
    {
        for (var left = open; left != 0; left &= left - 1)
        {
            var index = BitOperations.TrailingZeroCount(left);
            open &= ReferenceEquals(route.Targets[index], target) ? ~(1UL << index) : ulong.MaxValue;
        }
    }

    /// <summary>Passes over the targets that ask this model: what failed there for the request's sake fails again.</summary>
    /// <param name="model"><see langword="null"/>: passes over none.</param>
    public void PassOver(string? model)
    {
        for (var left = open; left != 0; left &= left - 1)
        {
            var index = BitOperations.TrailingZeroCount(left);
            open &= route.Targets[index].Model == model ? ~(1UL << index) : ulong.MaxValue;
        }
    }

    private readonly ulong Lowest()
    {
        var (order, set) = (int.MaxValue, 0UL);
        for (var left = open; left != 0; left &= left - 1)
        {
            var index = BitOperations.TrailingZeroCount(left);
            var of = route.Targets[index].Order;
            set = of < order ? 1UL << index : of == order ? set | (1UL << index) : set;
            order = Math.Min(order, of);
        }

        return set;
    }
}
