using Gatehouse.Console.Frame;
using Gatehouse.Console.Shared;
using Gatehouse.Contracts;

namespace Gatehouse.Console.Guards;

/// <summary>Findings over time by what was done about them.</summary>
internal static class ActivityPlot
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private static readonly (string Name, string Colour, Func<GuardActivity, bool> Is)[] Series =
    [
        ("refused", "failing", a => IsDone(a) && a.Action == "block"),
        ("replaced", "1", a => IsDone(a) && a.Action is "redact" or "pseudonymise"),
        ("sent elsewhere or to a person", "3", a => IsDone(a) && a.Action is not ("block" or "redact" or "pseudonymise" or "flag")),
        ("recorded", "2", a => !a.Shadow && (a.Excepted || a.Action == "flag")),
        ("in shadow mode", "5", a => a.Shadow),
    ];

    /// <summary>Whether the rule did what it says, and not only count or record.</summary>
    public static bool IsDone(GuardActivity activity) => !activity.Shadow && !activity.Excepted;

    public static Plot Of(TimeRange range, IReadOnlyList<GuardActivity> activity, string door)
    {
        var step = range.To - range.From > TimeSpan.FromDays(7) ? Day : TimeSpan.FromHours(1);
        var seconds = (long)step.TotalSeconds;
        var starts = new List<long>();
        for (var at = range.From.ToUnixTimeSeconds() / seconds * seconds; at < range.To.ToUnixTimeSeconds(); at += seconds)
        {
            starts.Add(at);
        }

        return new Plot(
            "count", "bars", false, starts, seconds,
            [.. Series.Select(s => new PlotSeries(s.Name, s.Colour, Values(activity.Where(s.Is), starts, seconds)))], door);
    }

    private static List<double?> Values(IEnumerable<GuardActivity> activity, List<long> starts, long seconds)
    {
        var sums = activity.GroupBy(a => a.At.ToUnixTimeSeconds() / seconds * seconds)
            .ToDictionary(g => g.Key, g => g.Sum(a => a.Findings));
        return [.. starts.Select(at => (double?)sums.GetValueOrDefault(at))];
    }
}
