using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>Reads table <c>governance_switch</c>.</summary>
internal static class SwitchRows
{
    /// <summary>By kind and name.</summary>
    public static async Task<List<Switch>> ReadAsync(Database db, CancellationToken ct)
    {
        var switches = await db.QueryAsync(
            $"SELECT id, kind, subject, team_id, reason, person, made_at FROM governance_switch",
            row => new Switch(
                row.Id(0), Words.Parse<SwitchKind>(row.Text(1)), row.Text(2), row.Text(2), row.IdOrNull(3), row.Text(4), row.Text(5),
                row.Instant(6)),
            ct);
        if (switches.Count == 0)
        {
            return switches;
        }

        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (id, name) in await db.QueryAsync($"SELECT id, name FROM governance_system", row => (row.Id(0), row.Text(1)), ct))
        {
            names[id.ToString()] = name;
        }

        foreach (var (id, name) in await db.QueryAsync(
            $"SELECT k.id, s.name, k.name FROM governance_key k JOIN governance_system s ON s.team_id = k.team_id AND s.id = k.system_id",
            row => (row.Id(0), $"{row.Text(1)}/{row.Text(2)}"), ct))
        {
            names[id.ToString()] = name;
        }

        return [.. switches.Select(s => s.TeamId is null ? s : s with { Name = names.GetValueOrDefault(s.Subject, s.Subject) })
            .OrderBy(s => s.Kind).ThenBy(s => s.Name, StringComparer.Ordinal)];
    }
}
