using System.Numerics;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Resilience;

/// <summary>What a strategy may know of a call.</summary>
/// <param name="Model">The name that the client asked for.</param>
/// <param name="RequestBytes">Length of the body.</param>
/// <param name="MaxOutputTokens">As the client limits it, or <see langword="null"/>.</param>
internal readonly record struct CallShape(string Model, bool Streamed, int RequestBytes, long? MaxOutputTokens, PriceTable Prices);

/// <summary>A strategy. Stateless: what is measured belongs to the targets. Allocates nothing.</summary>
internal abstract class TargetPicker
{
    private static readonly WeightedPicker Weighted = new();
    private static readonly OrderedPicker Ordered = new();
    private static readonly LatencyPicker Latency = new();
    private static readonly CostPicker Cost = new();
    private static readonly BusyPicker Busy = new();

    public static TargetPicker Of(RoutingStrategy strategy) => strategy switch
    {
        RoutingStrategy.Weighted => Weighted,
        RoutingStrategy.Ordered => Ordered,
        RoutingStrategy.LowestLatency => Latency,
        RoutingStrategy.LowestCost => Cost,
        RoutingStrategy.LeastBusy => Busy,
        _ => throw new ArgumentOutOfRangeException(nameof(strategy), strategy, "No such strategy."),
    };

    /// <param name="set">At least one bit: the targets of one order that may be picked.</param>
    public abstract int Pick(IReadOnlyList<Target> targets, ulong set, in CallShape call, Chance chance);

    /// <summary>A draw by weight. Weight 0 means "only when nothing else is left": it can be reached only when all weights are 0.</summary>
    protected static int Draw(IReadOnlyList<Target> targets, ulong set, Chance chance)
    {
        if (BitOperations.IsPow2(set))
        {
            return BitOperations.TrailingZeroCount(set);
        }

        long weights = 0;
        for (var left = set; left != 0; left &= left - 1)
        {
            weights += targets[BitOperations.TrailingZeroCount(left)].Weight;
        }

        var drawn = weights > 0 ? (long)(chance.Next() * weights) : -1;
        for (var left = set; left != 0; left &= left - 1)
        {
            var index = BitOperations.TrailingZeroCount(left);
            drawn -= targets[index].Weight;
            if (drawn < 0)
            {
                return index;
            }
        }

        return BitOperations.TrailingZeroCount(set);
    }

    private sealed class WeightedPicker : TargetPicker
    {
        public override int Pick(IReadOnlyList<Target> targets, ulong set, in CallShape call, Chance chance) => Draw(targets, set, chance);
    }

    private sealed class OrderedPicker : TargetPicker
    {
        public override int Pick(IReadOnlyList<Target> targets, ulong set, in CallShape call, Chance chance) =>
            BitOperations.TrailingZeroCount(set);
    }

    private sealed class LatencyPicker : TargetPicker
    {
        /// <summary>
        /// Share of calls that go to a target by weight, whatever is known of it: a slow one that mended itself is found again.
        /// </summary>
        private const double Exploration = 0.05;

        public override int Pick(IReadOnlyList<Target> targets, ulong set, in CallShape call, Chance chance)
        {
            if (BitOperations.IsPow2(set) || chance.Next() < Exploration)
            {
                return Draw(targets, set, chance);
            }

            var (best, shortest, unknown) = (-1, double.MaxValue, 0UL);
            for (var left = set; left != 0; left &= left - 1)
            {
                var index = BitOperations.TrailingZeroCount(left);
                var load = targets[index].Load;
                if (load?.LatencyMicros(call.Streamed) is not { } micros)
                {
                    // One call finds out about an unknown target; a burst does not wait for it.
                    unknown |= load is null || load.InFlight == 0 ? 1UL << index : 0;
                }
                else if (micros < shortest)
                {
                    (best, shortest) = (index, micros);
                }
            }

            return unknown != 0 ? Draw(targets, unknown, chance) : best >= 0 ? best : Draw(targets, set, chance);
        }
    }

    private sealed class CostPicker : TargetPicker
    {
        /// <summary>What an answer is taken to be when the client sets no limit: only the ratio to the input matters.</summary>
        private const long UsualOutputTokens = 500;
        private const int BytesPerToken = 4;

        public override int Pick(IReadOnlyList<Target> targets, ulong set, in CallShape call, Chance chance)
        {
            var usage = new TokenUsage(
                call.RequestBytes / BytesPerToken, 0, 0, 0, Math.Min(call.MaxOutputTokens ?? UsualOutputTokens, 4 * UsualOutputTokens), 0);
            var (best, lowest) = (-1, long.MaxValue);
            for (var left = set; left != 0; left &= left - 1)
            {
                var index = BitOperations.TrailingZeroCount(left);
                var (provider, model) = (targets[index].Provider.Settings, targets[index].Model);
                if (call.Prices.TryFind(provider.Name, provider.Kind, model == Target.AnyModel ? call.Model : model, out var price)
                    && price.CostNanos(usage) is var cost && cost < lowest)
                {
                    (best, lowest) = (index, cost);
                }
            }

            return best >= 0 ? best : Draw(targets, set, chance);
        }
    }

    private sealed class BusyPicker : TargetPicker
    {
        public override int Pick(IReadOnlyList<Target> targets, ulong set, in CallShape call, Chance chance)
        {
            var (least, idle) = (double.MaxValue, 0UL);
            for (var left = set; left != 0; left &= left - 1)
            {
                var index = BitOperations.TrailingZeroCount(left);
                var target = targets[index];
                var busy = (target.Load?.InFlight ?? 0) / (double)target.Weight; // weight 0: infinite, or not a number when it is idle
                if (double.IsNaN(busy))
                {
                    busy = double.PositiveInfinity;
                }

                if (busy < least)
                {
                    (least, idle) = (busy, 0);
                }

                idle |= busy <= least ? 1UL << index : 0;
            }

            return Draw(targets, idle != 0 ? idle : set, chance);
        }
    }
}
