using System.CommandLine;
using System.Globalization;
using Gatehouse.Client;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse exception</c>: accepted gaps in guard policies, asked for by one person and decided by another.</summary>
internal static class ExceptionCommands
{
    internal sealed record NewRequest(Guid System, DateTimeOffset Until, string Reason, string? Detector, IReadOnlyList<string>? Types);

    internal sealed record Decision(bool Approve, string? Reason);

    public static Command Create() => new("exception", "Accepted gaps in guard policies, for a system and for a time.")
    {
        List(),
        Request(),
        Decide("approve", "Approve an exception that somebody else asks for. Holds on every node when it returns.", approve: true),
        Decide("decline", "Say no to an exception that somebody else asks for.", approve: false),
        Revoke(),
    };

    private static Command List()
    {
        var command = new Command("list", "List exceptions, newest first. Those of the configuration file are in 'config show'.");
        command.SetApiAction(async (_, api, terminal, ct) =>
        {
            var answer = await api.GetAllAsync("api/exceptions?limit=500", "items", int.MaxValue, ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            terminal.WriteTable(
                ["state", "system", "about", "until", "asked by", "decided by", "reason", "id"],
                ApiClient.Read(answer, ClientJson.Default.PolicyExceptions).Rows.Select(e => (IReadOnlyList<string>)
                [
                    ClientJson.WordOf(e.State), e.System, $"{e.Detector ?? "all"} {string.Join(", ", e.Types)}".TrimEnd(),
                    Terminal.Time(e.Until), e.RequestedBy, e.DecidedBy ?? "–", e.Reason, e.Id.ToString(),
                ]),
                "No exceptions. Ask for one: gatehouse exception request SYSTEM --until 2027-03-31 --reason TEXT");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Request()
    {
        var system = new Argument<string>("system") { Description = "Name, team/name or id." };
        var until = new Option<string>(
            "--until") { Description = "The day it ends, at midnight UTC.", HelpName = "2027-03-31", Required = true };
        var reason = new Option<string>("--reason") { Description = "Why.", HelpName = "text", Required = true };
        var detector = new Option<string?>("--detector") { Description = "Only findings of this detector.", HelpName = "name" };
        var types = new Option<string[]>("--type")
        {
            Description = "Only findings of these types, such as EMAIL_ADDRESS.", AllowMultipleArgumentsPerToken = true, HelpName = "type",
        };
        var command = new Command(
            "request", "Ask that what the policy would do is only flagged for a system. Another person decides.")
        {
            system, until, reason, detector, types,
        };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var found = await SystemLookup.FindAsync(api, parsed.GetRequiredValue(system), ct);
            var day = parsed.GetRequiredValue(until);
            if (!DateTimeOffset.TryParseExact(
                day, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
                out var ends))
            {
                throw new CommandException(ExitCodes.Usage, "invalid_until", $"'{day}' is no day: write 2027-03-31.");
            }

            var answer = await api.PostAsync(
                "api/exceptions",
                new NewRequest(found.Id, ends, parsed.GetRequiredValue(reason), parsed.GetValue(detector), parsed.GetValue(types)),
                ClientJson.Default.ExceptionCommandsNewRequest, ct);
            Print(answer, terminal);
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Decide(string verb, string about, bool approve)
    {
        var id = new Argument<Guid>("id") { Description = "As 'exception list' shows it." };
        var reason = new Option<string?>("--reason") { Description = "Goes to the audit log.", HelpName = "text" };
        var command = new Command(verb, about) { id, reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            Print(
                await api.PostAsync(
                    $"api/exceptions/{parsed.GetRequiredValue(id)}/decision", new Decision(approve, parsed.GetValue(reason)),
                    ClientJson.Default.ExceptionCommandsDecision, ct),
                terminal);
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Revoke()
    {
        var id = new Argument<Guid>("id") { Description = "As 'exception list' shows it." };
        var reason = new Option<string?>("--reason") { Description = "Goes to the audit log.", HelpName = "text" };
        var command = new Command("revoke", "Take a request or an exception back: the rules bite again when it returns.") { id, reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var why = parsed.GetValue(reason) is { } text ? $"?reason={Uri.EscapeDataString(text)}" : "";
            Print(await api.DeleteAsync($"api/exceptions/{parsed.GetRequiredValue(id)}{why}", ct), terminal);
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Print(byte[] answer, Terminal terminal)
    {
        if (terminal.Json)
        {
            terminal.WriteJson(answer);
            return;
        }

        var e = ApiClient.Read(answer, ClientJson.Default.PolicyException);
        terminal.Out.WriteLine($"{e.Id}: {ClientJson.WordOf(e.State)}, for {e.System} until {Terminal.Time(e.Until)}.");
    }
}
