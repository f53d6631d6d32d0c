using Gatehouse.Console.Shared;
using Gatehouse.Contracts;

namespace Gatehouse.Console.Budgets;

/// <summary>How scopes and periods read.</summary>
internal static class Scopes
{
    public static string Show(CallScope scope, string? team, string? system, string? key)
    {
        var parts = new List<string> { system is null ? team is null ? "all teams" : $"team {team}" : $"{team}/{system}" };
        Add("key", key);
        Add("route", scope.Route);
        Add(scope.IsPerUser ? "each" : "end user", scope.IsPerUser ? "end user" : scope.EndUser);
        return string.Join(", ", parts);

        void Add(string what, string? value)
        {
            if (value is not null)
            {
                parts.Add($"{what} {value}");
            }
        }
    }

    public static string Word(BudgetPeriod period) => period switch
    {
        BudgetPeriod.Day => "a day",
        BudgetPeriod.Month => "a month",
        _ => "in total",
    };
}

/// <summary>How a budget stands, as a state.</summary>
internal static class BudgetStates
{
    public static Status Of(BudgetStanding b) => b.SpentUsd >= b.Budget.LimitUsd ? Status.Failing
        : b.SpentUsd * 100 >= b.Budget.LimitUsd * b.Budget.AlertPercent ? Status.Warning
        : b.ForecastUsd > b.Budget.LimitUsd ? Status.Notice
        : Status.Ok;
}
