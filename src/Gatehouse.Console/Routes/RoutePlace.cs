using Gatehouse.Configuration;
using Gatehouse.Contracts;

namespace Gatehouse.Console.Routes;

/// <summary>Where a call belongs on the page of routes.</summary>
/// <param name="Route">The configured route that serves the name; <see langword="null"/> for names that none serves.</param>
/// <param name="Target">The route's target that ended the call; <see langword="null"/> when it was not sent, or to a target that is
/// gone.</param>
/// <param name="Sent">Whether any provider was asked; of names without a route: whether one served them once.</param>
internal sealed record RoutePlace(string? Route, TargetView? Target, bool Sent)
{
    /// <summary>Names beyond those that the sums tell apart.</summary>
    public static readonly RoutePlace Others = new(CallFilter.OtherNames, null, true);

    /// <summary>No name: what was refused before it was read, and operations that need none.</summary>
    public static readonly RoutePlace Nameless = new("", null, false);

    public static RoutePlace Of(IReadOnlyList<RouteView> routes, string asked, string provider, string model)
    {
        if (asked == CallFilter.OtherNames)
        {
            return Others;
        }

        if (asked.Length == 0)
        {
            return Nameless;
        }

        if (asked == CallFilter.UnknownRoute || RouteOf(routes, asked) is not { } route)
        {
            return new(null, null, asked != CallFilter.UnknownRoute);
        }

        var target = route.Targets.FirstOrDefault(t => t.Provider == provider && t.Model == model)
            ?? route.Targets.FirstOrDefault(t => t.Provider == provider && t.Model == "*");
        return new(route.Name, target, provider.Length > 0);
    }

    /// <summary>As the gateway finds it: the name itself, else the longest beginning.</summary>
    private static RouteView? RouteOf(IReadOnlyList<RouteView> routes, string asked) =>
        routes.FirstOrDefault(r => r.Name == asked)
        ?? routes.Where(r => r.Name.EndsWith('*') && asked.StartsWith(r.Name[..^1], StringComparison.Ordinal)).MaxBy(r => r.Name.Length);
}
