using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Guards;

/// <summary>
/// The lists that policies look values up in: what is allowed or denied, words, hosts, identifiers of the organisation. What a guard
/// replaced has no value any more, so nobody can say what another list would have made of it.
/// </summary>
internal static class PolicyLists
{
    /// <param name="detectors">Of the findings that were replaced, as records name them.</param>
    public static bool Differ(GuardPolicyDefinition from, GuardPolicyDefinition to, IEnumerable<string> detectors) =>
        detectors.Distinct().Any(detector => !Of(from, detector).SetEquals(Of(to, detector)));

    private static HashSet<string> Of(GuardPolicyDefinition policy, string detector)
    {
        var lists = new HashSet<string>(StringComparer.Ordinal);
        foreach (var rule in policy.Rules.Where(r => GuardLog.NameOf(r.Detector) == detector))
        {
            Add($"terms of {rule.Name}", rule.Terms);
            Add($"harmless of {rule.Name}", rule.Harmless);
        }

        if (detector == GuardLog.NameOf(GuardDetector.Pii))
        {
            Add("allow", policy.Allow);
            Add("deny", policy.Deny);
            Add("recognisers", policy.Recognisers.Select(r => r.ToString()));
            foreach (var recogniser in policy.Recognisers)
            {
                Add($"context of {recogniser.Type} {recogniser.Pattern}", recogniser.Context.Select(w => w.ToLowerInvariant()));
            }
        }

        if (detector == GuardLog.NameOf(GuardDetector.Links))
        {
            Add("hosts", policy.Hosts);
        }

        return lists;

        void Add(string list, IEnumerable<string> values) => lists.UnionWith(values.Select(v => $"{list}: {v}"));
    }
}
