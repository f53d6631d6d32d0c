using System.Text.Json;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Content;
using Gatehouse.Guardrails.Injection;

namespace Gatehouse.GuardTraining;

/// <summary>The lexical harm categories on requests that a policy may refuse and on their benign look-alikes.</summary>
internal static class HarmEvaluation
{
    public static int Run(string data, bool misses)
    {
        var detector = new ContentDetector(new ContentOptions { Categories = HarmCategories.All });
        var injection = new InjectionDetector();
        var input = new DetectionContext(DetectionSide.Input);
        var counts = new SortedDictionary<string, (int Rows, int Harm, int Injection)>(StringComparer.Ordinal);
        foreach (var line in File.ReadLines(Path.Combine(data, "harmful.jsonl")))
        {
            using var row = JsonDocument.Parse(line);
            var text = row.RootElement.GetProperty("text").GetString()!;
            var key = $"{row.RootElement.GetProperty("source").GetString()} {row.RootElement.GetProperty("label").GetInt32()}";
            using var findings = FindingList.Rent();
            detector.Find(text, input, findings);
            var harm = findings.Count > 0;
            injection.Find(text, input, findings);
            var c = counts.GetValueOrDefault(key);
            counts[key] = (c.Rows + 1, c.Harm + (harm ? 1 : 0),
                c.Injection + (findings.Items.ToArray().Any(f => f.Detector == DetectorKind.Injection) ? 1 : 0));
            if (misses && harm != key.EndsWith('1'))
            {
                Console.WriteLine($"{key} {text[..Math.Min(text.Length, 140)]}");
            }
        }

        foreach (var (key, c) in counts)
        {
            Console.WriteLine($"{key,-20} {c.Rows,5} harm {c.Harm / (double)c.Rows:0.000} injection {c.Injection / (double)c.Rows:0.000}");
        }

        return 0;
    }
}
