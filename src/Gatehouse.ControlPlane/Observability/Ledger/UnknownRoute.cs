using Gatehouse.Contracts;

namespace Gatehouse.Observability.Ledger;

/// <summary>
/// Which calls asked for a model that nobody knows: Gatehouse has no route for it, or a route passed the name on and the provider said so.
/// </summary>
internal static class UnknownRoute
{
    private const int NotFound = 404;

    /// <summary>The same for the ledger. No call of it is in a roll-up under the name that it asked for.</summary>
    public static readonly FormattableString Condition = $"status = {NotFound} AND outcome <> 'ok' AND (model IS NULL OR model = route)";

    /// <summary>The same for <c>observability_call_shape</c>.</summary>
    public static readonly FormattableString OfShape = $"status = {NotFound} AND outcome <> 'ok' AND (model = '' OR model = route)";

    public static bool Is(long status, CallOutcome? outcome, string route, string? model) =>
        status == NotFound && outcome != CallOutcome.Ok && (model is null || model == route);
}
