using Gatehouse.Contracts;
using Gatehouse.Observability.Calls;
using Gatehouse.Observability.Ledger;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Rollups;

/// <summary>
/// The calls of a filter's route or model that the sums have under another name: <see cref="CallFilter.UnknownRoute"/> or
/// <see cref="CallFilter.OtherNames"/>.
/// </summary>
internal sealed class NamedCalls
{
    /// <summary>Shapes that a statement is given one by one; of more, it looks them up.</summary>
    private const int MostShapes = 500;

    private static readonly FormattableString IsOutside = $"(is_other = {true} OR ({UnknownRoute.OfShape}))";

    private NamedCalls(FormattableString condition) => Condition = condition;

    /// <summary>Of the ledger's calls that have this name, or that a target of it had a part in.</summary>
    public FormattableString Condition { get; }

    /// <returns><see langword="null"/> where there are none.</returns>
    public static async Task<NamedCalls?> FindAsync(Database db, CallFilter filter, CancellationToken ct)
    {
        // A model that nobody knows, or one that a route passed on, has the name that was asked for.
        var name = filter.Route is { } route && IsName(route) ? route
            : filter.Model is { Length: > 0 } model && IsName(model) ? model
            : null;
        if (name is null)
        {
            return null;
        }

        FormattableString named = $"route = {name} AND {IsOutside}";
        var shapes = await db.ScanAsync(
            $"SELECT number FROM observability_call_shape WHERE {named} LIMIT {MostShapes + 1}", row => row.Long(0), ct);
        if (shapes.Count == 0)
        {
            return null;
        }

        return new NamedCalls(shapes.Count <= MostShapes
            ? (FormattableString)$"outside_shape IN {shapes}"
            : $"outside_shape IS NOT NULL AND outside_shape IN (SELECT number FROM observability_call_shape WHERE {named})");
    }

    /// <summary>
    /// Marks calls that a node of an older version recorded without what they are found by. Only hours are read that have such calls.
    /// </summary>
    public static async Task MarkAsync(Database db, DateTimeOffset from, CancellationToken ct)
    {
        var names = (List<string>)[CallFilter.UnknownRoute, CallFilter.OtherNames];
        var hours = await db.ScanAsync(
            $"""
            SELECT DISTINCT bucket_at FROM observability_traffic
            WHERE step_seconds = 3600 AND bucket_at >= {from.AddHours(-1)} AND route IN {names}
            """,
            row => row.Instant(0),
            ct);
        foreach (var hour in hours)
        {
            await db.ExecuteAsync(
                $"""
                UPDATE observability_call SET outside_shape = shape
                WHERE outside_shape IS NULL AND id >= {CallConditions.EarliestId(hour)} AND id <= {CallConditions.LatestId(hour.AddHours(1))}
                    AND shape IN (SELECT number FROM observability_call_shape WHERE {IsOutside})
                """,
                ct);
        }
    }

    public static bool IsName(string name) => name is not (CallFilter.UnknownRoute or CallFilter.OtherNames);
}
