using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Injection;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Secrets;

namespace Gatehouse.GuardTraining;

/// <summary>
/// How many findings each detector has in each set, and a digest of all of them: two builds that print the same find the same.
/// </summary>
internal static class Findings
{
    private static readonly string[] Sets =
        ["pii", "pii_ids", "pii_ner_wnut17", "secrets", "injection", "indirect", "obfuscation", "harmful"];

    private static readonly (string Name, IDetector Detector, DetectionSide Side)[] Detectors =
    [
        ("pii", PiiDetector.Default, DetectionSide.Input),
        ("secrets", SecretDetector.Default, DetectionSide.Input),
        ("injection, direct", new InjectionDetector(), DetectionSide.Input),
        ("injection, indirect", new InjectionDetector(), DetectionSide.Retrieved),
    ];

    public static int Print(string data, string[] options)
    {
        foreach (var set in Sets)
        {
            var rows = Figures.Read(data, set) ?? [];
            foreach (var (name, detector, side) in Detectors)
            {
                using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                var count = 0;
                foreach (var row in rows)
                {
                    using var findings = FindingList.Rent();
                    detector.Find(row.Text, new DetectionContext(side), findings);
                    findings.Sort();
                    count += findings.Count;
                    foreach (var finding in findings.Items)
                    {
                        var line = $"{finding.Rule} {finding.Type} {finding.Start} {finding.Length} {finding.Score:0.0000}";
                        digest.AppendData(MemoryMarshal.AsBytes(line.AsSpan()));
                        if (options.Contains("all"))
                        {
                            Console.WriteLine($"{set} {name} {line} {row.Text[..Math.Min(30, row.Text.Length)].ReplaceLineEndings(" ")}");
                        }
                    }
                }

                Console.WriteLine($"{set,-16} {name,-20} {rows.Count,6} texts {count,6} findings {Convert.ToHexStringLower(digest.GetHashAndReset())[..16]}");
            }
        }

        return 0;
    }
}
