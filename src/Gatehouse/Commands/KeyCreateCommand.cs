using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Contracts;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse key create</c>: makes a key and shows it this once.</summary>
internal static class KeyCreateCommand
{
    internal sealed record Request(SystemEnvironment Environment, string Name, int? ExpiresInDays);

    public static Command Create()
    {
        var system = new Argument<string>("system") { Description = "Name, team/name or id." };
        var environment = new Option<SystemEnvironment>("--environment", "-e")
        {
            Description = "Where the key is used.",
            HelpName = "development|staging|production",
            DefaultValueFactory = static _ => SystemEnvironment.Development,
        };
        environment.AcceptOnlyItsWords();
        var name = new Option<string>("--name")
        {
            Description = "What the key is for, for the people who read the list.",
            HelpName = "text",
            DefaultValueFactory = static _ => "cli",
        };
        var days = new Option<int?>(
            "--expires-in-days") { Description = "The key stops working after so many days. Default: never.", HelpName = "days" };
        var command = new Command("create", "Make a key of a system. It is shown this once.") { system, environment, name, days };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var found = await SystemLookup.FindAsync(api, parsed.GetRequiredValue(system), ct);
            var request = new Request(parsed.GetValue(environment), parsed.GetRequiredValue(name), parsed.GetValue(days));
            var answer = await api.PostAsync($"api/systems/{found.Id}/keys", request, ClientJson.Default.KeyCreateCommandRequest, ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            // The key alone on standard output: KEY=$(gatehouse key create …) works.
            var created = ApiClient.Read(answer, ClientJson.Default.CreatedKey);
            terminal.Out.WriteLine(created.Secret);
            terminal.Error.WriteLine(
                $"A {created.Key.Environment.ToString().ToLowerInvariant()} key of {found.Team}/{found.Name}. Keep it now: it is not shown again.");
            return ExitCodes.Done;
        });
        return command;
    }
}
