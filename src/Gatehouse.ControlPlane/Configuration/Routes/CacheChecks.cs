using System.Globalization;
using Gatehouse.Gateway.Caching;

namespace Gatehouse.Configuration;

/// <summary>The rules between the settings of a route's cache.</summary>
/// <param name="add">Takes an error: its place, what is wrong, and what to do.</param>
internal sealed class CacheChecks(Sources sources, Action<Place, string, string?> add)
{
    public void Check(GatehouseOptions options, string route, CacheOptions cache)
    {
        if (cache.WhenDown is { } down && down <= cache.Ttl)
        {
            add(sources.Of(cache, "when_down"), $"'routes.{route}.cache.when_down' is not longer than its 'ttl'.",
                "Answers younger than 'ttl' are served anyway.");
        }

        if (cache.MaxEntry.Bytes > options.Caches.Answers.Bytes / 10)
        {
            add(sources.Of(cache, "max_entry"), $"'routes.{route}.cache.max_entry' is more than a tenth of 'caches.answers'.",
                "One answer never takes more than a tenth of the room.");
        }

        for (var i = 0; i < cache.Ignore.Count; i++)
        {
            if (!RouteCompiler.Ignorable.Contains(cache.Ignore[i]))
            {
                var nearest = Nearest.To(cache.Ignore[i], RouteCompiler.Ignorable);
                add(sources.Of(cache.Ignore, i.ToString(CultureInfo.InvariantCulture)),
                    $"'routes.{route}.cache.ignore' names what an answer may depend on.",
                    nearest is null ? $"Allowed: {string.Join(", ", RouteCompiler.Ignorable)}." : $"Did you mean '{nearest}'?");
            }
        }

        if (cache.Semantic is { } semantic)
        {
            Check(options, route, cache, semantic);
        }
    }

    private void Check(GatehouseOptions options, string route, CacheOptions cache, SemanticCacheOptions semantic)
    {
        if (cache.Scope == CacheSharing.Team)
        {
            add(sources.Of(cache, "semantic"),
                $"'routes.{route}.cache.semantic' would give answers of one system to similar questions of another.",
                "Use 'scope: system' or 'scope: end_user' with it.");
        }

        var known = options.Routes.Keys.Append(ProviderPresets.Simulator).ToList();
        if (semantic.Route.Length == 0)
        {
            return; // The binder has reported it.
        }

        if (semantic.Route == route)
        {
            add(sources.Of(semantic, "route"), $"'routes.{route}.cache.semantic.route' is the route itself.",
                "Name a route that leads to an embedding model.");
        }
        else if (!known.Exists(
            k => k == semantic.Route || (k.EndsWith('*') && semantic.Route.StartsWith(k[..^1], StringComparison.Ordinal))))
        {
            var nearest = Nearest.To(semantic.Route, known);
            add(sources.Of(semantic, "route"), $"'routes.{route}.cache.semantic.route' is no model that a route serves.",
                nearest is null ? $"There are: {string.Join(", ", known)}." : $"Did you mean '{nearest}'?");
        }
    }
}
