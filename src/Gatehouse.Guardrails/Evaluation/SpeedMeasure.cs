using System.Diagnostics;

namespace Gatehouse.Guardrails.Evaluation;

/// <summary>Measures what a detector costs for a kilobyte of text, in time and memory, on this thread.</summary>
public static class SpeedMeasure
{
    private const int Rounds = 8;
    private const int Batch = 8;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);


    /// <summary>
    /// Each batch of texts several times, its best time counts, after a round to warm up: what the detectors cost when the machine does
    /// nothing else.
    /// </summary>
    public static Figure Of(string set, string slice, IReadOnlyList<string> texts, IReadOnlyList<IDetector> detectors)
    {
        var all = texts.ToArray();
        var each = detectors.ToArray();
        var characters = Math.Max(1, all.Sum(t => (long)t.Length));
        var batches = (all.Length + Batch - 1) / Batch;
        var best = new double[batches];
        Array.Fill(best, double.MaxValue);
        var allocated = 0L;
        var warm = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(warm) < WarmUp)
        {
            _ = Run(all, each); // until the compiler is done with it
        }

        for (var round = 0; round < Rounds; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var batch = 0; batch < batches; batch++)
            {
                var micros = Run(all.AsSpan(batch * Batch, Math.Min(Batch, all.Length - (batch * Batch))), each);
                best[batch] = Math.Min(best[batch], micros);
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        return new Figure(set, slice, texts.Count)
        {
            MicrosPerKilobyte = best.Sum() * 1024 / characters,
            AllocatedPerKilobyte = (double)allocated * 1024 / characters,
        };
    }

    private static double Run(ReadOnlySpan<string> texts, IDetector[] detectors)
    {
        var started = Stopwatch.GetTimestamp();
        foreach (var text in texts)
        {
            using var findings = FindingList.Rent();
            foreach (var detector in detectors)
            {
                detector.Find(text, new DetectionContext(DetectionSide.Input), findings);
            }
        }

        return Stopwatch.GetElapsedTime(started).TotalMicroseconds;
    }
}
