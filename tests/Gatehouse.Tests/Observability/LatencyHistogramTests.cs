using Gatehouse.Observability.Ledger;

namespace Gatehouse.Tests.Observability;

public class LatencyHistogramTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_percentile_is_within_five_percent_of_the_true_one(int seed)
    {
        var random = new Random(seed);
        var histogram = new LatencyHistogram();
        var values = new long[20_000];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (long)Math.Exp(random.NextDouble() * 20); // 1 µs to 8 minutes, evenly in the logarithm
            histogram.Add(values[i]);
        }

        Array.Sort(values);
        foreach (var share in (double[])[0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1])
        {
            var exact = values[(int)Math.Ceiling(values.Length * share) - 1];
            var estimate = histogram.Percentile(share)!.Value;
            Assert.True(Math.Abs(estimate - exact) <= Math.Max(1, exact * 0.05), $"p{share}: {estimate} for {exact}");
        }
    }

    [Fact]
    public void Small_durations_are_exact()
    {
        for (var micros = 0; micros < 10; micros++)
        {
            var histogram = new LatencyHistogram();
            histogram.Add(micros);
            Assert.Equal(micros, histogram.Percentile(0.5));
        }
    }

    [Fact]
    public void Histograms_add_up_and_survive_storage()
    {
        var random = new Random(7);
        var (whole, left, right) = (new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram());
        for (var i = 0; i < 5_000; i++)
        {
            var value = random.NextInt64(0, 5_000_000);
            whole.Add(value);
            (i % 3 == 0 ? left : right).Add(value);
        }

        var sum = new LatencyHistogram();
        sum.AddBytes(left.ToBytes());
        sum.AddBytes(right.ToBytes());

        Assert.Equal(5_000, sum.Count);
        Assert.Equal(whole.ToBytes(), sum.ToBytes());
        Assert.Equal(whole.Percentile(0.99), sum.Percentile(0.99));
    }

    [Fact]
    public void An_empty_histogram_has_no_percentiles()
    {
        Assert.Null(new LatencyHistogram().Percentile(0.5));
    }

    [Fact]
    public void Durations_beyond_the_last_bucket_and_below_zero_are_counted()
    {
        var histogram = new LatencyHistogram();
        histogram.Add(long.MaxValue);
        histogram.Add(-5);

        Assert.Equal(2, histogram.Count);
        Assert.Equal(0, histogram.Percentile(0.1));
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 2, 1, 1 })]
    [InlineData(new byte[] { 1, 0x80 })]
    [InlineData(new byte[] { 1, 0xFF, 0x7F, 1 })]
    public void Garbage_is_refused(byte[] stored)
    {
        Assert.Throws<FormatException>(() => new LatencyHistogram().AddBytes(stored));
    }

    [Fact]
    public void A_histogram_stored_by_the_first_version_still_loads()
    {
        var histogram = new LatencyHistogram();
        histogram.AddBytes([1, 5, 3, 10, 1]); // 3 × 5 µs, and one in the bucket ten further

        Assert.Equal(4, histogram.Count);
        Assert.Equal(5, histogram.Percentile(0.5));
        Assert.Equal(15, histogram.Percentile(1));
    }
}
