using System.CommandLine;
using Gatehouse.Client;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse system list</c>: the inventory.</summary>
internal static class SystemListCommand
{
    public static Command Create()
    {
        var team = new Option<string?>("--team") { Description = "Only this team's.", HelpName = "name" };
        var command = new Command("list", "List the AI systems that you may see.") { team };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var query = parsed.GetValue(team) is { } name ? $"?team={Uri.EscapeDataString(name)}" : "";
            var answer = await api.GetAsync($"api/systems{query}", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            terminal.WriteTable(
                ["team", "system", "stage", "owner", "purpose"],
                ApiClient.Read(answer, ClientJson.Default.Systems).Rows.Select(
                    s => (IReadOnlyList<string>)[s.Team, s.Name, s.Stage.ToString().ToLowerInvariant(), s.Owner, s.Purpose]),
                "No system is registered yet. Register one: gatehouse system add NAME --purpose … --owner …");
            return ExitCodes.Done;
        });
        return command;
    }
}
