using System.Text.Json;
using System.Text.Json.Serialization;
using Gatehouse.Contracts;

namespace Gatehouse.Console.Shared;

/// <summary>A time series for the browser to draw: what charts.js reads.</summary>
/// <param name="Unit"><c>count</c>, <c>usd</c>, <c>micros</c> or <c>share</c>.</param>
/// <param name="Kind"><c>bars</c> (stacked) or <c>lines</c>.</param>
/// <param name="Log">A logarithmic value axis.</param>
/// <param name="Seconds">The start of each bucket, in Unix seconds.</param>
/// <param name="StepSeconds">The width of a bucket.</param>
/// <param name="Door">The address that a dragged range opens; the browser adds <c>from</c> and <c>to</c>.</param>
public sealed record Plot(
    string Unit, string Kind, bool Log, IReadOnlyList<long> Seconds, long StepSeconds, IReadOnlyList<PlotSeries> Series, string Door)
{
    public string ToJson() => JsonSerializer.Serialize(this, PlotJson.Default.Plot);

    public static Plot Of(Traffic traffic, string unit, string kind, string door, params PlotSeries[] series) => new(
        unit, kind, unit == "micros", [.. traffic.Points.Select(p => p.At.ToUnixTimeSeconds())], (long)traffic.Step.TotalSeconds, series,
        door);
}

/// <summary>One line or bar of a <see cref="Plot"/>.</summary>
/// <param name="Colour">The end of a variable's name: <c>1</c> to <c>6</c>, or <c>failing</c>.</param>
/// <param name="Values">A <see langword="null"/> is a gap.</param>
public sealed record PlotSeries(string Name, string Colour, IReadOnlyList<double?> Values)
{
    public static PlotSeries Of(Traffic traffic, string name, string colour, Func<TrafficSum, double?> value) =>
        new(name, colour, [.. traffic.Points.Select(p => value(p.Sum))]);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Plot))]
internal sealed partial class PlotJson : JsonSerializerContext;
