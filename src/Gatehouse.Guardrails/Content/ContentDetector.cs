namespace Gatehouse.Guardrails.Content;

/// <summary>Finds what a content policy bans: categories of harm, topics, competitors, languages, length, refusals. Linear.</summary>
public sealed class ContentDetector : IDetector
{
    private readonly ContentOptions _options;
    private readonly HarmLexicon? _harm;
    private readonly TermSet _bans = new();
    private readonly List<(string Rule, string Type)> _values = [];

    public ContentDetector(ContentOptions options)
    {
        _options = options;
        foreach (var unknown in options.Categories.Except(HarmCategories.All))
        {
            throw new ArgumentException($"'{unknown}' is no category: use {string.Join(", ", HarmCategories.All)}.", nameof(options));
        }

        _harm = options.Categories.Count == 0 ? null : new HarmLexicon(options.Categories);
        foreach (var (bans, prefix, type) in new[] { (options.Topics, "content.topic.", FindingTypes.BannedTopic),
            (options.Competitors, "content.competitor.", FindingTypes.Competitor) })
        {
            foreach (var ban in bans)
            {
                // Allowed phrases first: a longer match of no value hides the term inside it.
                foreach (var phrase in ban.Allowed)
                {
                    _bans.Add(phrase, int.MaxValue);
                }

                foreach (var term in ban.Terms)
                {
                    _bans.Add(term, _values.Count);
                }

                _values.Add((prefix + ban.Name, type));
            }
        }
    }

    public DetectorKind Kind => DetectorKind.Content;

    public void Find(ReadOnlySpan<char> text, in DetectionContext context, FindingList findings)
    {
        if (_values.Count > 0)
        {
            var state = (Findings: findings, Values: _values);
            _bans.Find(text, ref state, static (
                ref (FindingList Findings, List<(string Rule, string Type)> Values) s, int value, int start, int end) =>
            {
                if (value != int.MaxValue)
                {
                    s.Findings.Add(new Finding(DetectorKind.Content, s.Values[value].Rule, s.Values[value].Type, start, end - start, 1));
                }
            });
        }

        _harm?.Find(text, findings);
        if (_options.MaxCharacters > 0 && text.Length > _options.MaxCharacters)
        {
            findings.Add(
                new Finding(DetectorKind.Content, "content.length", FindingTypes.TooLong, _options.MaxCharacters,
                    text.Length - _options.MaxCharacters, 1));
        }

        if (_options.Languages.Count > 0 && Languages.Of(text) is { Code: not "und" } guess
            && guess.Confidence >= _options.LanguageConfidence && !_options.Languages.Contains(guess.Code))
        {
            findings.Add(new Finding(DetectorKind.Content, "content.language", FindingTypes.Language, 0, text.Length, guess.Confidence));
        }

        if (_options.Refusals && context.Side == DetectionSide.Output && Refusals.Find(text) is { Length: > 0 } refusal)
        {
            findings.Add(new Finding(DetectorKind.Content, "content.refusal", FindingTypes.Refusal, refusal.Start, refusal.Length, 0.9f));
        }
    }
}
