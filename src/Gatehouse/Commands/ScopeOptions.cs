using System.CommandLine;
using Gatehouse.Client;

namespace Gatehouse.Commands;

/// <summary>Whom a budget or limit applies to, as options of its command.</summary>
internal sealed class ScopeOptions
{
    private readonly Option<string?> _team = new(
        "--team") { Description = "The calls of a team. Default: the only team there is.", HelpName = "name" };
    private readonly Option<bool> _everywhere = new("--all-teams") { Description = "The calls of all teams together." };
    private readonly Option<string?> _system = new("--system") { Description = "The calls of a system.", HelpName = "name" };
    private readonly Option<Guid?> _key = new(
        "--key") { Description = "The calls of a key: its id, as 'key list' shows it.", HelpName = "id" };
    private readonly Option<string?> _route = new(
        "--route") { Description = "Calls of a model name; a trailing * stands for any rest.", HelpName = "name" };
    private readonly Option<string?> _user = new(
        "--end-user") { Description = "Calls of one end user; '*' gives each end user their own.", HelpName = "name" };

    /// <param name="Team">Left out where the system or key tells it.</param>
    internal sealed record Scope(string? Team, Guid? System, Guid? Key, string? Route, string? EndUser);

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_team, _everywhere, _system, _key, _route, _user])
        {
            command.Add(option);
        }
    }

    public async Task<Scope> ReadAsync(ParseResult parsed, ApiClient api, CancellationToken ct)
    {
        var system = parsed.GetValue(_system) is { } named ? await SystemLookup.FindAsync(api, named, ct) : null;
        var key = parsed.GetValue(_key);
        var team = parsed.GetValue(_team)
            ?? (parsed.GetValue(_everywhere) || system is not null || key is not null ? null : await SystemLookup.OnlyTeamAsync(api, ct));
        return new Scope(team, system?.Id, key, parsed.GetValue(_route), parsed.GetValue(_user));
    }

    /// <summary>A scope in a column of a table.</summary>
    public static string Show(Contracts.CallScope scope, string? team, string? system, string? key)
    {
        var parts = new List<string> { system is null ? team ?? "all teams" : $"{team}/{system}" };
        Add("key", key);
        Add("route", scope.Route);
        Add("end user", scope.IsPerUser ? "each" : scope.EndUser);
        return string.Join(", ", parts);

        void Add(string what, string? value)
        {
            if (value is not null)
            {
                parts.Add($"{what} {value}");
            }
        }
    }
}
