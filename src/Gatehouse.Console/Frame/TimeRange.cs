using System.Globalization;
using Gatehouse.Console.Shared;
using Gatehouse.Observability;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Console.Frame;

/// <summary>The time that a page looks at: a preset that ends now, or two instants, from the address.</summary>
/// <param name="Key">The preset's name, or <see langword="null"/> for two instants.</param>
public sealed record TimeRange(string? Key, DateTimeOffset From, DateTimeOffset To)
{
    public const string Default = "24h";

    public static IReadOnlyList<(string Key, string Name, TimeSpan Span)> Presets { get; } =
    [
        ("1h", "last hour", TimeSpan.FromHours(1)),
        ("6h", "last 6 hours", TimeSpan.FromHours(6)),
        ("24h", "last 24 hours", TimeSpan.FromHours(24)),
        ("7d", "last 7 days", TimeSpan.FromDays(7)),
        ("30d", "last 30 days", TimeSpan.FromDays(30)),
    ];

    public TimeSpan Step => TrafficQueries.StepFor(From, To);

    /// <summary>"last 24 hours", or the two instants in UTC.</summary>
    public string Name => Key is { } key
        ? Presets.First(p => p.Key == key).Name
        : string.Create(CultureInfo.InvariantCulture, $"{From.UtcDateTime:yyyy-MM-dd HH:mm} – {To.UtcDateTime:yyyy-MM-dd HH:mm} UTC");

    /// <summary>"in the last 24 hours", or "between …".</summary>
    public string Within => Key is null ? "between " + Name.Replace(" – ", " and ", StringComparison.Ordinal) : "in the " + Name;

    public static TimeRange Of(IQueryCollection query, DateTimeOffset now)
    {
        if (Instant(query["from"]) is { } from && from < now)
        {
            var to = Instant(query["to"]) ?? now;
            return to > from ? new(null, from, to) : Preset(Default, now);
        }

        return Preset(query["range"].ToString(), now);
    }

    /// <summary>Adds what leads to the same range: the preset, or the instants.</summary>
    internal QueryText AddTo(QueryText query) => Key is { } key
        ? query.Set("range", key == Default ? null : key).Set("from", null).Set("to", null)
        : query.Set("range", null).Set("from", Figures.Iso(From)).Set("to", Figures.Iso(To));

    private static TimeRange Preset(string key, DateTimeOffset now)
    {
        var preset = Presets.FirstOrDefault(p => p.Key == key);
        if (preset.Key is null)
        {
            return Preset(Default, now);
        }

        // Days begin with a whole hour: nothing shorter is summed up that long ago, and calls would be added up one by one.
        var from = now - preset.Span;
        return new(preset.Key, preset.Span > TimeSpan.FromDays(1) ? from.AddTicks(-(from.UtcTicks % TimeSpan.TicksPerHour)) : from, now);
    }

    private static DateTimeOffset? Instant(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            ? at.ToUniversalTime()
            : null;
}
