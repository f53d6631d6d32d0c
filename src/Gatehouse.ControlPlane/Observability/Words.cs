using Gatehouse.Contracts;

namespace Gatehouse.Observability;

/// <summary>The lower-case words by which enums stand in tables, labels and query strings.</summary>
internal static class Words
{
    public static string Of(CallOutcome outcome) => outcome switch
    {
        CallOutcome.Ok => "ok",
        CallOutcome.Refused => "refused",
        CallOutcome.Failed => "failed",
        CallOutcome.Cancelled => "cancelled",
        _ => throw new ArgumentOutOfRangeException(nameof(outcome)),
    };

    public static string Of(SystemEnvironment environment) => environment switch
    {
        SystemEnvironment.Development => "development",
        SystemEnvironment.Staging => "staging",
        SystemEnvironment.Production => "production",
        _ => throw new ArgumentOutOfRangeException(nameof(environment)),
    };

    public static CallOutcome? Outcome(string word) => word switch
    {
        "ok" => CallOutcome.Ok,
        "refused" => CallOutcome.Refused,
        "failed" => CallOutcome.Failed,
        "cancelled" => CallOutcome.Cancelled,
        _ => null,
    };

    public static SystemEnvironment? Environment(string word) => word switch
    {
        "development" => SystemEnvironment.Development,
        "staging" => SystemEnvironment.Staging,
        "production" => SystemEnvironment.Production,
        _ => null,
    };

    public static string Of(GuardVerdict verdict) => verdict.ToString().ToLowerInvariant();

    public static GuardVerdict? Verdict(string word)
    {
        foreach (var verdict in Enum.GetValues<GuardVerdict>())
        {
            if (Of(verdict) == word)
            {
                return verdict;
            }
        }

        return null;
    }
}
