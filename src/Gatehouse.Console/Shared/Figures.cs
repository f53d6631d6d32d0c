using System.Globalization;
using Gatehouse.Contracts;

namespace Gatehouse.Console.Shared;

/// <summary>How numbers read in the console: the digits that matter, with a unit. Unknown is a dash, never a zero.</summary>
internal static class Figures
{
    public const string Missing = "–";

    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;

    /// <summary>$0.000412, $0.0420, $3.20, $120.40, $1,204.</summary>
    public static string Money(decimal? usd)
    {
        if (usd is not { } value)
        {
            return Missing;
        }

        var size = Math.Abs(value);
        var digits = size switch
        {
            0 => "$0",
            >= 1000 => "$" + size.ToString("#,0", Culture),
            >= 1 => "$" + size.ToString("0.00", Culture),
            _ => "$" + size.ToString("0." + new string('0', Math.Min(9, LeadingZeros(size) + 3)), Culture),
        };
        return value < 0 ? "−" + digits : digits;
    }

    /// <summary>Every digit that is kept, for the hover: $0.000412500.</summary>
    public static string MoneyExact(decimal? usd) =>
        usd is { } value ? value.ToString("$#,0.#########", Culture) + " (US dollars)" : "price unknown";

    /// <summary>842, 12.4k, 3.1M.</summary>
    public static string Count(long? count) => count switch
    {
        null => Missing,
        < 0 => "−" + Count(-count),
        < 10_000 => count.Value.ToString("#,0", Culture),
        < 1_000_000 => Short(count.Value / 1e3) + "k",
        < 1_000_000_000 => Short(count.Value / 1e6) + "M",
        _ => Short(count.Value / 1e9) + "B",
    };

    public static string CountExact(long? count) => count?.ToString("#,0", Culture) ?? "unknown";

    /// <summary>84 µs, 4.2 ms, 412 ms, 1.24 s, 3 min 20 s.</summary>
    public static string Duration(long? micros) => micros switch
    {
        null => Missing,
        < 1_000 => $"{micros} µs",
        < 10_000 => (micros.Value / 1e3).ToString("0.0", Culture) + " ms",
        < 999_500 => (micros.Value / 1e3).ToString("0", Culture) + " ms",
        < 10_000_000 => (micros.Value / 1e6).ToString("0.00", Culture) + " s",
        < 100_000_000 => (micros.Value / 1e6).ToString("0.0", Culture) + " s",
        _ => Minutes(micros.Value / 1_000_000),
    };

    public static string DurationExact(long? micros) =>
        micros is { } value ? value.ToString("#,0", Culture) + " µs" : "not measured";

    /// <summary>0 %, 0.04 %, 3.1 %, 42 %; the part that is not there yet is missing, not zero.</summary>
    public static string Share(double part, double whole)
    {
        if (whole == 0)
        {
            return Missing;
        }

        var percent = 100 * part / whole;
        return percent switch
        {
            0 => "0 %",
            < 0.01 => "< 0.01 %",
            < 1 => percent.ToString("0.00", Culture) + " %",
            // 99.96 % answered must not read as 100 %.
            < 10 or (> 90 and < 100) => (Math.Floor(percent * 10) / 10).ToString("0.0", Culture) + " %",
            _ => percent.ToString("0", Culture) + " %",
        };
    }

    /// <summary>just now, 42 s ago, 5 min ago, 3 h ago, 12 days ago; the future reads "in 12 days".</summary>
    public static string Ago(DateTimeOffset at, DateTimeOffset now)
    {
        var age = now - at;
        return age < TimeSpan.Zero ? "in " + Span(-age) : age < TimeSpan.FromSeconds(5) ? "just now" : Span(age) + " ago";
    }

    public static string Exact(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff 'UTC'", Culture);

    public static string Iso(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", Culture);

    /// <summary>"1 call", "1,204 calls".</summary>
    public static string Plural(long count, string one, string? many = null) =>
        count.ToString("#,0", Culture) + " " + (count == 1 ? one : many ?? one + "s");

    public static string Word(SystemEnvironment environment) => environment.ToString().ToLowerInvariant();

    public static string Word(CallOutcome outcome) => outcome.ToString().ToLowerInvariant();

    /// <summary>A number for an SVG attribute.</summary>
    public static string Svg(double value) => value.ToString("0.###", Culture);

    private static string Span(TimeSpan span) => span switch
    {
        { TotalSeconds: < 60 } => $"{(int)span.TotalSeconds} s",
        { TotalMinutes: < 60 } => $"{(int)span.TotalMinutes} min",
        { TotalHours: < 48 } => $"{(int)span.TotalHours} h",
        _ => $"{(int)span.TotalDays} days",
    };

    private static string Minutes(long seconds) => seconds % 60 == 0 ? $"{seconds / 60} min" : $"{seconds / 60} min {seconds % 60} s";

    private static string Short(double value) => value < 99.95 ? value.ToString("0.0", Culture) : value.ToString("0", Culture);

    private static int LeadingZeros(decimal size)
    {
        var zeros = 0;
        for (var rest = size * 10; rest < 1 && zeros < 8; rest *= 10)
        {
            zeros++;
        }

        return zeros;
    }
}
