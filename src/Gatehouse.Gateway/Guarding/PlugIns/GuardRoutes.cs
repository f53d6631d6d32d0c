using Gatehouse.Gateway.Moderations;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding.PlugIns;

/// <summary>The routes that a policy's rules ask, so that a wrong name is seen before a call is.</summary>
public static class GuardRoutes
{
    /// <returns>The rule and the route that is not there; <see langword="null"/> when all are.</returns>
    public static (GuardRule Rule, string Route)? Missing(GuardPolicy policy, Predicate<string> isRoute)
    {
        foreach (var rule in policy.Definition.Rules)
        {
            foreach (var route in Asked(rule))
            {
                if (!isRoute(route) && !IsOwn(rule, route))
                {
                    return (rule, route);
                }
            }
        }

        return null;
    }

    private static IEnumerable<string> Asked(GuardRule rule)
    {
        if (rule.PlugIn is { Route.Length: > 0 } model)
        {
            yield return model.Route;
        }

        if (rule is { Action: GuardAction.Fallback, Route: { } better })
        {
            yield return better;
        }

        if (rule.AnswerCheck.Samples > 0)
        {
            yield return rule.AnswerCheck.SampleRoute;
        }

        if (rule.AnswerCheck.Judge is { } judge)
        {
            yield return judge;
        }
    }

    private static bool IsOwn(GuardRule rule, string route) =>
        rule.PlugIn is { Shape: PlugInShape.Moderation } && ModerationsSurface.Own.Contains(route);
}
