using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Configuration;

/// <summary>Reads and checks the circuit breakers of a policy file.</summary>
internal static class PolicyBreakers
{
    /// <summary>Each is a bit of a call.</summary>
    private const int Most = 64;

    public static IReadOnlyList<GuardBreaker> Of(PolicyFileOptions policy, string file, Sources sources, List<ConfigurationError> errors)
    {
        var breakers = new List<GuardBreaker>();
        foreach (var breaker in policy.Breakers)
        {
            if (breakers.Exists(b => b.Name == breaker.Name) || breakers.Count == Most)
            {
                Add(breaker, "name", breakers.Count == Most ? "A policy has at most 64 breakers." : $"The name '{breaker.Name}' is taken.",
                    "Give each breaker a name of its own.");
            }

            if (breaker.Threshold <= 0 || (breaker.Watch == BreakerWatch.ViolationRate && breaker.Threshold > 1))
            {
                Add(breaker, "threshold", "A threshold is above 0, and that of 'violation_rate' is a share of at most 1.",
                    "For example 'threshold: 0.2' for a fifth of the calls.");
            }

            if (breaker is { Watch: BreakerWatch.Loops, Threshold: < 2 })
            {
                Add(breaker, "threshold", "Something comes again at the second time.", "Use 2 or more; 10 is a good beginning.");
            }

            if (breaker.Escalate is { } asked && (breaker.Action != BreakerAction.HandOver || asked.Mode != EscalationMode.Hold))
            {
                Add(breaker, "escalate", "'escalate' is for the action 'hand_over', whose calls wait.",
                    "Write 'action: hand_over', without a mode.");
            }

            breakers.Add(new GuardBreaker(
                breaker.Name, breaker.Watch, breaker.Threshold, breaker.Window, breaker.MinimumCalls, breaker.Action, breaker.For)
            {
                Delay = breaker.Delay,
                From = breaker.From,
                Escalation = breaker.Escalate is { } how ? new Escalation(how.Mode, how.Timeout, how.OnTimeout) : Escalation.Default,
            });
        }

        return breakers;

        void Add(PolicyBreakerOptions breaker, string key, string message, string mend)
        {
            var place = sources.Of(breaker, key);
            errors.Add(new(file, place.Line, place.Column, message, mend));
        }
    }
}
