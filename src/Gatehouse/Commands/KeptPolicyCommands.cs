using System.CommandLine;
using System.Globalization;
using Gatehouse.Client;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse policy save|history|apply|withdraw</c>: policies that Gatehouse keeps, in numbered revisions.</summary>
internal static class KeptPolicyCommands
{
    internal sealed record SaveRequest(string Text, string? Note, bool InForce);

    internal sealed record ApplyRequest(long Revision, string? Reason);

    public static Command Save()
    {
        var name = Name();
        var file = new Argument<string>("file") { Description = "The policy; - is standard input." };
        var note = new Option<string?>(
            "--note") { Description = "What changed and why, for the history and the audit log.", HelpName = "text" };
        var apply = new Option<bool>("--apply") { Description = "Put it in force at once. Its own tests must pass." };
        var command = new Command("save", "Save the next revision of a policy in Gatehouse.") { name, file, note, apply };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var path = parsed.GetRequiredValue(file);
            if (path != "-" && !File.Exists(path))
            {
                throw new CommandException(ExitCodes.Usage, "no_file", $"There is no file '{path}'.");
            }

            var text = path == "-" ? await System.Console.In.ReadToEndAsync(ct) : await File.ReadAllTextAsync(path, ct);
            var answer = await api.PutAsync(
                $"api/policies/{Uri.EscapeDataString(parsed.GetRequiredValue(name))}",
                new SaveRequest(text, parsed.GetValue(note), parsed.GetValue(apply)), ClientJson.Default.KeptPolicyCommandsSaveRequest, ct);
            Print(answer, terminal);
            return ExitCodes.Done;
        });
        return command;
    }

    public static Command History()
    {
        var name = Name();
        var command = new Command("history", "List the revisions of a policy that Gatehouse keeps, newest first.") { name };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var answer = await api.GetAllAsync(
                $"api/policies/{Uri.EscapeDataString(parsed.GetRequiredValue(name))}/revisions?limit=200", "items", int.MaxValue, ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            terminal.WriteTable(
                ["revision>", "", "content", "at", "by", "note"],
                ApiClient.Read(answer, ClientJson.Default.PolicyRevisions).Rows.Select(r => (IReadOnlyList<string>)
                [
                    r.Number.ToString(CultureInfo.InvariantCulture), r.InForce ? "in force" : "", r.Hash, Terminal.Time(r.At), r.Person,
                    r.Note,
                ]),
                "Gatehouse keeps no policy of this name. Save one: gatehouse policy save NAME FILE");
            return ExitCodes.Done;
        });
        return command;
    }

    public static Command Apply()
    {
        var revision = new Argument<string>("revision") { Description = "Such as support@3; an older one rolls back." };
        var reason = Reason();
        var command = new Command(
            "apply", "Put a revision of a kept policy in force, if its own tests pass. Holds on every node when it returns.") { revision, reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var named = parsed.GetRequiredValue(revision);
            var at = named.LastIndexOf('@');
            if (at < 1 || !long.TryParse(named.AsSpan(at + 1), CultureInfo.InvariantCulture, out var number))
            {
                throw new CommandException(ExitCodes.Usage, "invalid_revision", $"'{named}' is no revision: write NAME@NUMBER.");
            }

            var answer = await api.PutAsync(
                $"api/policies/{Uri.EscapeDataString(named[..at])}/in-force", new ApplyRequest(number, parsed.GetValue(reason)),
                ClientJson.Default.KeptPolicyCommandsApplyRequest, ct);
            Print(answer, terminal);
            return ExitCodes.Done;
        });
        return command;
    }

    public static Command Withdraw()
    {
        var name = Name();
        var reason = Reason();
        var command = new Command(
            "withdraw", "Take a kept policy out of force; its revisions stay. One that a system has chosen is refused.") { name, reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var named = parsed.GetRequiredValue(name);
            var why = parsed.GetValue(reason) is { } text ? $"?reason={Uri.EscapeDataString(text)}" : "";
            await api.DeleteAsync($"api/policies/{Uri.EscapeDataString(named)}/in-force{why}", ct);
            if (!terminal.Json)
            {
                terminal.Out.WriteLine($"'{named}' is not in force any more.");
            }

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

        var revision = ApiClient.Read(answer, ClientJson.Default.PolicyRevision);
        terminal.Out.WriteLine(revision.InForce
            ? $"Revision {revision.Number} of '{revision.Name}' is in force."
            : $"Revision {revision.Number} of '{revision.Name}' is saved, and not in force: gatehouse policy apply {revision.Name}@{revision.Number}");
    }

    private static Argument<string> Name() => new("name") { Description = "Lower-case letters, digits and hyphens." };

    private static Option<string?> Reason() => new("--reason") { Description = "Why; goes to the audit log.", HelpName = "text" };
}
