using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse system show</c>: one system and what applies to it in each environment.</summary>
internal static class SystemShowCommand
{
    public static Command Create()
    {
        var system = new Argument<string>("system") { Description = "Name, team/name or id." };
        var command = new Command("show", "Show one AI system.") { system };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var found = await SystemLookup.FindAsync(api, parsed.GetRequiredValue(system), ct);
            var answer = await api.GetAsync($"api/systems/{found.Id}", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            var shown = ApiClient.Read(answer, ClientJson.Default.AiSystem);
            terminal.WriteFields(
                ("System", $"{shown.Team}/{shown.Name}"),
                ("Id", shown.Id.ToString()),
                ("Purpose", shown.Purpose),
                ("Owner", shown.Owner),
                ("Stage", shown.Stage.ToString().ToLowerInvariant()),
                ("Data", $"{shown.DataClassification?.ToString().ToLowerInvariant() ?? "not classified"}, stays {(shown.Residency is { } place ? "in " + place : "anywhere")}"),
                ("Registered", Terminal.Time(shown.CreatedAt)));
            terminal.Out.WriteLine();
            terminal.WriteTable(
                ["environment", "prompts and answers", "traces kept>"],
                shown.Environments.Select(e => (IReadOnlyList<string>)
                    [e.Environment.ToString().ToLowerInvariant(), e.StoreContent ? "stored" : "not stored", $"{e.RetentionDays} days"]),
                "No environment.");
            return ExitCodes.Done;
        });
        return command;
    }
}
