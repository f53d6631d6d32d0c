using Gatehouse.Contracts;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Anonymising;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Tests.Guarding;

/// <summary>Policies that many tests share.</summary>
internal static class Policy
{
    public static readonly byte[] Key = new byte[32];

    public static readonly DetectionSide[] Everywhere = Enum.GetValues<DetectionSide>();

    public static GuardRule Rule(GuardDetector detector, GuardAction action, params DetectionSide[] sides) =>
        new($"{GuardLog.NameOf(detector)}-{GuardLog.NameOf(action)}", detector, action) { Sides = sides.Length == 0 ? Everywhere : sides };

    public static GuardRule Pii(GuardAction action, params string[] types) => Rule(GuardDetector.Pii, action) with { Types = types };

    public static GuardRule Escalated(this GuardRule rule, EscalationDefault onTimeout, EscalationMode mode = EscalationMode.Hold) =>
        rule with { Escalation = new Escalation(mode, TimeSpan.FromMinutes(2), onTimeout) };

    public static GuardRule Replaced(this GuardRule rule, Anonymisation how) => rule with { Replacement = how };

    public static GuardPolicy Of(params GuardRule[] rules) => new(new GuardPolicyDefinition("test", rules), "r1");

    public static PolicyTable Table(params GuardRule[] rules) => Table(Of(rules));

    public static PolicyTable Table(GuardPolicy policy, params GuardException[] exceptions) =>
        new([policy], policy.Name, new Dictionary<DataClassification, string>(), exceptions, Key);

    public static GuardSession Session(params GuardRule[] rules) => new(Of(rules), Key, [], TimeProvider.System);
}
