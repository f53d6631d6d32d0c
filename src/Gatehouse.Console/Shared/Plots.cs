using Gatehouse.Contracts;

namespace Gatehouse.Console.Shared;

/// <summary>The time series that several pages show, drawn alike.</summary>
internal static class Plots
{
    /// <summary>Calls by how they ended. A bucket without a call is zero calls: the ledger is never sampled.</summary>
    public static Plot Outcomes(Traffic traffic, string door) => Plot.Of(
        traffic,
        "count",
        "bars",
        door,
        PlotSeries.Of(traffic, "answered", "1", s => s.Calls - s.Failed - s.Refused - s.Cancelled),
        PlotSeries.Of(traffic, "cancelled", "5", s => s.Cancelled),
        PlotSeries.Of(traffic, "refused", "3", s => s.Refused),
        PlotSeries.Of(traffic, "failed", "failing", s => s.Failed));

    public static Plot Cost(Traffic traffic, string door) =>
        Plot.Of(traffic, "usd", "bars", door, PlotSeries.Of(traffic, "cost", "2", s => s.Calls == 0 ? null : (double)s.CostUsd));

    public static Plot Latency(Traffic traffic, string door) => Plot.Of(
        traffic,
        "micros",
        "lines",
        door,
        PlotSeries.Of(traffic, "p50", "5", s => s.P50Micros),
        PlotSeries.Of(traffic, "p95", "1", s => s.P95Micros),
        PlotSeries.Of(traffic, "p99", "4", s => s.P99Micros));

    /// <summary>Failed calls of all calls; a gap where there was no call.</summary>
    public static Plot Errors(Traffic traffic, string door) => Plot.Of(
        traffic,
        "share",
        "lines",
        door,
        PlotSeries.Of(traffic, "failed", "failing", s => s.Calls == 0 ? null : 100.0 * s.Failed / s.Calls));
}

/// <summary>Sums in words, and sums before anything was read.</summary>
internal static class Sums
{
    public static readonly TrafficSum None = new(0, 0, 0, 0, 0, 0, 0, 0, null, null, null, null, null);

    /// <summary>
    /// "1,204 answered, 3 refused, 1 failed": every call is told by its ending, and endings that did not happen are left out but for
    /// failures.
    /// </summary>
    public static string Endings(TrafficSum sum)
    {
        var answered = sum.Calls - sum.Failed - sum.Refused - sum.Cancelled;
        var refused = sum.Refused > 0 ? $", {Figures.CountExact(sum.Refused)} refused" : "";
        var cancelled = sum.Cancelled > 0 ? $", {Figures.CountExact(sum.Cancelled)} cancelled" : "";
        return $"{Figures.Plural(answered, "call")} answered{refused}{cancelled}, {(sum.Failed == 0 ? "none" : Figures.CountExact(sum.Failed))} failed";
    }
}
