using System.CommandLine;
using System.Globalization;
using Gatehouse.Client;
using Gatehouse.Contracts;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse limit</c>: how fast calls may come.</summary>
internal static class LimitCommands
{
    internal sealed record Request(
        string Name, long? RequestsPerMinute, long? TokensPerMinute, long? Concurrency,
        string? Team, Guid? System, Guid? Key, string? Route, string? EndUser);

    internal sealed record Change(long? RequestsPerMinute, long? TokensPerMinute, long? Concurrency, string? Reason);

    public static Command Create() => new("limit", "How fast calls may come.") { List(), Add(), Set(), Remove() };

    private static Command List()
    {
        var command = new Command("list", "List limits of requests, tokens and concurrency.");
        command.SetApiAction(async (_, api, terminal, ct) =>
        {
            var answer = await api.GetAsync("api/limits", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            terminal.WriteTable(
                ["limit", "applies to", "requests/min", "tokens/min", "at a time"],
                ApiClient.Read(answer, ClientJson.Default.RateLimits).Rows.Select(l => (IReadOnlyList<string>)
                [
                    l.Limit.Name, ScopeOptions.Show(l.Limit.Scope, l.Team, l.System, l.Key),
                    Text(l.Limit.RequestsPerMinute), Text(l.Limit.TokensPerMinute), Text(l.Limit.Concurrency),
                ]),
                "No limit yet. Make one: gatehouse limit add NAME --requests 600");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Add()
    {
        var name = new Argument<string>("name") { Description = "Lower-case letters, digits and hyphens; unique in its team." };
        var (requests, tokens, concurrency) = Units();
        var scope = new ScopeOptions();
        var command = new Command("add", "Make a limit.") { name, requests, tokens, concurrency };
        scope.AddTo(command);
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var whom = await scope.ReadAsync(parsed, api, ct);
            var request = new Request(
                parsed.GetRequiredValue(name), parsed.GetValue(requests), parsed.GetValue(tokens), parsed.GetValue(concurrency),
                whom.Team, whom.System, whom.Key, whom.Route, whom.EndUser);
            var answer = await api.PostAsync("api/limits", request, ClientJson.Default.LimitCommandsRequest, ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
            }
            else
            {
                terminal.Out.WriteLine($"{request.Name} holds from now on.");
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Set()
    {
        var named = Named();
        var (requests, tokens, concurrency) = Units();
        var reason = BudgetCommands.Reason();
        var command = new Command(
            "set", "Change a limit; what is not given stays as it is, 0 takes a part away.") { named, requests, tokens, concurrency,
                reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var limit = (await FindAsync(api, parsed.GetRequiredValue(named), ct)).Limit;
            var change = new Change(
                parsed.GetValue(requests), parsed.GetValue(tokens), parsed.GetValue(concurrency), parsed.GetValue(reason));
            var answer = await api.PatchAsync($"api/limits/{limit.Id}", change, ClientJson.Default.LimitCommandsChange, ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
            }
            else
            {
                terminal.Out.WriteLine($"Changed {limit.Name}.");
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Remove()
    {
        var named = Named();
        var reason = BudgetCommands.Reason();
        var command = new Command("remove", "End a limit.") { named, reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var limit = (await FindAsync(api, parsed.GetRequiredValue(named), ct)).Limit;
            await api.DeleteAsync($"api/limits/{limit.Id}{BudgetCommands.Query(parsed.GetValue(reason))}", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(new BudgetCommands.Removed(limit.Id, true), ClientJson.Default.BudgetCommandsRemoved);
            }
            else
            {
                terminal.Out.WriteLine($"Removed {limit.Name}.");
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static (Option<long?> Requests, Option<long?> Tokens, Option<long?> Concurrency) Units() => (
        new("--requests") { Description = "Calls that begin within a minute.", HelpName = "number" },
        new("--tokens") { Description = "Tokens of calls that begin within a minute.", HelpName = "number" },
        new("--concurrency") { Description = "Calls under way at the same time.", HelpName = "number" });

    private static Argument<string> Named() => new("limit") { Description = "Its name, team/name or id." };

    private static async Task<RateLimitEntry> FindAsync(ApiClient api, string named, CancellationToken ct) => BudgetCommands.FindOne(
        (await api.GetAsync("api/limits", ClientJson.Default.RateLimits, ct)).Rows,
        l => l.Limit.Name, l => l.Team, l => l.Limit.Id, "limit", named);

    private static string Text(long? units) => units?.ToString(CultureInfo.InvariantCulture) ?? "-";
}
