using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Contracts;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse system add</c>: registers an AI system.</summary>
internal static class SystemAddCommand
{
    internal sealed record Request(string? Team, string Name, string Purpose, string Owner, SystemStage Stage);

    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "Lower-case letters, digits and hyphens; unique in its team." };
        var purpose = new Option<string>(
            "--purpose") { Description = "What it is for, in one sentence.", HelpName = "text", Required = true };
        var owner = new Option<string>(
            "--owner") { Description = "Who answers for it: a name or an e-mail address.", HelpName = "person", Required = true };
        var team = new Option<string?>(
            "--team") { Description = "The team that owns it. Default: the only team there is.", HelpName = "name" };
        var stage = new Option<SystemStage>("--stage")
        {
            Description = "Where it is in its life.",
            HelpName = "proposed|building|live|retired",
            DefaultValueFactory = static _ => SystemStage.Building,
        };
        stage.AcceptOnlyItsWords();
        var command = new Command("add", "Register an AI system.") { name, purpose, owner, team, stage };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var owning = parsed.GetValue(team) ?? await SystemLookup.OnlyTeamAsync(api, ct);
            var request = new Request(
                owning, parsed.GetRequiredValue(name), parsed.GetRequiredValue(purpose), parsed.GetRequiredValue(owner),
                parsed.GetValue(stage));
            var answer = await api.PostAsync("api/systems", request, ClientJson.Default.SystemAddCommandRequest, ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            var system = ApiClient.Read(answer, ClientJson.Default.AiSystem);
            terminal.Out.WriteLine($"Registered {system.Team}/{system.Name}. Make it a key: gatehouse key create {system.Name}");
            return ExitCodes.Done;
        });
        return command;
    }
}
