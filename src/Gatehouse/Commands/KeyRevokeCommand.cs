using System.CommandLine;
using Gatehouse.Client;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse key revoke</c>: ends a key at once and for good.</summary>
internal static class KeyRevokeCommand
{
    internal sealed record Answer(Guid Id, bool Revoked);

    public static Command Create()
    {
        var key = new Argument<Guid>("id") { Description = "The key's id, as 'key list' shows it." };
        var reason = new Option<string?>("--reason") { Description = "Why; goes to the audit log.", HelpName = "text" };
        var command = new Command("revoke", "Revoke a key: no node that reaches the database takes it when this returns, and it never works again.") { key, reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var id = parsed.GetValue(key);
            await api.DeleteAsync($"api/keys/{id}{(parsed.GetValue(reason) is { } why ? "?reason=" + Uri.EscapeDataString(why) : "")}", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(new Answer(id, true), ClientJson.Default.KeyRevokeCommandAnswer);
            }
            else
            {
                terminal.Out.WriteLine($"Revoked {id}.");
            }

            return ExitCodes.Done;
        });
        return command;
    }
}
