using System.Diagnostics;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Secrets;

namespace Gatehouse.Gateway.Tests.Guardrails;

/// <summary>What every detector promises: linear time on hostile texts, no allocation on clean ones.</summary>
public sealed class DetectorCostTests
{
    private const int MaxTries = 20;

    private static readonly string[] Hostile =
    [
        "1", "1 ", "1-", "a1 ", "a.", "@", "a@", "a@a.", "://", "a://b@", "::", "1:", "f:", "-", "1.1.1.", "(1) ", "+1", "Aa ", "A ",
        "aa\n", "'", "a'", "https://a.", "password=", "key:", "key: a1b2c3d4 ", "token \"", "eyJ", "eyJ.",
        "-----BEGIN", "-----BEGIN PRIVATE KEY-----", "sk-", "SG.", "$2a$", "may 1 ", "Monday", "12/12/", "2020-", "x", "0", "Apt. 1 ",
        "John ", "Mr. ", "\u0301", "\ud83d\ude00", "é", "xox", "b.c.d.", "A1-", "AB12 3CD ", "mayjunjul", "-u a:", "curl -u ",
    ];

    public static TheoryData<IDetector> Detectors => [PiiDetector.Default, SecretDetector.Default];

    [Theory]
    [MemberData(nameof(Detectors))]
    public void A_hostile_text_costs_no_more_per_character_when_it_is_longer(IDetector detector)
    {
        foreach (var unit in Hostile)
        {
            var (small, large) = (Repeat(unit, 3_000), Repeat(unit, 48_000));
            Measure(detector, small);

            // Sixteen times the text: a quadratic scan would cost sixteen times as much for each character, and does so each time. A
            // machine that does other things slows one measurement or several, but not all.
            var (each, more, tries) = (0d, double.MaxValue, 0);
            while (more >= (6 * each) + .5 && tries++ < MaxTries)
            {
                (each, more) = (Measure(detector, small) / small.Length, Measure(detector, large) / large.Length);
            }

            Assert.True(more < (6 * each) + .5, $"'{unit}': {each:0.000} us a character at first, {more:0.000} later.");
        }
    }

    [Theory]
    [MemberData(nameof(Detectors))]
    public void A_clean_text_allocates_nothing(IDetector detector)
    {
        var text = Repeat(
            "the quick brown fox jumps over the lazy dog. We think that this is what people want, and it is not much. ", 4_000);
        var found = -1;
        Measure(detector, text);

        var allocated = Allocations.Of(() => found = Run(detector, text));

        Assert.Equal((0, 0), (found, allocated));
    }

    [Theory]
    [MemberData(nameof(Detectors))]
    public void Findings_lie_in_the_text_and_split_no_surrogate_pair(IDetector detector)
    {
        var random = new Random(7);
        for (var round = 0; round < 300; round++)
        {
            var text = string.Concat(Enumerable.Range(0, 30).Select(_ => Hostile[random.Next(Hostile.Length)]));
            using var findings = FindingList.Rent();
            detector.Find(text, new DetectionContext(DetectionSide.Output), findings);

            foreach (var finding in findings.Items)
            {
                Assert.True(finding is { Start: >= 0, Length: > 0, Score: > 0 and <= 1 } && finding.End <= text.Length,
                    $"{finding} in '{text}'");
                Assert.False(
                    char.IsLowSurrogate(text[finding.Start]) || (finding.End < text.Length && char.IsLowSurrogate(text[finding.End])),
                    $"{finding} in '{text}'");
            }
        }
    }

    private static double Measure(IDetector detector, string text)
    {
        var best = double.MaxValue;
        for (var i = 0; i < 2; i++)
        {
            var started = Stopwatch.GetTimestamp();
            Run(detector, text);
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalMicroseconds);
        }

        return best;
    }

    private static int Run(IDetector detector, string text)
    {
        using var findings = FindingList.Rent();
        detector.Find(text, new DetectionContext(DetectionSide.Input), findings);
        return findings.Count;
    }

    private static string Repeat(string unit, int length) => string.Concat(Enumerable.Repeat(unit, (length / unit.Length) + 1));
}
