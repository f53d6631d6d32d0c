using System.Diagnostics;
using System.Reflection;
using System.Runtime.Loader;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Injection;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Secrets;

namespace Gatehouse.GuardTraining;

/// <summary>
/// What the detectors of two builds cost on harmless prompts, in one process and in turns, so that what else the machine does meets both
/// alike. The builds are folders with this program in them.
/// </summary>
public static class SpeedComparison
{
    private const int Batch = 8;
    private const int WarmUp = 40;
    private const int Rounds = 60;

    private static readonly Dictionary<string, IDetector[]> Detectors = new()
    {
        ["pii"] = [PiiDetector.Default],
        ["pii, no names"] = [new PiiDetector(new PiiOptions { Names = false })],
        ["secrets"] = [SecretDetector.Default],
        ["injection"] = [new InjectionDetector()],
        ["all three"] = [PiiDetector.Default, SecretDetector.Default, new InjectionDetector()],
    };

    public static int Run(string data, string before, string after)
    {
        string[] texts = [.. Figures.Read(data, "injection")!.Where(r => !r.Label).Select(r => r.Text).Where(IsClean)];
        string[] plain = [.. texts.Where(t => t.All(char.IsAscii))];
        var (old, now) = (Load(before), Load(after));
        foreach (var (name, some) in new[] { ("harmless prompts", texts), ("of ASCII", plain) })
        {
            foreach (var detectors in Detectors.Keys)
            {
                double[] bestOld = [.. Enumerable.Repeat(double.MaxValue, (some.Length + Batch - 1) / Batch)];
                var bestNow = bestOld.ToArray();
                for (var round = 0; round < WarmUp + Rounds; round++)
                {
                    if (round == WarmUp)
                    {
                        Array.Fill(bestOld, double.MaxValue);
                        Array.Fill(bestNow, double.MaxValue);
                    }

                    old(detectors, some, bestOld);
                    now(detectors, some, bestNow);
                }

                var kilobytes = some.Sum(t => (long)t.Length) / 1024.0;
                Console.WriteLine(
                    $"{name,-18} {detectors,-14} {bestOld.Sum() / kilobytes,6:0.00} -> {bestNow.Sum() / kilobytes,6:0.00} us/KB");
            }
        }

        return 0;
    }

    /// <summary>Runs over all texts and keeps the best time of each batch, in microseconds. Called by reflection, in both builds.</summary>
    public static void Measure(string detectors, string[] texts, double[] best)
    {
        for (var batch = 0; batch < best.Length; batch++)
        {
            var started = Stopwatch.GetTimestamp();
            foreach (var text in texts.AsSpan(batch * Batch, Math.Min(Batch, texts.Length - (batch * Batch))))
            {
                using var findings = FindingList.Rent();
                foreach (var detector in Detectors[detectors])
                {
                    detector.Find(text, new DetectionContext(DetectionSide.Input), findings);
                }
            }

            best[batch] = Math.Min(best[batch], Stopwatch.GetElapsedTime(started).TotalMicroseconds);
        }
    }

    private static bool IsClean(string text)
    {
        using var findings = FindingList.Rent();
        foreach (var detector in Detectors["all three"])
        {
            detector.Find(text, new DetectionContext(DetectionSide.Input), findings);
        }

        return findings.Count == 0;
    }

    private static Action<string, string[], double[]> Load(string folder)
    {
        var assembly = new Build(Path.GetFullPath(folder)).LoadFromAssemblyPath(
            Path.Combine(Path.GetFullPath(folder), $"{typeof(SpeedComparison).Assembly.GetName().Name}.dll"));
        return assembly.GetType(typeof(SpeedComparison).FullName!)!.GetMethod(nameof(Measure))!
            .CreateDelegate<Action<string, string[], double[]>>();
    }

    /// <summary>The assemblies of one build, apart from those of the other.</summary>
    private sealed class Build(string folder) : AssemblyLoadContext
    {
        protected override Assembly? Load(AssemblyName assemblyName) =>
            Path.Combine(folder, assemblyName.Name + ".dll") is var file && File.Exists(file) ? LoadFromAssemblyPath(file) : null;
    }
}
