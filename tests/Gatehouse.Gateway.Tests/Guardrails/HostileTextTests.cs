using System.Runtime.InteropServices;
using System.Text;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Checks;
using Gatehouse.Guardrails.Content;
using Gatehouse.Guardrails.Exfiltration;
using Gatehouse.Guardrails.Grounding;
using Gatehouse.Guardrails.Injection;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Schema;
using Gatehouse.Guardrails.Secrets;

namespace Gatehouse.Gateway.Tests.Guardrails;

/// <summary>
/// Every scanner against texts that were made to hurt it: a megabyte costs as many times what a part of it costs as it is longer, nothing
/// throws, and every finding lies in its text.
/// </summary>
public sealed class HostileTextTests
{
    private const int Small = 1 << 16;
    private const int Times = 16; // a megabyte
    private const int MaxTries = 12;

    /// <summary>Each opens something that a careless scanner looks to the end of the text for, again and again.</summary>
    private static readonly string[] Units =
    [
        "a", "A", "1", " ", "\n", ".", "!", "\"", "'", "(", "<", "[", "{", "\\", "%", "%41", "&#65;", "\\u0041", "=", "0 ", "a ", "aB",
        "i g n o r e ", "1gn0r3 ", "vtaber ", "erongi ", "ignore all ",
        "6967 ", "69 67 ", "01101001 ", "SWdub3JlIGFsbA", "SWdub3JlIGFsbA== ", "![", "![a](", "](http://", "http://a.b/?", "//a ",
        "javascript:", "<img src=", "data:text/html,", "\u200B", "a\u200B", "\uFE0F", "\uDB40\uDC41",
        "\u202E", "е", "ｉ", "\u0301", "\uD83D", "忽略", "@", "a@", "a.b.", "1.", "1-", "+1 ", "12/12/2020 ", "a1 ", "Ann ", "ghp_", "sk-",
        "eyJ", "eyJh.eyJh.", "-----BEGIN", "key=", "password: ", "token \"", "curl -u ", "://u:p@",
        "kill ", "kill a person ", "build a bomb ", "I cannot ", "the quick brown fox ",
        "May 1 ", "1 May 2020, 5 ", "Monday 1 ", "+, ", "{+:+}",
    ];

    /// <summary>What opens something that then goes on to the end of the text, and what it goes on with.</summary>
    private static readonly (string Head, string Unit)[] Endless =
    [
        ("http://a.bc/", ")"), ("http://a.bc/", ")."), ("www.a.com/", "]"), ("http://a.bc/?", "&a="), ("http://u:", "p@"),
        ("![a](http://a.bc/", ")"), ("-----BEGIN PRIVATE KEY-----", "-"), ("-----BEGIN PRIVATE KEY-----", "\n"), ("password: \"", "a"),
        ("eyJhbGciOiJub25lIn0.", "a"), ("eyJhbGciOiJub25lIn0.", "-eyJhbGciOiJub25lIn0"), ("ops_eyJ", "-ops_eyJ"), ("fm2_", "-fm2_"),
        ("May 1, 2020 ", "1 "), ("card ", "4111 "), ("{\"a\": \"", "\\"), ("[", "+, "), ("{a: /*", "*"), ("\u202E", "a"), ("Mr. ", "Ann "),
    ];

    private static PiiDetector Custom { get; } = new(new PiiOptions
    {
        Types = ["STAFF"],
        Names = false,
        Custom = [new CustomRecogniser("STAFF", "(a+)+1|([a-z]+ ?)*!x") { Context = ["staff"] }],
    });

    private static InjectionDetector Injection { get; } = new(new InjectionOptions { ReportHiddenText = true });

    private static LinkDetector Links { get; } = new(new LinkOptions { AllowedHosts = ["example.com"], ReportUnknownHosts = true });

    private static PromptLeakDetector Leak { get; } = new(
        "the quick brown fox the quick brown fox jumps over a lazy dog and says nothing at all");

    private static CanaryDetector Canary { get; } = CanaryDetector.ForCanary("ghc0123456789abcdef");

    private static ContentDetector Content { get; } = new(new ContentOptions
    {
        Categories = HarmCategories.All,
        Topics = [new Ban("foxes", ["quick brown fox", "a"], ["quick brown fox club"])],
        Languages = ["de"],
        MaxCharacters = 1 << 20,
        Refusals = true,
    });

    public static TheoryData<string> Scanners => [.. Runs.Keys];

    private static Dictionary<string, Action<string>> Runs { get; } = new()
    {
        ["personal data"] = t => Find(PiiDetector.Default, t, DetectionSide.Input),
        ["custom recogniser"] = t => Find(Custom, t, DetectionSide.Input),
        ["secrets"] = t => Find(SecretDetector.Default, t, DetectionSide.Input),
        ["injection by people"] = t => Find(Injection, t, DetectionSide.Input),
        ["injection in documents"] = t => Find(Injection, t, DetectionSide.Retrieved),
        ["links"] = t => Find(Links, t, DetectionSide.Output),
        ["open links"] = t => LinkDetector.Releasable(t),
        ["prompt leak"] = t => Find(Leak, t, DetectionSide.Output),
        ["canary"] = t => Find(Canary, t, DetectionSide.Output),
        ["content"] = t => Find(Content, t, DetectionSide.Output),
        ["moderation"] = t => Moderation.Score(t, new float[Moderation.Categories.Count]),
        ["readings"] = t => Readings.Of(t),
        ["grounding"] = t => GroundingCheck.Check(t, ["The quick brown fox jumps over 12 lazy dogs."]),
        ["JSON repair"] = t => JsonRepair.TryRepair(t),
    };

