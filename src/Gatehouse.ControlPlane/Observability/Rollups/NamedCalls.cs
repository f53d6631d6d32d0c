using Gatehouse.Contracts;
using Gatehouse.Observability.Ledger;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Rollups;

/// <summary>
/// Which calls of a filter's route or model the sums have under another name: <see cref="CallFilter.UnknownRoute"/> or
/// <see cref="CallFilter.OtherNames"/>.
/// </summary>
internal sealed class NamedCalls
{
    private readonly FormattableString? _shapes; // that such calls have

    public NamedCalls(CallFilter filter)
    {
        FormattableString isOther = $"is_other = {true}";
        if (filter.Route is { } route && IsName(route))
        {
            Ended = HadPart = $"(({UnknownRoute.Condition}) OR {isOther})";
            _shapes = $"(({UnknownRoute.OfShape}) OR {isOther}) AND route = {route}";
        }
        else if (filter.Model is { Length: > 0 } model && IsName(model))
        {
            Ended = $"(({UnknownRoute.Condition}) OR ({isOther} AND model = route))";
            HadPart = $"{isOther} AND route = {model}";
            _shapes = $"((({UnknownRoute.OfShape}) AND model = {model}) OR ({isOther} AND route = {model}))";
        }
        else
        {
            Ended = HadPart = $"1 = 0";
        }
    }

    /// <summary>Of the ledger's calls that such a target ended.</summary>
    public FormattableString Ended { get; }

    /// <summary>Of those that it had a part in.</summary>
    public FormattableString HadPart { get; }

    public async Task<bool> AnyAsync(Database db, CancellationToken ct) => _shapes is not null && (await db.QueryAsync(
        $"SELECT 1 FROM observability_call_shape WHERE {_shapes} LIMIT 1", row => row.Long(0), ct)).Count > 0;

    private static bool IsName(string name) => name is not (CallFilter.UnknownRoute or CallFilter.OtherNames);
}
