using Gatehouse.Contracts;

namespace Gatehouse.Console.Calls;

/// <summary>
/// A stretch of a call: <c>own</c> work of Gatehouse, <c>wait</c> for a provider, <c>stream</c> of its answer, or <c>bad</c>.
/// </summary>
public sealed record TimelineBar(string Kind, string Words, long StartMicros, long EndMicros);

/// <summary>One row of the picture of a call.</summary>
/// <param name="Micros">What the row took in all.</param>
public sealed record TimelineLane(string Name, string? Note, long Micros, IReadOnlyList<TimelineBar> Bars);

/// <summary>
/// The picture of a call: admission, what guards asked, each attempt, and the settlement, on one time axis in microseconds.
/// </summary>
public sealed record Timeline(long TotalMicros, IReadOnlyList<TimelineLane> Lanes)
{
    public static Timeline Of(CallDetail detail)
    {
        var call = detail.Call;
        var total = Math.Max(1, Math.Max(call.DurationMicros, detail.Attempts.Count == 0 ? 0 : detail.Attempts.Max(a => a.EndMicros)));
        var first = detail.Attempts.Count == 0 ? total : detail.Attempts[0].StartMicros;
        var lanes = new List<TimelineLane>
        {
            new("Admission", "key, body, route", first, [new("own", "Gatehouse admitted the call", 0, first)]),
        };

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
                lanes.Add(new(
                    "Settlement", "price, ledger, last bytes", total - end,
                    [new("own", "Gatehouse settled and wrote the ledger", end, total)]));
            }
        }

        return new(total, lanes);
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
