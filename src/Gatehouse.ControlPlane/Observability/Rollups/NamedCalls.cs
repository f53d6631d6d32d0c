using Gatehouse.Contracts;
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

    private NamedCalls(FormattableString ended, FormattableString hadPart) => (Ended, HadPart) = (ended, hadPart);

    /// <summary>Of the ledger's calls that such a target ended.</summary>
    public FormattableString Ended { get; }

    /// <summary>Of those that it had a part in.</summary>
    public FormattableString HadPart { get; }

    /// <returns><see langword="null"/> where there are none.</returns>
    public static async Task<NamedCalls?> FindAsync(Database db, CallFilter filter, CancellationToken ct)
    {
        FormattableString isOther = $"is_other = {true}";
        FormattableString named;
        var byRoute = filter.Route is { } asked && IsName(asked);
        if (byRoute)
        {
            named = $"route = {filter.Route} AND (({UnknownRoute.OfShape}) OR {isOther})";
        }
        else if (filter.Model is { Length: > 0 } model && IsName(model))
        {
            // A model that nobody knows, or one that a route passed on, has the name that was asked for.
            named = $"((route = {model} AND {isOther}) OR (model = {model} AND {UnknownRoute.OfShape}))";
        }
        else
        {
            return null;
        }

        var shapes = await db.ScanAsync(
            $"SELECT number FROM observability_call_shape WHERE {named} LIMIT {MostShapes + 1}", row => row.Long(0), ct);
        if (shapes.Count == 0)
        {
            return null;
        }

        FormattableString ended = shapes.Count <= MostShapes
            ? (FormattableString)$"outside_shape IN {shapes}"
            : $"outside_shape IS NOT NULL AND outside_shape IN (SELECT number FROM observability_call_shape WHERE {named})";
        return new NamedCalls(ended, byRoute ? ended : $"{isOther} AND {ended}");
    }

    public static bool IsName(string name) => name is not (CallFilter.UnknownRoute or CallFilter.OtherNames);
}
