namespace Gatehouse.Guardrails.Content;

/// <summary>The findings of the content detector in the categories of OpenAI's moderation endpoint.</summary>
public static class Moderation
{
    private const float Flagged = 0.5f;

    private static readonly ContentDetector Detector = new(new ContentOptions { Categories = HarmCategories.All });

    private static readonly Dictionary<string, string> ByRule = new(StringComparer.Ordinal)
    {
        [HarmCategories.Violence] = "violence",
        [HarmCategories.Weapons] = "illicit/violent",
        [HarmCategories.Extremism] = "illicit/violent",
        [HarmCategories.Drugs] = "illicit",
        [HarmCategories.Cybercrime] = "illicit",
        [HarmCategories.Fraud] = "illicit",
        [HarmCategories.Privacy] = "illicit",
        [HarmCategories.Hate] = "hate",
        [HarmCategories.Harassment] = "harassment",
        [HarmCategories.Sexual] = "sexual",
        [HarmCategories.Minors] = "sexual/minors",
        [HarmCategories.SelfHarm] = "self-harm",
    };

    private static readonly string[] Graphic = ["dismember", "behead", "torture", "maim", "waterboard", "slaughter"];
    private static readonly string[] SecondPerson = [" you ", " your ", " u", " ya", "y'all", "dich", "je te", "vais te", "vais vous", "te voy", "te matar", "matarte", "ti ammazzo", "ti ucci", "вас", "널", "너를", "тебя", "你"];
    private static readonly string[] Intent = ["my", "want to"];
    private static readonly string[] Instructions = ["method", "way", "encourage", "without eating", "overdose", "pact"];

    /// <summary>In OpenAI's order. Misinformation has no counterpart there and is not reported.</summary>
    public static IReadOnlyList<string> Categories { get; } =
    [
        "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm", "self-harm/intent",
        "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
    ];

    /// <summary>Raises the score of each category that the text has something of. Linear in the text's length.</summary>
    /// <param name="scores">One for each of <see cref="Categories"/>, from 0 to 1.</param>
    public static void Score(ReadOnlySpan<char> text, Span<float> scores)
    {
        using var findings = FindingList.Rent();
        Detector.Find(text, new DetectionContext(DetectionSide.Input), findings);
        foreach (ref readonly var finding in findings.Items)
        {
            if (!ByRule.TryGetValue(finding.Rule["content.harm.".Length..], out var category))
            {
                continue;
            }

            var words = text.Slice(finding.Start, finding.Length);
            Raise(scores, category, finding.Score);
            Raise(scores, "illicit", category == "illicit/violent" ? finding.Score : 0);
            Raise(scores, "violence/graphic", category == "violence" && HasAny(words, Graphic) ? finding.Score : 0);
            var threat = category == "violence" && IsAtSomebody(words) ? finding.Score : 0;
            Raise(scores, "harassment", threat);
            Raise(scores, "harassment/threatening", threat);
            Raise(scores, "self-harm/intent", category == "self-harm" && HasAny(words, Intent) ? finding.Score : 0);
            Raise(scores, "self-harm/instructions", category == "self-harm" && HasAny(words, Instructions) ? finding.Score : 0);
        }

        Raise(scores, "hate/threatening", Math.Min(Of(scores, "hate"), Of(scores, "violence")));
        Raise(scores, "harassment/threatening", Math.Min(Of(scores, "harassment"), Of(scores, "violence")));
    }

    public static bool IsFlagged(float score) => score >= Flagged;

    private static int IndexOf(string category)
    {
        var index = 0;
        while (Categories[index] != category)
        {
            index++;
        }

        return index;
    }

    private static float Of(ReadOnlySpan<float> scores, string category) => scores[IndexOf(category)];

    private static void Raise(Span<float> scores, string category, float score)
    {
        ref var known = ref scores[IndexOf(category)];
        known = Math.Max(known, score);
    }

    /// <summary>The violence is promised to whom the text is said to.</summary>
    private static bool IsAtSomebody(ReadOnlySpan<char> words) =>
        words.StartsWith("you", StringComparison.OrdinalIgnoreCase) || words.EndsWith(" you", StringComparison.OrdinalIgnoreCase)
        || HasAny(words, SecondPerson);

    private static bool HasAny(ReadOnlySpan<char> words, string[] parts)
    {
        foreach (var part in parts)
        {
            if (words.Contains(part, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}
