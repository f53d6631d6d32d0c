namespace Gatehouse.Guardrails;

/// <summary>The types of findings that are not personal data; those are in <c>PiiTypes</c>.</summary>
public static class FindingTypes
{
    public const string Injection = "PROMPT_INJECTION";
    public const string Jailbreak = "JAILBREAK";
    public const string IndirectInjection = "INDIRECT_INJECTION";
    public const string HiddenText = "HIDDEN_TEXT";
    public const string PromptExtraction = "SYSTEM_PROMPT_EXTRACTION";
    public const string PromptLeak = "SYSTEM_PROMPT_LEAK";
    public const string LinkExfiltration = "LINK_EXFILTRATION";
    public const string Secret = "SECRET";
    public const string Harm = "HARMFUL_CONTENT";
    public const string BannedTopic = "BANNED_TOPIC";
    public const string Competitor = "COMPETITOR";
    public const string Language = "LANGUAGE";
    public const string TooLong = "TOO_LONG";
    public const string Refusal = "REFUSAL";
    public const string InvalidSchema = "INVALID_SCHEMA";
    public const string LowGrounding = "LOW_GROUNDING";
    public const string LowConfidence = "LOW_CONFIDENCE";
    public const string TenantMarker = "TENANT_MARKER";
}
