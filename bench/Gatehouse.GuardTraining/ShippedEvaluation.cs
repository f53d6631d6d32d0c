using System.Diagnostics;
using System.Text.Json;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Injection;

namespace Gatehouse.GuardTraining;

/// <summary>
/// What the shipped table does with disguises and how fast it is. Not a measure of recall: it was trained on most other rows.
/// </summary>
internal static class ShippedEvaluation
{
    public static int Run(string data, bool misses)
    {
        var detector = new InjectionDetector();
        var input = new DetectionContext(DetectionSide.Input);
        var counts = new SortedDictionary<string, (int Hit, int Positive, int False, int Negative)>();
        foreach (var line in File.ReadLines(Path.Combine(data, "obfuscation.jsonl")))
        {
            using var row = JsonDocument.Parse(line);
            var text = row.RootElement.GetProperty("text").GetString()!;
            var positive = row.RootElement.GetProperty("label").GetInt32() == 1;
            var transform = row.RootElement.GetProperty("transform").GetString()!;
            using var findings = FindingList.Rent();
            detector.Find(text, input, findings);
            var flagged = findings.Count > 0;
            var c = counts.GetValueOrDefault(transform);
            counts[transform] = positive
                ? c with { Hit = c.Hit + (flagged ? 1 : 0), Positive = c.Positive + 1 }
                : c with { False = c.False + (flagged ? 1 : 0), Negative = c.Negative + 1 };
            if (misses && flagged != positive)
            {
                Console.WriteLine(
                    $"{(positive ? "MISS" : "FALSE")} {transform} {InjectionDetector.Score(text, input):0.00} {text[..Math.Min(text.Length, 150)].Replace('\n', ' ')} {string.Concat(Readings.Of(text).Select(r => $"| {r.Rule} {InjectionDetector.Score(r.Text, input):0.00} {r.Text}"))}");
            }
        }

        foreach (var (transform, c) in counts)
        {
            Console.WriteLine(
                $"{transform,-20} recall {(c.Positive == 0 ? 0 : c.Hit / (double)c.Positive):0.000}  FPR {c.False}/{c.Negative}");
        }

        Speed(detector,
            [.. LabelledText.ReadDirect(data).Where(r => !r.Positive && r.Text.All(char.IsAscii) && r.Row(detector)).Select(r => r.Text)],
            DetectionSide.Input);
        Speed(detector, [.. LabelledText.ReadIndirect(data).Where(r => !r.Positive && r.Text.All(char.IsAscii)).Select(r => r.Text)],
            DetectionSide.Retrieved);
        return 0;
    }

    private static bool Row(this LabelledText row, InjectionDetector detector)
    {
        using var findings = FindingList.Rent();
        detector.Find(row.Text, new DetectionContext(DetectionSide.Input), findings);
        return findings.Count == 0;
    }

    private static void Speed(InjectionDetector detector, List<string> texts, DetectionSide side)
    {
        var context = new DetectionContext(side);
        var best = double.MaxValue;
        long allocated = 0;
        var characters = texts.Sum(t => (long)t.Length);
        for (var round = 0; round < 12; round++)
        {
            using var findings = FindingList.Rent();
            var before = GC.GetAllocatedBytesForCurrentThread();
            var start = Stopwatch.GetTimestamp();
            foreach (var text in texts)
            {
                findings.Clear();
                detector.Find(text, context, findings);
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Console.WriteLine($"{side}: {texts.Count} texts, {best * 1024 / characters:0.0} us/KB, {allocated * 1024.0 / characters:0.0} B/KB");
    }
}
