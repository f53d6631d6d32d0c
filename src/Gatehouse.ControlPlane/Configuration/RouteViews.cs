using Gatehouse.Contracts;

namespace Gatehouse.Configuration;

/// <summary>One target of a route as lists show it.</summary>
/// <param name="Model"><c>*</c> passes on the name that the client asked for.</param>
public sealed record TargetView(string Provider, string Model, int Weight, int Order);

/// <summary>One route as lists show it.</summary>
public sealed record RouteView(string Name, bool Strict, IReadOnlyList<TargetView> Targets);

/// <summary>The routes of the configuration in force. Every signed-in person may see them.</summary>
public sealed class RouteViews(ConfigurationState state)
{
    public IReadOnlyList<RouteView> List(Person who)
    {
        ArgumentNullException.ThrowIfNull(who);
        return [.. state.Current.Compiled.Routes.Routes.Select(
            r => new RouteView(r.Name, r.Strict, [.. r.Targets.Select(t => new TargetView(t.Provider.Name, t.Model, t.Weight, t.Order))]))];
    }
}
