using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;
using Gatehouse.Gateway.Routing;
using Gatehouse.Storage;

namespace Gatehouse.Observability.Ledger;

/// <summary>
/// Which names have rows of their own in the sums. A caller chooses the name that a call asks for, and may choose another each time: of a
/// team's day, beside the routes of the configuration, the first names have rows, and all further ones share those of
/// <see cref="CallFilter.OtherNames"/>. What other nodes and earlier runs have made is read once for each team and day. For one drain at a
/// time.
/// </summary>
internal sealed class CallerNames(Database db)
{
    /// <summary>Names of a team and a day (UTC) that are no routes.</summary>
    public const int MostADay = 200;

    private const long DayMicros = 86_400_000_000;

    /// <summary>Teams and days; more are forgotten at once.</summary>
    private const int MaxKept = 1000;

    private readonly Dictionary<(Guid Team, long Day), HashSet<string>> _names = [];

    /// <summary>To be called before <see cref="IsOther"/> is asked about these.</summary>
    public async Task LoadAsync(IReadOnlyList<LedgerEntry> entries, RouteTable routes, CancellationToken ct)
    {
        if (_names.Count > MaxKept)
        {
            _names.Clear();
        }

        var asked = new HashSet<(Guid Team, long Day)>();
        foreach (var entry in entries)
        {
            if (IsCallers(entry.Record, routes) && PlaceOf(entry.Record) is var place && _names.TryAdd(place, []))
            {
                asked.Add(place);
            }
        }

        if (asked.Count == 0)
        {
            return;
        }

        var teams = asked.Select(p => p.Team).Distinct().ToList();
        var rows = await db.QueryAsync(
            $"""
            SELECT team_id, bucket_at - bucket_at % {DayMicros}, route FROM observability_traffic
            WHERE team_id IN {teams} AND step_seconds = 3600 AND bucket_at >= {asked.Min(p => p.Day)}
                AND bucket_at < {asked.Max(p => p.Day) + DayMicros}
            GROUP BY 1, 2, 3
            """,
            row => (Place: (row.Id(0), row.Long(1)), Name: row.Text(2)),
            ct);
        foreach (var (place, name) in rows)
        {
            if (asked.Contains(place) && !IsReserved(name) && !IsRoute(name, routes))
            {
                _names[place].Add(name);
            }
        }
    }

    /// <summary>Whether the call is summed without its name.</summary>
    public bool IsOther(CallRecord record, RouteTable routes)
    {
        if (!IsCallers(record, routes))
        {
            return false;
        }

        var names = _names[PlaceOf(record)];
        return IsReserved(record.Route) || (!names.Contains(record.Route) && (names.Count >= MostADay || !names.Add(record.Route)));
    }

    /// <summary>What was asked about may not be in the sums: the next time it is read again.</summary>
    public void Forget() => _names.Clear();

    /// <summary>The model under which the sums have it: one that a route passed on is the caller's name.</summary>
    public static string Summed(string model, string route, bool isUnknown, bool isOther) =>
        model != route ? model : isUnknown ? CallFilter.UnknownRoute : isOther ? CallFilter.OtherNames : model;

    private static (Guid Team, long Day) PlaceOf(CallRecord record) =>
        (record.TeamId, record.StartedAtMicros - (record.StartedAtMicros % DayMicros));

    private static bool IsCallers(CallRecord record, RouteTable routes) =>
        record.Route.Length > 0 && !IsRoute(record.Route, routes)
        && !UnknownRoute.Is(record.Status, record.Outcome, record.Route, record.Model);

    private static bool IsRoute(string name, RouteTable routes) => routes.TryFind(name, out var route) && !route.IsPrefix;

    private static bool IsReserved(string name) => name is CallFilter.OtherNames or CallFilter.UnknownRoute;
}
