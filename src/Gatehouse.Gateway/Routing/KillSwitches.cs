using System.Collections.Frozen;

namespace Gatehouse.Gateway.Routing;

/// <summary>
/// Providers, models and routes that people switched off: why, by name. Applied when a table is published, so that a call pays nothing
/// for them. Switches of systems and keys are on their <see cref="Principal"/>.
/// </summary>
/// <param name="models">By <c>model</c> or <c>provider/model</c>.</param>
public sealed class KillSwitches(
    IReadOnlyDictionary<string, string> providers, IReadOnlyDictionary<string, string> models, IReadOnlyDictionary<string, string> routes)
{
    public static readonly KillSwitches None =
        new(FrozenDictionary<string, string>.Empty, FrozenDictionary<string, string>.Empty, FrozenDictionary<string, string>.Empty);

    /// <returns>Why calls may not go to a provider, or <see langword="null"/>.</returns>
    public string? Provider(string name) =>
        providers.TryGetValue(name, out var why) ? $"the provider '{name}' is switched off: {Ended(why)}" : null;

    public RouteTable Apply(RouteTable table) =>
        providers.Count + models.Count + routes.Count == 0 ? table : new RouteTable([.. table.Routes.Select(Apply)]);

    private Route Apply(Route route) => route with
    {
        Off = routes.TryGetValue(route.Name, out var why) ? Ended(why) : route.Off,
        Targets = [.. route.Targets.Select(t => t with { Off = Provider(t.Provider.Name) ?? Model(t) ?? t.Off })],
        Mirror = route.Mirror is { } mirror
            ? mirror with { Target =
                mirror.Target with { Off = Provider(mirror.Target.Provider.Name) ?? Model(mirror.Target) ?? mirror.Target.Off } }
            : null,
        ModelsOff = models.Count > 0 && route.AllTargets.Any(t => t.Model == Target.AnyModel) ? models.ToFrozenDictionary(
            m => m.Key, m => Ended(m.Value)) : null,
    };

    private string? Model(Target target) => models.TryGetValue(target.Model, out var why) || models.TryGetValue(target.Name, out why)
        ? $"the model '{target.Model}' is switched off: {Ended(why)}"
        : null;

    private static string Ended(string sentence) => sentence.TrimEnd().EndsWith('.') ? sentence : sentence + ".";
}
