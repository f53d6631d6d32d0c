using Gatehouse.Guardrails.Content;
using Gatehouse.Guardrails.Pii;

namespace Gatehouse.Guardrails.Policies;

/// <summary>The types that the findings of each detector may have: a rule about another one would never bite.</summary>
public static class KnownTypes
{
    /// <returns><see langword="null"/> for a detector that asks others, who have types of their own.</returns>
    public static IReadOnlyList<string>? Of(GuardDetector detector) => detector switch
    {
        GuardDetector.Pii => PiiDetector.Types,
        GuardDetector.Secrets => [FindingTypes.Secret],
        GuardDetector.Injection =>
        [
            FindingTypes.Injection, FindingTypes.Jailbreak, FindingTypes.IndirectInjection, FindingTypes.PromptExtraction,
            FindingTypes.HiddenText,
        ],
        GuardDetector.Links => [FindingTypes.LinkExfiltration],
        GuardDetector.Harm => HarmCategories.All,
        GuardDetector.Terms => [FindingTypes.BannedTopic],
        GuardDetector.Competitors => [FindingTypes.Competitor],
        GuardDetector.Language => [FindingTypes.Language],
        GuardDetector.Length => [FindingTypes.TooLong],
        GuardDetector.Refusal => [FindingTypes.Refusal],
        GuardDetector.PromptLeak or GuardDetector.Canary => [FindingTypes.PromptLeak],
        GuardDetector.Markers => [FindingTypes.TenantMarker],
        GuardDetector.Schema => [FindingTypes.InvalidSchema],
        GuardDetector.Grounding => [FindingTypes.LowGrounding],
        GuardDetector.Confidence => [FindingTypes.LowConfidence],
        _ => null,
    };
}
