using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Routing;

/// <summary>Helps a caller who asked for a model that no route serves.</summary>
internal static class NearestRoutes
{
    private const int MaxNamed = 3;
    private const int MaxShownChars = 64;

    public static Problem Unknown(RouteTable routes, string model)
    {
        var shown = model.Length > MaxShownChars ? model[..MaxShownChars] + "…" : model;
        var near = Near(routes, model);
        var hint = near.Count > 0 ? $"Did you mean {string.Join(" or ", near.Select(n => $"'{n}'"))}?"
            : routes.Routes.Count == 0 ? "No route is configured yet."
            : "GET /v1/models lists the routes.";
        return new Problem("model_not_found", 404, $"There is no route for the model '{shown}'. {hint}") { Field = "model" };
    }

    /// <summary>
    /// At most three names within an edit distance of a third of the name, nearest first, or names that the model begins.
    /// </summary>
    private static List<string> Near(RouteTable routes, string model)
    {
        if (model.Length is 0 or > RouteTable.MaxNameChars)
        {
            return [];
        }

        var limit = Math.Max(1, model.Length / 3);
        return [.. routes.Routes
            .Select(r => r.Name)
            .Select(n => (Name: n, Distance: n.StartsWith(model, StringComparison.OrdinalIgnoreCase) ? 0 : Distance(n, model)))
            .Where(n => n.Distance <= limit)
            .OrderBy(n => n.Distance)
            .Take(MaxNamed)
            .Select(n => n.Name)];
    }

    /// <summary>Levenshtein, ignoring case.</summary>
    private static int Distance(string a, string b)
    {
        var row = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++)
        {
            row[j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var substituted = diagonal + (char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
