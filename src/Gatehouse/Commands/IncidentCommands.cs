using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Contracts;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse incidents</c> and <c>gatehouse incident close</c>.</summary>
internal static class IncidentCommands
{
    internal sealed record Request(string Note);

    public static Command CreateList()
    {
        var all = new Option<bool>("--all") { Description = "Those that are closed, too." };
        var command = new Command("incidents", "List what went wrong: circuit breakers that opened.") { all };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var answer = await api.GetAsync(parsed.GetValue(all) ? "api/incidents" : "api/incidents?open=true", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            terminal.WriteTable(
                ["id", "system", "environment", "breaker", "watches", "observed", "allowed", "calls are", "opened", "state"],
                ApiClient.Read(answer, ClientJson.Default.Incidents).Rows.Select(i => (IReadOnlyList<string>)
                [
                    i.Id.ToString(), i.System, i.Environment.ToString().ToLowerInvariant(), i.Name, i.Watch.Replace('_', ' '),
                    Number(i.Observed), Number(i.Threshold), Done(i.Action), Terminal.Time(i.OpenedAt), State(i),
                ]),
                "No incident is open.");
            return ExitCodes.Done;
        });
        return command;
    }

    public static Command Create()
    {
        var id = new Argument<Guid>("id") { Description = "The incident's id." };
        var note = new Option<string>("--note") { Description = "What was wrong and what was done.", HelpName = "text", Required = true };
        var close = new Command("close", "Close an incident; a breaker that is still open closes with it.") { id, note };
        close.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var answer = await api.PostAsync(
                $"api/incidents/{parsed.GetValue(id)}/close", new Request(parsed.GetRequiredValue(note)),
                ClientJson.Default.IncidentCommandsRequest, ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            var incident = ApiClient.Read(answer, ClientJson.Default.Incident);
            terminal.Out.WriteLine($"Closed: {incident.Name} of {incident.System}. Its calls pass on every node.");
            return ExitCodes.Done;
        });
        return new Command("incident", "Incidents, and the circuit breakers that opened them.") { close };
    }

    private static string State(Incident incident) => incident.ClosedAt is not null ? "closed"
        : incident.MitigatedAt is not null ? "breaker closed" : "breaker open";

    private static string Done(string action) => action switch { "slow" => "slowed", "stop" => "refused", _ => "handed over" };

    private static string Number(double value) => value.ToString("0.####", System.Globalization.CultureInfo.InvariantCulture);
}