    [Theory]
    [MemberData(nameof(Scanners))]
    public void A_megabyte_costs_as_many_times_a_part_as_it_is_longer(string scanner)
    {
        var run = Runs[scanner];
        foreach (var (head, unit) in Units.Select(u => ("", u)).Concat(Endless))
        {
            var (small, large) = (head + Repeat(unit, Small), head + Repeat(unit, Small * Times));
            Time(run, small);

            // A quadratic scanner costs 256 times as much, each time; a cold cache now and then a few times too much, which more tries
            // mend.
            var (part, whole, tries) = (double.MaxValue, double.MaxValue, 0);
            do
            {
                part = Math.Min(part, Time(run, small));
                whole = Math.Min(whole, Time(run, large));
            }
            while (whole > (4 * Times * part) + 3_000 && tries++ < MaxTries);

            Assert.True(whole <= (4 * Times * part) + 3_000,
                $"'{head}' and '{unit}': {part:0} µs for {Small} characters, {whole:0} µs for {Times} times as many.");
        }
    }

    /// <summary>Keys of one kind are at most thousands of characters long, those of the other forty.</summary>
    [Fact]
    public void Beginnings_of_long_keys_in_a_row_cost_what_those_of_short_ones_do()
    {
        var run = Runs["secrets"];
        var (shortKeys, longKeys) = (Repeat("-ghp_", Small), Repeat("-fm2_", Small));
        var (brief, lengthy, tries) = (double.MaxValue, double.MaxValue, 0);
        do
        {
            (brief, lengthy) = (Math.Min(brief, Time(run, shortKeys)), Math.Min(lengthy, Time(run, longKeys)));
        }
        while (lengthy > 8 * brief && tries++ < MaxTries);

        Assert.True(lengthy <= 8 * brief, $"{brief:0} µs for short keys, {lengthy:0} for long ones");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Whatever_a_text_is_made_of_its_findings_lie_in_it_and_are_the_same_again(int seed)
    {
        var random = new Random(seed);
        var check = new TextCheck(
            new CheckOptions { SystemPrompt = "the quick brown fox jumps over the lazy dog and then it sleeps",
                AllowedHosts = ["example.com"], Thresholds = TextCheck.Names.ToDictionary(n => n, _ => 0.01f) });
        for (var round = 0; round < 400; round++)
        {
            var text = Text(random);
            var side = (DetectionSide)random.Next(5);

            var verdict = check.Run(text, side);

            Assert.Equal(verdict.Findings, check.Run(text, side).Findings);
            foreach (var finding in verdict.Findings)
            {
                Assert.True(finding is { Start: >= 0, Length: > 0, Score: > 0 and <= 1 } && finding.End <= text.Length,
                    $"{finding} in {Shown(text)}");
                Assert.False(Splits(text, finding.Start) || Splits(text, finding.End), $"{finding} splits a character of {Shown(text)}");
            }

            foreach (var reading in Readings.Of(text))
            {
                Assert.True(reading.Start >= 0 && reading.Length >= 0 && reading.Start + reading.Length <= text.Length,
                    $"{reading.Rule} in {Shown(text)}");
            }

            Assert.InRange(LinkDetector.Releasable(text), 0, text.Length);
            foreach (var run in Runs.Values)
            {
                run(text);
            }
        }
    }

    private static void Find(IDetector detector, string text, DetectionSide side)
    {
        using var findings = FindingList.Rent();
        detector.Find(text, new DetectionContext(side), findings);
    }

    /// <summary>Of this thread's processor time, in microseconds: others' work does not count.</summary>
    private static double Time(Action<string> run, string text)
    {
        var before = ThreadMicros();
        run(text);
        return ThreadMicros() - before;
    }

    private static double ThreadMicros()
    {
        const int threadCpuTime = 3;
        Assert.Equal(0, ClockGetTime(threadCpuTime, out var time));
        return (time.Seconds * 1e6) + (time.Nanoseconds / 1e3);
    }

    [DllImport("libc", EntryPoint = "clock_gettime")]
    private static extern int ClockGetTime(int clock, out Moment time);

    [StructLayout(LayoutKind.Sequential)]
    private struct Moment
    {
        public long Seconds;
        public long Nanoseconds;
    }

    private static string Repeat(string unit, int length) => string.Concat(Enumerable.Repeat(unit, (length / unit.Length) + 1));

    /// <summary>Pieces of the units, of other scripts and of nothing at all, halves of characters included.</summary>
    private static string Text(Random random)
    {
        var text = new StringBuilder();
        for (var pieces = random.Next(1, 40); pieces > 0; pieces--)
        {
            var unit = Units[random.Next(Units.Length)];
            _ = random.Next(6) switch
            {
                0 => text.Append((char)random.Next(char.MaxValue + 1)),
                1 => text.Append(char.ConvertFromUtf32(random.Next(0x10000, 0x110000))),
                2 => text.Append(unit.AsSpan(random.Next(unit.Length))),
                3 => text.Append(' '),
                _ => text.Append(unit),
            };
        }

        return text.ToString();
    }

    private static bool Splits(string text, int at) =>
        at > 0 && at < text.Length && char.IsHighSurrogate(text[at - 1]) && char.IsLowSurrogate(text[at]);

    private static string Shown(string text) => string.Concat(text.Select(c => c is >= ' ' and <= '~' ? c.ToString() : $"\\u{(int)c:x4}"));
}
