using Gatehouse.Observability;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Console.Frame;

/// <summary>One line of the palette.</summary>
public sealed record PaletteEntry(string Group, string Name, string Note, string Path, string Icon);

/// <summary>GET /palette/results — pages, acts, systems and calls that fit what was typed.</summary>
internal static class PaletteSearch
{
    private const int MostOfAGroup = 6;

    private static readonly PaletteEntry[] Fixed =
    [
        .. Navigation.Groups.SelectMany(g => g.Pages.Select(p => new PaletteEntry("Pages", p.Name, g.Group, p.Path, p.Icon))),
        new("Pages", "People", "Settings", "/settings", "settings"),
        new("Pages", "Access tokens", "Settings", "/settings/tokens", "settings"),
        new("Pages", "Secrets", "Settings", "/settings/secrets", "settings"),
        new("Pages", "Doctor", "Settings", "/settings/doctor", "settings"),
        new("Pages", "Audit", "Settings", "/settings/audit", "settings"),
        new("Pages", "Configuration", "Settings", "/settings/configuration", "settings"),
        new("Acts", "Register a system", "give it a name, a purpose and an owner", "/systems/new", "plus"),
        new("Acts", "Follow calls live", "new calls as they end", "/calls?live=on", "live"),
        new("Acts", "See failed calls", "of the last 24 hours", "/calls?outcome=failed", "calls"),
        new("Acts", "Invite a person", "a link to sign in by", "/settings#invite", "plus"),
    ];

    public static void Map(IEndpointRouteBuilder app) => app.MapGet("/palette/results", FindAsync);

    private static async Task<RazorComponentResult<PaletteResults>> FindAsync(
        string? search, Visit visit, Governance.Systems systems, CallQueries calls, CancellationToken ct)
    {
        var text = (search ?? "").Trim();
        var found = Fixed.Where(e => Fits(e, text)).ToList();
        foreach (var system in (await systems.ListAsync(visit.Who, null, ct))
            .Where(s => Contains(s.Name, text) || Contains(s.Purpose, text)).Take(MostOfAGroup))
        {
            found.Add(new("Systems", system.Name, system.Purpose, "/systems/" + system.Id, "systems"));
        }

        if (text.Length >= 4)
        {
            var begun = await calls.FindByPrefixAsync(visit.Who, text, MostOfAGroup, ct);
            found.AddRange(begun.Select(c => new PaletteEntry(
                "Calls", c.RequestId, $"{c.System} · {c.Route} · {c.Outcome.ToString().ToLowerInvariant()}", "/calls/" + c.Id, "calls")));
        }

        return new(new Dictionary<string, object?>
        {
            [nameof(PaletteResults.Entries)] = found,
            [nameof(PaletteResults.Query)] = text,
        });
    }

    private static bool Fits(PaletteEntry entry, string text) =>
        text.Length == 0 || Contains(entry.Name, text) || Contains(entry.Note, text);

    private static bool Contains(string where, string text) => where.Contains(text, StringComparison.OrdinalIgnoreCase);
}
