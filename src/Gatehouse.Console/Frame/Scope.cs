using Gatehouse.Contracts;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Console.Frame;

/// <summary>What a page looks at: a time, and one team and environment or all of them. Part of the address; links carry it on.</summary>
public sealed record Scope(TimeRange Range, Guid? TeamId = null, SystemEnvironment? Environment = null)
{
    public static Scope Of(IQueryCollection query, DateTimeOffset now) => new(
        TimeRange.Of(query, now),
        Guid.TryParse(query["team"], out var team) ? team : null,
        Choice.Of<SystemEnvironment>(query["environment"]));

    /// <summary>The filter of everything in it.</summary>
    public CallFilter Filter => new(From: Range.From, To: Range.To, TeamId: TeamId, Environment: Environment);

    /// <summary>The address of a page that looks at the same.</summary>
    internal string Path(string page) => page + AddTo(new QueryText());

    internal QueryText AddTo(QueryText query) => Range.AddTo(query
        .Set("team", TeamId?.ToString())
        .Set("environment", Environment?.ToString().ToLowerInvariant()));
}
