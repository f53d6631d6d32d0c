namespace Gatehouse.Guardrails;

/// <summary>Ids of a finding in the catalogues that auditors read.</summary>
/// <param name="Owasp">OWASP Top 10 for LLM applications, 2025.</param>
/// <param name="Atlas">MITRE ATLAS techniques.</param>
public sealed record StandardIds(IReadOnlyList<string> Owasp, IReadOnlyList<string> Atlas);

/// <summary>Maps findings to OWASP LLM 2025 and MITRE ATLAS.</summary>
public static class Standards
{
    private static readonly StandardIds Personal = new(["LLM02:2025"], ["AML.T0057"]);
    private static readonly StandardIds Credentials = new(["LLM02:2025"], ["AML.T0055", "AML.T0057"]);
    private static readonly StandardIds Direct = new(["LLM01:2025"], ["AML.T0051.000"]);
    private static readonly StandardIds Jailbreaks = new(["LLM01:2025"], ["AML.T0051.000", "AML.T0054"]);
    private static readonly StandardIds Indirect = new(["LLM01:2025", "LLM08:2025"], ["AML.T0051.001", "AML.T0070"]);
    private static readonly StandardIds Hidden = new(["LLM01:2025"], ["AML.T0051", "AML.T0068"]);
    private static readonly StandardIds Extraction = new(["LLM07:2025"], ["AML.T0056", "AML.T0069.002"]);
    private static readonly StandardIds Links = new(["LLM05:2025", "LLM02:2025"], ["AML.T0077", "AML.T0086"]);
    private static readonly StandardIds Output = new(["LLM05:2025"], []);
    private static readonly StandardIds Made = new(["LLM09:2025"], []);
    private static readonly StandardIds None = new([], []);

    public static StandardIds Of(in Finding finding) => finding.Detector switch
    {
        DetectorKind.Pii => Personal,
        DetectorKind.Secrets => Credentials,
        _ => finding.Type switch
        {
            FindingTypes.Injection => Direct,
            FindingTypes.Jailbreak => Jailbreaks,
            FindingTypes.IndirectInjection => Indirect,
            FindingTypes.HiddenText => Hidden,
            FindingTypes.PromptExtraction or FindingTypes.PromptLeak => Extraction,
            FindingTypes.LinkExfiltration => Links,
            FindingTypes.TenantMarker => Personal,
            FindingTypes.InvalidSchema => Output,
            FindingTypes.LowGrounding or FindingTypes.LowConfidence => Made,
            _ => None,
        },
    };
}
