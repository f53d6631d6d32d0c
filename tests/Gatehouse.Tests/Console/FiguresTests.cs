using System.Globalization;
using Gatehouse.Console.Shared;

namespace Gatehouse.Tests.Console;

public class FiguresTests
{
    [Theory]
    [InlineData("0", "$0")]
    [InlineData("0.000412", "$0.000412")]
    [InlineData("0.0420", "$0.0420")]
    [InlineData("0.000000001", "$0.000000001")]
    [InlineData("0.5", "$0.500")]
    [InlineData("3.2", "$3.20")]
    [InlineData("120.4", "$120.40")]
    [InlineData("1204.4", "$1,204")]
    [InlineData("-3.2", "−$3.20")]
    public void Money_shows_the_digits_that_matter(string usd, string text) =>
        Assert.Equal(text, Figures.Money(decimal.Parse(usd, CultureInfo.InvariantCulture)));

    [Fact]
    public void Unknown_is_a_dash_and_never_a_zero()
    {
        Assert.Equal("–", Figures.Money(null));
        Assert.Equal("–", Figures.Count(null));
        Assert.Equal("–", Figures.Duration(null));
        Assert.Equal("–", Figures.Share(0, 0));
        Assert.Equal("price unknown", Figures.MoneyExact(null));
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(842, "842")]
    [InlineData(9_999, "9,999")]
    [InlineData(12_400, "12.4k")]
    [InlineData(312_400, "312k")]
    [InlineData(3_100_000, "3.1M")]
    [InlineData(4_000_000_000, "4.0B")]
    public void Big_counts_are_short(long count, string text) => Assert.Equal(text, Figures.Count(count));

    [Theory]
    [InlineData(0, "0 µs")]
    [InlineData(84, "84 µs")]
    [InlineData(4_200, "4.2 ms")]
    [InlineData(412_000, "412 ms")]
    [InlineData(999_600, "1.00 s")]
    [InlineData(1_240_000, "1.24 s")]
    [InlineData(42_000_000, "42.0 s")]
    [InlineData(200_000_000, "3 min 20 s")]
    public void Durations_have_their_unit(long micros, string text) => Assert.Equal(text, Figures.Duration(micros));

    [Theory]
    [InlineData(0, 10, "0 %")]
    [InlineData(1, 100_000, "< 0.01 %")]
    [InlineData(4, 10_000, "0.04 %")]
    [InlineData(31, 1000, "3.1 %")]
    [InlineData(42, 100, "42 %")]
    [InlineData(99_999, 100_000, "99.9 %")]
    [InlineData(10, 10, "100 %")]
    public void Only_all_reads_as_all_and_only_none_as_none(long part, long whole, string text) =>
        Assert.Equal(text, Figures.Share(part, whole));

    [Theory]
    [InlineData(0, "just now")]
    [InlineData(42, "42 s ago")]
    [InlineData(300, "5 min ago")]
    [InlineData(10_800, "3 h ago")]
    [InlineData(1_036_800, "12 days ago")]
    [InlineData(-1_036_800, "in 12 days")]
    public void Times_are_relative_to_now(int seconds, string text)
    {
        var now = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

        Assert.Equal(text, Figures.Ago(now.AddSeconds(-seconds), now));
    }
}
