using System.Globalization;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.OpenApi;

namespace Gatehouse.Observability;

/// <summary>A parameter of a query string.</summary>
internal sealed record CallParameter(string Name, string Meaning, string? Format = null);

/// <summary>Reads a <see cref="CallFilter"/> from a query string. Every mistake is a problem that names the parameter.</summary>
internal static class CallFilterQuery
{
    private static readonly CallParameter[] Known =
    [
        new("from", "Only calls that started at or after this time, such as 2026-03-01T12:00:00Z. Lists begin 30 days back without it, sums a day.", "date-time"),
        new("to", "Only calls that started before this time.", "date-time"),
        new("team", "Only this team's: its id.", "uuid"),
        new("system", "Only this system's: its id.", "uuid"),
        new("environment", "development, staging or production."),
        new("route", "The model that the client asked for; (unknown) for all names that nobody knew, (other) for those after the first 200 of a team and day (UTC) that are no routes."),
        new("provider", "The provider that answered or was tried last; empty for calls that reached none."),
        new("model", "The model asked of that provider; empty for calls that reached none, (unknown) and (other) as for route."),
        new("outcome", "ok, refused, failed or cancelled."),
        new("guard", "What the guards did: passed, shadowed, flagged, unchecked, rerouted, redacted or blocked."),
        new("error", "The error code; empty for calls without one."),
        new("unpriced", "true: only calls that a provider answered, in part at least, at a cost that is not known."),
        new("cached", "true: only calls whose answer came from the cache, in part at least."),
        new("search", "Part of a request id, trace id, model or error message."),
        new("before", "Only calls older than this call id: the next of the page before.", "uuid"),
        new("limit", "1 to 500 calls; default 50."),
    ];

    /// <summary>Known to those who follow calls.</summary>
    public static readonly CallParameter After = new(
        "after", "Begin with the calls that were recorded after this one: the newest that the reader has. Last-Event-ID goes before it.",
        "uuid");

    private static readonly string[] Parameters = [.. Known.Select(p => p.Name)];

    /// <summary>Lists the parameters in the API's document.</summary>
    /// <param name="further">Parameters that the endpoint knows besides those of the filter.</param>
    public static RouteHandlerBuilder WithCallFilter(this RouteHandlerBuilder endpoint, params CallParameter[] further) =>
        endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.Parameters ??= [];
            foreach (var parameter in Known.Concat(further))
            {
                operation.Parameters.Add(new OpenApiParameter
                {
                    Name = parameter.Name,
                    In = ParameterLocation.Query,
                    Description = parameter.Meaning,
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = parameter.Format },
                });
            }

            return Task.CompletedTask;
        });

    /// <param name="further">Parameters that the endpoint knows besides those of the filter.</param>
    public static CallFilter Read(IQueryCollection query, params ReadOnlySpan<string> further)
    {
        foreach (var (name, values) in query)
        {
            if (!Parameters.Contains(name) && !further.Contains(name))
            {
                throw Invalid(name, $"is not a parameter here; known are {string.Join(", ", [.. Parameters, .. further])}");
            }

            if (values.Count != 1)
            {
                throw Invalid(name, "must be given once");
            }
        }

        return new CallFilter(
            From: Instant(query, "from"),
            To: Instant(query, "to"),
            TeamId: Id(query, "team"),
            SystemId: Id(query, "system"),
            Environment: Word(query, "environment", Words.Environment, "development, staging or production"),
            Route: Text(query, "route"),
            Provider: Text(query, "provider"),
            Model: Text(query, "model"),
            Outcome: Word(query, "outcome", Words.Outcome, "ok, refused, failed or cancelled"),
            ErrorCode: Text(query, "error"),
            Unpriced: Flag(query, "unpriced"),
            Cached: Flag(query, "cached"),
            Search: Text(query, "search"),
            Before: Id(query, "before"),
            Limit: Limit(query),
            Guard: Word(query, "guard", Words.Verdict, "passed, shadowed, flagged, unchecked, rerouted, redacted or blocked"));
    }

    /// <summary>The last call that the reader has, as the browser says when it connects again, else as the address says.</summary>
    public static Guid? ReadAfter(HttpRequest request) =>
        Guid.TryParseExact(request.Headers["Last-Event-ID"], "D", out var last) ? last : Id(request.Query, After.Name);

    /// <summary><c>1m</c>, <c>5m</c>, <c>15m</c>, <c>1h</c>, <c>6h</c>, <c>1d</c>; <see langword="null"/> when it is not given.</summary>
    public static TimeSpan? Step(IQueryCollection query)
    {
        if (Text(query, "step") is not { } text)
        {
            return null;
        }

        foreach (var step in TrafficQueries.Steps)
        {
            if (text == NameOf(step))
            {
                return step;
            }
        }

        throw Invalid("step", $"must be one of {string.Join(", ", TrafficQueries.Steps.Select(NameOf))}");
    }

    public static ProblemException Invalid(string name, string rule) => new(Problem.Invalid(name, rule));

    private static string NameOf(TimeSpan step)
    {
        var (count, unit) = step.TotalDays >= 1 ? (step.Days, "d") : step.TotalHours >= 1 ? (step.Hours, "h") : (step.Minutes, "m");
        return count.ToString(CultureInfo.InvariantCulture) + unit;
    }

    private static string? Text(IQueryCollection query, string name) => query.TryGetValue(name, out var values) ? values[0] : null;

    private static DateTimeOffset? Instant(IQueryCollection query, string name)
    {
        if (Text(query, name) is not { } text)
        {
            return null;
        }

        const DateTimeStyles styles = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, styles, out var at) && at.Year is >= 1971 and <= 9000
            ? at
            : throw Invalid(name, "must be a time such as 2026-03-01T12:00:00Z, from 1971 to 9000");
    }

    private static Guid? Id(IQueryCollection query, string name)
    {
        if (Text(query, name) is not { } text)
        {
            return null;
        }

        return Guid.TryParseExact(text, "D", out var id)
            ? id
            : throw Invalid(name, "must be an id such as 0195f2c4-7d1e-7c3a-9b52-3f6d1a2b4c5d");
    }

    private static T? Word<T>(IQueryCollection query, string name, Func<string, T?> parse, string allowed)
        where T : struct
    {
        if (Text(query, name) is not { } text)
        {
            return null;
        }

        return parse(text) ?? throw Invalid(name, $"must be {allowed}");
    }

    private static bool Flag(IQueryCollection query, string name) => Text(query, name) switch
    {
        null or "false" => false,
        "true" => true,
        _ => throw Invalid(name, "must be true or false"),
    };

    private static int Limit(IQueryCollection query)
    {
        if (Text(query, "limit") is not { } text)
        {
            return 50;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit is >= 1 and <= 500
            ? limit
            : throw Invalid("limit", "must be between 1 and 500");
    }
}
