using Gatehouse.Contracts;
using Gatehouse.Observability.Calls;

namespace Gatehouse.Tests.Observability;

public class CallCostsTests
{
    [Fact]
    public void The_lines_add_up_to_the_cost_exactly()
    {
        var random = new Random(11);
        for (var i = 0; i < 2_000; i++)
        {
            var usage = new TokenUsage(
                random.Next(0, 100_000), random.Next(0, 3) * 7, random.Next(0, 2) * 13, random.Next(0, 2) * 3, random.Next(0, 9_999),
                random.Next(0, 50));
            var price = new Price(
                random.Next(1, 90) / 7e8m, random.Next(1, 90) / 3e8m, CacheRead: i % 2 == 0 ? null : random.Next(1, 9) / 11e8m)
            {
                Tiers = i % 3 == 0 ? [new PriceTier(50_000, new Price(1.23e-6m, 4.56e-6m))] : [],
            };

            var cost = price.CostNanos(usage);
            var lines = CallCosts.Lines(usage, price, cost, []);

            Assert.Equal(Nanos.ToUsd(cost), lines.Sum(line => line.Usd));
            Assert.Equal(usage.Total, lines.Sum(line => line.Tokens));
        }
    }

    [Fact]
    public void An_unknown_price_is_shown_as_unknown_and_never_as_zero()
    {
        var lines = CallCosts.Lines(new TokenUsage(10, 5, 0, 0, 3, 0), price: null, costNanos: null, []);

        Assert.Equal(["uncached_input", "cache_read", "output"], lines.Select(line => line.Bucket));
        Assert.All(lines, line => Assert.Null(line.Usd));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Several_billed_attempts_add_up_exactly_while_they_are_kept_and_after(bool kept)
    {
        var (first, second) = (new TokenUsage(1000, 0, 0, 0, 1, 0), new TokenUsage(1000, 0, 0, 0, 77, 3));
        var (cheap, dear) = (new Price(0.0000000012m, 0.0000000011m), new Price(0.0000000013m, 0.0000000017m));
        var (one, two) = (cheap.CostNanos(first), dear.CostNanos(second));
        CallAttempt[] attempts =
        [
            new("a", "cheap", 0, 1, 2, 3, 200, "upstream_overloaded", "busy", first, Nanos.ToUsd(one)),
            new("b", "dear", 3, 4, 5, 6, 200, null, null, second, Nanos.ToUsd(two)),
        ];

        var lines = CallCosts.Lines(first.Plus(second), dear, one + two, kept ? attempts : []);

        Assert.Equal(Nanos.ToUsd(one + two), lines.Sum(line => line.Usd));
        Assert.Equal(first.Plus(second).Total, lines.Sum(line => line.Tokens));
        Assert.Equal(kept ? "earlier_attempts" : "all_attempts", lines[^1].Bucket);
    }

    [Fact]
    public void Rounding_has_a_line_of_its_own()
    {
        var usage = new TokenUsage(1, 0, 0, 0, 1, 0);
        var price = new Price(0.0000000012m, 0.0000000011m);

        var lines = CallCosts.Lines(usage, price, price.CostNanos(usage), []);

        Assert.Equal(new CostLine("rounding", 0, null, -0.0000000003m), lines[^1]);
    }

    [Fact]
    public void No_usage_has_no_lines()
    {
        Assert.Empty(CallCosts.Lines(null, new Price(1, 1), null, []));
    }
}
