using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Configuration;

/// <summary>Section <c>policies</c>.</summary>
public sealed class PoliciesOptions
{
    [Setting("Policy files, one policy each; `*` stands for any part of a file's name. Relative to this file. See docs/guides/policies.md.",
        DefaultText = "only the built-in policies", Example = "policies/*.yaml")]
    public List<string> Files { get; set; } = [];

    [Setting("The policy of systems that nobody has chosen one for: a policy's name, or `none`.", Example = "standard")]
    public string Default { get; set; } = "none";

    [Setting("The policy of systems by how sensitive their data is, unless somebody has chosen one: `public`, `internal`, `confidential`, `restricted`.",
        EntryName = "classification", DefaultText = "confidential: standard, restricted: strict")]
    public Dictionary<string, string> ByClassification { get; set; } = [];

    [Setting("Bounds of calls that wait for a person.")]
    public ReviewsOptions Reviews { get; set; } = new();

    [Setting("Accepted gaps: for a system and for a time, what its policy would do about a finding is only flagged.")]
    public List<PolicyExceptionOptions> Exceptions { get; set; } = [];
}

/// <summary>Section <c>policies.reviews</c>.</summary>
public sealed class ReviewsOptions
{
    [Setting("Most calls of a node that wait for a person at the same time; beyond it a rule's `on_timeout` is taken at once.", Min = "1", Max = "10000")]
    public int MaxWaiting { get; set; } = 100;

    [Setting("Of these, most calls of one system.", Min = "1", Max = "10000")]
    public int MaxWaitingPerSystem { get; set; } = 20;
}

/// <summary>An accepted gap in the policies.</summary>
public sealed class PolicyExceptionOptions
{
    [Setting("The system: `team/name`, its id, or its name where only one team has a system of that name. Where several have, the exception covers nobody, and `gatehouse doctor` says so.", Required = true, Example = "support/helpdesk")]
    public string System { get; set; } = "";

    [Setting("The detector that it is about.", DefaultText = "all", Example = "pii")]
    public GuardDetector? Detector { get; set; }

    [Setting("Types of findings that it is about.", DefaultText = "all that the detector finds", Example = "[ EMAIL_ADDRESS ]")]
    public List<string> Types { get; set; } = [];

    [Setting("The day it ends, at midnight UTC.", Required = true, Example = "2027-03-31")]
    public string Until { get; set; } = "";

    [Setting("Who accepted it.", Required = true, Example = "privacy@example.com")]
    public string ApprovedBy { get; set; } = "";

    [Setting("Why.", Required = true, Example = "It answers mail, so it must see addresses.")]
    public string Reason { get; set; } = "";
}
