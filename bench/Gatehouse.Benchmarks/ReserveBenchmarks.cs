using BenchmarkDotNet.Attributes;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Limits;

namespace Gatehouse.Benchmarks;

/// <summary>One budget and what a call does to it: it takes its worst case, and settles with its cost.</summary>
[MemoryDiagnoser]
public class ReserveBenchmarks
{
    private readonly AllowanceWindow _window = Granted();

    [Benchmark]
    public void ReserveAndSettle()
    {
        if (_window.TryTake(1_000))
        {
            _window.Settle(1_000, 0);
        }
    }

    private static AllowanceWindow Granted()
    {
        var rule = new LimitRule(
            Guid.Empty, "r", new CallScope(null), Measure.Money, LimitPeriod.Total, long.MaxValue / 4, true, UnknownPrice.Refuse);
        var window = new AllowanceBook(TimeProvider.System).Find(rule, "").Current(TimeProvider.System.GetUtcNow());
        window.Grant(long.MaxValue / 8, 0, 0);
        return window;
    }
}
