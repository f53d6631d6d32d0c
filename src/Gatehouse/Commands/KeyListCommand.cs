using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Contracts;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse key list</c>: the keys of a system, without their secrets.</summary>
internal static class KeyListCommand
{
    public static Command Create()
    {
        var system = new Argument<string>("system") { Description = "Name, team/name or id." };
        var command = new Command("list", "List the keys of a system.") { system };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var found = await SystemLookup.FindAsync(api, parsed.GetRequiredValue(system), ct);
            var answer = await api.GetAsync($"api/systems/{found.Id}/keys", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            var now = TimeProvider.System.GetUtcNow();
            terminal.WriteTable(
                ["key", "name", "environment", "state", "created", "by", "id"],
                ApiClient.Read(answer, ClientJson.Default.Keys).Rows.Select(k => (IReadOnlyList<string>)
                [
                    k.Prefix + "…", k.Name, k.Environment.ToString().ToLowerInvariant(), State(k, now), Terminal.Time(k.CreatedAt),
                    k.CreatedBy,
                    k.Id.ToString(),
                ]),
                $"No key yet. Make one: gatehouse key create {found.Name}");
            return ExitCodes.Done;
        });
        return command;
    }

    private static string State(ApiKey key, DateTimeOffset now) => key switch
    {
        { RevokedAt: { } at } => $"revoked {Terminal.Time(at)}",
        { ExpiresAt: { } at } when at <= now => $"expired {Terminal.Time(at)}",
        { ExpiresAt: { } at } => $"until {Terminal.Time(at)}",
        _ => "active",
    };
}
