using System.CommandLine;
using System.Globalization;
using Gatehouse.Client;
using Gatehouse.Contracts;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse calls</c>: the last calls, or each call as it ends.</summary>
internal static class CallsCommand
{
    public static Command Create()
    {
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on printing calls as they end, until Ctrl+C." };
        var limit = new Option<int>(
            "--limit", "-n") { Description = "How many, 1 to 500.", HelpName = "count", DefaultValueFactory = static _ => 20 };
        var system = new Option<string?>("--system") { Description = "Only this system's: name, team/name or id.", HelpName = "system" };
        var environment = new Option<SystemEnvironment?>(
            "--environment", "-e") { Description = "Only this environment's.", HelpName = "development|staging|production" };
        environment.AcceptOnlyItsWords();
        var route = new Option<string?>("--route") { Description = "Only calls that asked for this model.", HelpName = "name" };
        var provider = new Option<string?>("--provider") { Description = "Only calls that this provider answered.", HelpName = "name" };
        var outcome = new Option<CallOutcome?>(
            "--outcome") { Description = "Only calls that ended so.", HelpName = "ok|refused|failed|cancelled" };
        outcome.AcceptOnlyItsWords();
        var guard = new Option<GuardVerdict?>(
            "--guard") { Description = "Only calls with which the guards did this.", HelpName = "passed|flagged|redacted|blocked|…" };
        guard.AcceptOnlyItsWords();
        var error = new Option<string?>("--error") { Description = "Only calls with this error code.", HelpName = "code" };
        var unpriced = new Option<bool>("--unpriced") { Description = "Only calls with tokens but without a known price." };
        var cached = new Option<bool>("--cached") { Description = "Only calls whose answer came from the cache, in part at least." };
        var search = new Option<string?>(
            "--search") { Description = "Part of a request id, trace id, model or error message.", HelpName = "text" };
        var since = new Option<TimeSpan?>(
            "--since") { Description = "Only calls of the last hh:mm:ss or d.hh:mm:ss. Default: 30 days.", HelpName = "duration" };
        var command = new Command("calls", "List model calls, newest first, or follow them.")
        {
            follow, limit, system, environment, route, provider, outcome, guard, error, unpriced, cached, search, since,
        };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var systemId = parsed.GetValue(system) is { } named ? (await SystemLookup.FindAsync(api, named, ct)).Id : (Guid?)null;
            var query = Query(
                ("system", systemId?.ToString()),
                ("environment", parsed.GetValue(environment)?.ToString().ToLowerInvariant()),
                ("route", parsed.GetValue(route)),
                ("provider", parsed.GetValue(provider)),
                ("outcome", parsed.GetValue(outcome)?.ToString().ToLowerInvariant()),
                ("guard", parsed.GetValue(guard)?.ToString().ToLowerInvariant()),
                ("error", parsed.GetValue(error)),
                ("unpriced", parsed.GetValue(unpriced) ? "true" : null),
                ("cached", parsed.GetValue(cached) ? "true" : null),
                ("search", parsed.GetValue(search)),
                ("from", parsed.GetValue(since) is { } span ? TimeProvider.System.GetUtcNow().Subtract(span).ToString(
                    "O", CultureInfo.InvariantCulture) : null),
                ("limit", parsed.GetValue(limit).ToString(CultureInfo.InvariantCulture)));
            return parsed.GetValue(follow)
                ? await FollowAsync(api, terminal, query, ct)
                : await ListAsync(api, terminal, query, parsed.GetValue(limit), ct);
        });
        return command;
    }

    private static async Task<int> ListAsync(ApiClient api, Terminal terminal, string query, int limit, CancellationToken ct)
    {
        var answer = await api.GetAllAsync($"api/calls{query}", "calls", limit, ct); // a page of what is rare may be short
        if (terminal.Json)
        {
            terminal.WriteJson(answer);
            return ExitCodes.Done;
        }

        terminal.WriteTable(
            ["started", "system", "route", "target", "outcome", "in>", "out>", "cost>", "time>", "request id"],
            ApiClient.Read(answer, ClientJson.Default.CallPage).Calls.Select(Cells),
            "No such call in the last 30 days, or since --since. Make one: gatehouse call \"Hello\"");
        return ExitCodes.Done;
    }

    private static async Task<int> FollowAsync(ApiClient api, Terminal terminal, string query, CancellationToken ct)
    {
        await foreach (var data in api.FollowAsync($"api/calls/follow{query}", ct))
        {
            if (terminal.Json)
            {
                terminal.WriteJsonLine(data);
                continue;
            }

            terminal.Out.WriteLine(string.Join("  ", Cells(ApiClient.Read(data, ClientJson.Default.CallSummary))));
            await terminal.Out.FlushAsync(ct);
        }

        return ExitCodes.Done;
    }

    private static IReadOnlyList<string> Cells(CallSummary call) =>
    [
        Terminal.Time(call.StartedAt),
        $"{call.System} ({call.Environment.ToString().ToLowerInvariant()})",
        call.Route,
        call.Provider is null ? "–" : $"{call.Provider}/{call.Model}",
        call.Outcome == CallOutcome.Ok ? "ok" : $"{call.Outcome.ToString().ToLowerInvariant()} {call.Status} {call.ErrorCode}",
        call.Usage?.TotalInput.ToString(CultureInfo.InvariantCulture) ?? "–",
        call.Usage?.TotalOutput.ToString(CultureInfo.InvariantCulture) ?? "–",
        Terminal.Money(call.CostUsd),
        Terminal.Duration(call.DurationMicros),
        call.RequestId,
    ];

    private static string Query(params ReadOnlySpan<(string Name, string? Value)> parts)
    {
        var query = new List<string>();
        foreach (var (name, value) in parts)
        {
            if (value is not null)
            {
                query.Add($"{name}={Uri.EscapeDataString(value)}");
            }
        }

        return query.Count == 0 ? "" : "?" + string.Join('&', query);
    }
}
