using Gatehouse.Gateway.Routing;

namespace Gatehouse.Configuration;

/// <summary>What is odd about routes although the file is right.</summary>
internal static class RouteChecks
{
    public static IEnumerable<DoctorCheck> Of(CompiledConfiguration configuration)
    {
        foreach (var route in configuration.Routes.Routes)
        {
            var name = "route " + route.Name;
            if (route.Off is { } off)
            {
                yield return new(name, DoctorState.Notice, $"It refuses calls: {off}", "Nothing, if that is meant.");
            }
            else if (route.Targets.All(t => t.Off is not null))
            {
                yield return new(
                    name, DoctorState.Warning, "Every target is switched off, so it refuses calls.",
                    $"Switch a target of 'routes.{route.Name}' or its provider on.");
            }

            var ailing = route.Targets.Where(t => t is { Off: null, Health.IsHealthy: false }).ToList();
            if (ailing.Count > 0)
            {
                var none = ailing.Count == route.Targets.Count(t => t.Off is null);
                yield return new(name, none ? DoctorState.Failing : DoctorState.Warning,
                    $"Health checks of this node find {string.Join(", ", ailing.Select(t => t.Name))} down: {ailing[0].Health!.Last?.Error}",
                    none
                        ? "See to the providers: the first of them is asked until one is back."
                        : "See to the provider; its calls go to the other targets.");
            }

            var unpriced = route.Strategy != RoutingStrategy.LowestCost ? [] : route.Targets
                .Where(t => t.Model != Target.AnyModel
                    && !configuration.Prices.TryFind(t.Provider.Name, t.Provider.Settings.Kind, t.Model, out _))
                .Select(t => t.Name)
                .ToList();
            if (unpriced.Count > 0)
            {
                yield return new(name, DoctorState.Warning,
                    $"It picks by cost, and there is no price for {string.Join(", ", unpriced)}: asked last.",
                    "Add it to 'prices.models'; a model that costs nothing has the price 0.");
            }
        }
    }
}
