using Gatehouse.Contracts;

namespace Gatehouse.Console.Calls;

/// <summary>
/// A stretch of a call: <c>own</c> work of Gatehouse, <c>wait</c> for a provider or a person, <c>stream</c> of an answer, or <c>bad</c>.
/// </summary>
public sealed record TimelineBar(string Kind, string Words, long StartMicros, long EndMicros);

/// <summary>One row of the picture of a call.</summary>
/// <param name="Micros">What the row took in all.</param>
public sealed record TimelineLane(string Name, string? Note, long Micros, IReadOnlyList<TimelineBar> Bars);

/// <summary>
/// The picture of a call: admission, what guards asked, people who were waited for, each attempt, and the settlement, on one time axis in
/// microseconds.
/// </summary>
public sealed record Timeline(long TotalMicros, IReadOnlyList<TimelineLane> Lanes)
{
    /// <param name="reviews">Those of the call.</param>
    public static Timeline Of(CallDetail detail, IReadOnlyList<Review> reviews)
    {
        var call = detail.Call;
        var total = Math.Max(1, Math.Max(call.DurationMicros, detail.Attempts.Count == 0 ? 0 : detail.Attempts.Max(a => a.EndMicros)));
        var first = detail.Attempts.Count == 0 ? total : detail.Attempts[0].StartMicros;
        var holds = Holds(call, reviews, total);
        var lanes = new List<TimelineLane> { Own("Admission", "key, body, route", "Gatehouse admitted the call", 0, first, holds) };
        foreach (var (review, start, end) in holds)
        {
            lanes.Add(new($"Review {review.Rule}", review.Person, end - start, [new("wait", "waited for a person", start, end)]));
        }

        foreach (var asked in detail.GuardQuestions)
        {
            var end = asked.StartMicros + asked.Micros;
            total = Math.Max(total, end);
            lanes.Add(new(
                $"Guard {asked.Rule}", asked.To, asked.Micros,
                [asked.Outcome == "failed"
                    ? new("bad", $"no verdict, {asked.Said}", asked.StartMicros, end)
                    : new("wait", $"waited for the verdict on {asked.Side.Replace('_', ' ')}", asked.StartMicros, end)]));
        }

        for (var i = 0; i < detail.Attempts.Count; i++)
        {
            lanes.Add(Lane(detail.Attempts[i], i, detail.Attempts.Count));
        }

        if (detail.Attempts.Count > 0)
        {
            var end = detail.Attempts[^1].EndMicros;
            if (total > end)
            {
                lanes.Add(Own("Settlement", "price, ledger, last bytes", "Gatehouse settled and wrote the ledger", end, total, holds));
            }
        }

        return new(total, lanes);
    }

    private static long Micros(TimeSpan sinceStart, long total) =>
        Math.Clamp(sinceStart.Ticks / TimeSpan.TicksPerMicrosecond, 0, total);

    /// <summary>When the call waited for a person.</summary>
    private static List<(Review Review, long Start, long End)> Holds(CallSummary call, IReadOnlyList<Review> reviews, long total) =>
    [
        .. reviews.Where(r => r.Holds && r.EndedAt is not null)
            .Select(r => (
                Review: r, Start: Micros(r.AskedAt - call.StartedAt, total), End: Micros(r.EndedAt!.Value - call.StartedAt, total)))
            .Where(h => h.Start < h.End).OrderBy(h => h.Start),
    ];

    /// <summary>What of a stretch is Gatehouse's own work, and nobody's time to think.</summary>
    private static TimelineLane Own(
        string name, string note, string words, long start, long end, List<(Review Review, long Start, long End)> holds)
    {
        var bars = new List<TimelineBar>();
        foreach (var (_, from, to) in holds.Where(h => h.Start < end && h.End > start))
        {
            if (from > start)
            {
                bars.Add(new("own", words, start, from));
            }

            start = Math.Min(end, to);
        }

        if (start < end || bars.Count == 0)
        {
            bars.Add(new("own", words, start, end));
        }

        return new(name, note, bars.Sum(b => b.EndMicros - b.StartMicros), bars);
    }

    private static TimelineLane Lane(CallAttempt attempt, int index, int count)
    {
        var name = count == 1 ? $"{attempt.Provider}" : $"{index + 1}. {attempt.Provider}";
        var bars = new List<TimelineBar>();
        if (attempt.Error is not null || attempt.ErrorCode is not null)
        {
            bars.Add(new("bad", attempt.ErrorCode ?? "failed", attempt.StartMicros, attempt.EndMicros));
        }
        else
        {
            var firstByte = attempt.FirstByteMicros ?? attempt.HeadersMicros ?? attempt.EndMicros;
            bars.Add(new("wait", "waited for the first byte", attempt.StartMicros, firstByte));
            bars.Add(new("stream", "the answer came", firstByte, attempt.EndMicros));
        }

        return new(name, attempt.Model, attempt.EndMicros - attempt.StartMicros, bars);
    }
}
