using System.Diagnostics.CodeAnalysis;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Resilience;

/// <summary>
/// The order in which one call tries the targets of its route: lower <see cref="Target.Order"/> first, and within one order a weighted
/// draw without replacement, so that a fallback never repeats a target. A route of one target costs nothing.
/// </summary>
internal struct TargetOrder(IReadOnlyList<Target> targets, Chance chance)
{
    private bool[]? _tried;
    private int _given;

    public bool TryNext([NotNullWhen(true)] out Target? target)
    {
        target = null;
        if (_given == targets.Count)
        {
            return false;
        }

        _given++;
        if (targets.Count == 1)
        {
            target = targets[0];
            return true;
        }

        _tried ??= new bool[targets.Count];
        var index = Draw(_tried);
        _tried[index] = true;
        target = targets[index];
        return true;
    }

    private readonly int Draw(bool[] tried)
    {
        var order = int.MaxValue;
        long weights = 0;
        var first = -1;
        for (var i = 0; i < targets.Count; i++)
        {
            if (tried[i] || targets[i].Order > order || (first >= 0 && targets[i].Order == order))
            {
                weights += !tried[i] && targets[i].Order == order ? targets[i].Weight : 0;
                continue;
            }

            order = targets[i].Order;
            weights = targets[i].Weight;
            first = i;
        }

        // Weight 0 means "only when nothing else is left": the draw can reach it only when all weights of the group are 0.
        var drawn = weights > 0 ? (long)(chance.Next() * weights) : 0;
        for (var i = first; i < targets.Count; i++)
        {
            if (tried[i] || targets[i].Order != order)
            {
                continue;
            }

            drawn -= targets[i].Weight;
            if (drawn < 0 || weights == 0)
            {
                return i;
            }
        }

        return first;
    }
}
