using Gatehouse.Console.Frame;
using Gatehouse.Contracts;

namespace Gatehouse.Console.Calls;

/// <summary>Addresses of the Calls page: each number of the console leads to exactly the calls it sums.</summary>
internal static class CallLinks
{
    public static string To(CallSummary call) => "/calls/" + call.Id;

    /// <summary>The calls of this filter in this range; the filter's own <c>From</c> and <c>To</c> are not looked at.</summary>
    public static string To(TimeRange range, CallFilter? filter = null)
    {
        var query = new QueryText();
        if (filter is not null)
        {
            query.Set("team", filter.TeamId?.ToString())
                .Set("system", filter.SystemId?.ToString())
                .Set("environment", filter.Environment?.ToString().ToLowerInvariant())
                .Set("route", filter.Route)
                .Set("provider", filter.Provider)
                .Set("model", filter.Model)
                .Set("outcome", filter.Outcome?.ToString().ToLowerInvariant())
                .Set("search", filter.Search);
        }

        return "/calls" + range.AddTo(query);
    }

    /// <summary>What the address of a page asks for; a value that cannot be read does not filter.</summary>
    public static CallFilter Filter(Visit visit)
    {
        var query = visit.Http.Request.Query;
        return new CallFilter(
            From: visit.Range.From,
            To: visit.Range.Key is null ? visit.Range.To : null,
            TeamId: Guid.TryParse(query["team"], out var team) ? team : null,
            SystemId: Guid.TryParse(query["system"], out var system) ? system : null,
            Environment: Enum.TryParse<SystemEnvironment>(query["environment"], ignoreCase: true, out var environment) ? environment : null,
            Route: Text(query["route"]),
            Provider: Text(query["provider"]),
            Model: Text(query["model"]),
            Outcome: Enum.TryParse<CallOutcome>(query["outcome"], ignoreCase: true, out var outcome) ? outcome : null,
            Search: Text(query["search"]),
            Before: Guid.TryParse(query["before"], out var before) ? before : null);
    }

    private static string? Text(string? value) => string.IsNullOrWhiteSpace(value) ? null : value.Trim();
}
