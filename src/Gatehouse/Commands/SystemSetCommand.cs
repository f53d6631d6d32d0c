using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Contracts;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse system set</c>: where a system's data may go.</summary>
internal static class SystemSetCommand
{
    internal sealed record Request(string? Residency, DataClassification? DataClassification, string? Reason);

    public static Command Create()
    {
        var system = new Argument<string>("system") { Description = "Name, team/name or id." };
        var residency = new Option<string?>("--residency")
        {
            Description = "Region that its data must stay in, such as eu; 'anywhere' takes the limit away.", HelpName = "region",
        };
        var data = new Option<DataClassification?>("--data")
        {
            Description = "How sensitive its data is.", HelpName = "public|internal|confidential|restricted",
        };
        var reason = new Option<string?>("--reason") { Description = "Why; goes to the audit log.", HelpName = "text" };
        data.AcceptOnlyItsWords();
        var command = new Command(
            "set", "Set where the data of a system may go. Holds on every node when it returns.") { system, residency, data, reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var found = await SystemLookup.FindAsync(api, parsed.GetRequiredValue(system), ct);
            var request = new Request(parsed.GetValue(residency), parsed.GetValue(data), parsed.GetValue(reason));
            var answer = await api.PatchAsync($"api/systems/{found.Id}", request, ClientJson.Default.SystemSetCommandRequest, ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            var set = ApiClient.Read(answer, ClientJson.Default.AiSystem);
            terminal.Out.WriteLine(
                $"{set.Team}/{set.Name}: data stays {(set.Residency is { } place ? "in " + place : "anywhere")}, "
                + $"classified {set.DataClassification?.ToString().ToLowerInvariant() ?? "not yet"}.");
            return ExitCodes.Done;
        });
        return command;
    }
}
