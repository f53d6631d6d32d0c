using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Contracts;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse switch off|on|list</c>: kill switches.</summary>
internal static class SwitchCommands
{
    private const string Kinds = "provider|model|route|system|key";

    internal sealed record Request(SwitchKind Kind, string Subject, string Reason);

    public static Command Create() => new(
        "switch", "Kill switches: refuse the calls of a provider, model, route, system or key at once.")
    {
        CreateOff(),
        CreateOn(),
        CreateList(),
    };

    private static Command CreateOff()
    {
        var (kind, subject) = Subject();
        var reason = new Option<string>(
            "--reason") { Description = "Why; callers read it, and it goes to the audit log.", HelpName = "text", Required = true };
        var command = new Command("off", "Refuse calls from now on. Calls under way end by themselves.") { kind, subject, reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var (of, named) = (parsed.GetValue(kind), parsed.GetRequiredValue(subject));
            var request = new Request(of, await ResolveAsync(api, of, named, ct), parsed.GetRequiredValue(reason));
            var answer = await api.PostAsync("api/switches", request, ClientJson.Default.SwitchCommandsRequest, ct);
            Report(terminal, answer, "off");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreateOn()
    {
        var (kind, subject) = Subject();
        var reason = new Option<string?>("--reason") { Description = "Why; goes to the audit log.", HelpName = "text" };
        var command = new Command("on", "Let calls through again.") { kind, subject, reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var (of, named) = (parsed.GetValue(kind), parsed.GetRequiredValue(subject));
            var resolved = await ResolveAsync(api, of, named, ct);
            var found = (await api.GetAsync("api/switches", ClientJson.Default.Switches, ct)).Rows.FirstOrDefault(
                s => s.Kind == of && s.Subject == resolved)
                ?? throw new CommandException(
                    ExitCodes.Refused, "not_found", $"The {of.ToString().ToLowerInvariant()} '{named}' is not switched off.");
            var query = parsed.GetValue(reason) is { } why ? "?reason=" + Uri.EscapeDataString(why) : "";
            Report(terminal, await api.DeleteAsync($"api/switches/{found.Id}{query}", ct), "on");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreateList()
    {
        var command = new Command("list", "List what is switched off.");
        command.SetApiAction(async (_, api, terminal, ct) =>
        {
            var answer = await api.GetAsync("api/switches", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            terminal.WriteTable(
                ["kind", "name", "since", "by", "reason"],
                ApiClient.Read(answer, ClientJson.Default.Switches).Rows.Select(s => (IReadOnlyList<string>)
                    [s.Kind.ToString().ToLowerInvariant(), s.Name, Terminal.Time(s.At), s.Person, s.Reason]),
                "Nothing is switched off.");
            return ExitCodes.Done;
        });
        return command;
    }

    private static (Argument<SwitchKind> Kind, Argument<string> Subject) Subject()
    {
        var kind = new Argument<SwitchKind>("kind") { Description = "What to switch.", HelpName = Kinds };
        kind.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                if (!Kinds.Split('|').Contains(token.Value, StringComparer.OrdinalIgnoreCase))
                {
                    result.AddError($"The kind is provider, model, route, system or key, not '{token.Value}'.");
                }
            }
        });
        return (kind,
            new Argument<string>(
                "name") { Description = "The name of the provider, model or route; the name or id of the system; the id of the key." });
    }

    private static async Task<string> ResolveAsync(ApiClient api, SwitchKind kind, string named, CancellationToken ct) =>
        kind == SwitchKind.System ? (await SystemLookup.FindAsync(api, named, ct)).Id.ToString() : named;

    private static void Report(Terminal terminal, byte[] answer, string state)
    {
        if (terminal.Json)
        {
            terminal.WriteJson(answer);
            return;
        }

        var made = ApiClient.Read(answer, ClientJson.Default.Switch);
        terminal.Out.WriteLine(
            $"Switched {state}: {made.Kind.ToString().ToLowerInvariant()} {made.Name}. It holds on every node.");
    }
}
