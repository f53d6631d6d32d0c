using Gatehouse.Console.Frame;
using Gatehouse.Contracts;

namespace Gatehouse.Console.Calls;

/// <summary>Addresses of the Calls page: each number of the console leads to exactly the calls it sums.</summary>
internal static class CallLinks
{
    /// <summary>Stands in an address for an empty name: calls that no provider was asked for have none.</summary>
    private const string None = "(none)";

    public static string To(CallSummary call) => "/calls/" + call.Id;

    /// <summary>The calls of this filter within the scope; the filter's own <c>From</c> and <c>To</c> are not looked at.</summary>
    public static string To(Scope scope, CallFilter? filter = null)
    {
        var query = new QueryText();
        var narrowed = scope with { TeamId = filter?.TeamId ?? scope.TeamId, Environment = filter?.Environment ?? scope.Environment };
        if (filter is not null)
        {
            query.Set("system", filter.SystemId?.ToString())
                .Set("route", filter.Route)
                .Set("provider", Word(filter.Provider))
                .Set("model", Word(filter.Model))
                .Set("outcome", filter.Outcome?.ToString().ToLowerInvariant())
                .Set("error", Word(filter.ErrorCode))
                .Set("unpriced", filter.Unpriced ? "true" : null)
                .Set("cached", filter.Cached ? "true" : null)
                .Set("search", filter.Search);
        }

        return "/calls" + narrowed.AddTo(query);
    }

    /// <summary>What the address of a page asks for; a value that cannot be read does not filter.</summary>
    public static CallFilter Filter(Visit visit)
    {
        var query = visit.Http.Request.Query;
        var scope = visit.Scope;
        return new CallFilter(
            From: scope.Range.From,
            To: scope.Range.Key is null ? scope.Range.To : null,
            TeamId: scope.TeamId,
            SystemId: Guid.TryParse(query["system"], out var system) ? system : null,
            Environment: scope.Environment,
            Route: Text(query["route"]),
            Provider: Name(query["provider"]),
            Model: Name(query["model"]),
            Outcome: Choice.Of<CallOutcome>(query["outcome"]),
            ErrorCode: Name(query["error"]),
            Unpriced: query["unpriced"] == "true",
            Cached: query["cached"] == "true",
            Search: Text(query["search"]),
            Before: Guid.TryParse(query["before"], out var before) ? before : null);
    }

    private static string? Word(string? name) => name is { Length: 0 } ? None : name;

    private static string? Name(string? value) => Text(value) is var name && name == None ? "" : name;

    private static string? Text(string? value) => string.IsNullOrWhiteSpace(value) ? null : value.Trim();
}
