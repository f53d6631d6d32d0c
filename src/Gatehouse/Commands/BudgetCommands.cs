using System.CommandLine;
using System.Globalization;
using Gatehouse.Client;
using Gatehouse.Contracts;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse budget</c>: what calls may cost.</summary>
internal static class BudgetCommands
{
    internal sealed record Request(
        string Name, decimal LimitUsd, BudgetPeriod Period, BudgetMode Mode, int AlertPercent, UnknownPrice UnknownPrice,
        string? Team, Guid? System, Guid? Key, string? Route, string? EndUser);

    internal sealed record Change(decimal? LimitUsd, BudgetMode? Mode, int? AlertPercent, UnknownPrice? UnknownPrice, string? Reason);

    internal sealed record Removed(Guid Id, bool IsRemoved);

    public static Command Create() => new("budget", "What calls may cost.") { List(), Add(), Set(), Remove() };

    /// <summary>Finds what people name: by name, by <c>team/name</c> or by id.</summary>
    public static T FindOne<T>(IEnumerable<T> all, Func<T, string> name, Func<T, string?> team, Func<T, Guid> id, string what, string named)
    {
        var found = all.Where(x => name(x) == named || $"{team(x)}/{name(x)}" == named || id(x).ToString() == named).ToList();
        return found.Count switch
        {
            1 => found[0],
            0 => throw new ProblemException(Problem.NotFound(what, named)),
            _ => throw new CommandException(ExitCodes.Refused, "ambiguous",
                $"Several teams have a {what} '{named}': name it by its id, {string.Join(" or ", found.Select(x => id(x).ToString()))}."),
        };
    }

    private static Command List()
    {
        var command = new Command("list", "List budgets: spent, reserved, left and forecast of the present period.");
        command.SetApiAction(async (_, api, terminal, ct) =>
        {
            var answer = await api.GetAsync("api/budgets", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            terminal.WriteTable(
                ["budget", "applies to", "limit", "spent", "reserved", "left", "forecast"],
                ApiClient.Read(answer, ClientJson.Default.Budgets).Rows.Select(b => (IReadOnlyList<string>)
                [
                    b.Budget.Name,
                    ScopeOptions.Show(b.Budget.Scope, b.Team, b.System, b.Key),
                    $"{Usd(b.Budget.LimitUsd)} {Word(b.Budget.Period)} {b.Budget.Mode.ToString().ToLowerInvariant()}",
                    Usd(b.SpentUsd),
                    Usd(b.ReservedUsd),
                    Usd(b.LeftUsd),
                    b.ForecastUsd is { } forecast ? Usd(forecast) : "-",
                ]),
                "No budget yet. Make one: gatehouse budget add NAME --limit 100 --period month");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Add()
    {
        var name = new Argument<string>("name") { Description = "Lower-case letters, digits and hyphens; unique in its team." };
        var limit = new Option<decimal>("--limit") { Description = "US dollars.", HelpName = "usd", Required = true };
        var period = new Option<BudgetPeriod>(
            "--period") { Description = "How often it begins anew, in UTC.", HelpName = "day|month|total", Required = true };
        var soft = new Option<bool>("--soft") { Description = "Report only; without it calls beyond the budget are refused." };
        var alert = new Option<int>(
            "--alert") { Description = "Report at this share of the limit.", HelpName = "percent", DefaultValueFactory = static _ => 80 };
        var unknown = new Option<UnknownPrice>("--unknown-price")
        {
            Description = "What to do with calls to models without a price.", HelpName = "refuse|count", DefaultValueFactory = static _ =>
                UnknownPrice.Refuse,
        };
        var scope = new ScopeOptions();
        var command = new Command("add", "Make a budget.") { name, limit, period, soft, alert, unknown };
        scope.AddTo(command);
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var whom = await scope.ReadAsync(parsed, api, ct);
            var request = new Request(
                parsed.GetRequiredValue(name), parsed.GetValue(limit), parsed.GetValue(period),
                parsed.GetValue(soft) ? BudgetMode.Soft : BudgetMode.Hard, parsed.GetValue(alert), parsed.GetValue(unknown),
                whom.Team, whom.System, whom.Key, whom.Route, whom.EndUser);
            var answer = await api.PostAsync("api/budgets", request, ClientJson.Default.BudgetCommandsRequest, ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            var made = ApiClient.Read(answer, ClientJson.Default.BudgetStanding);
            terminal.Out.WriteLine(
                $"{made.Budget.Name}: {Usd(made.Budget.LimitUsd)} {Word(made.Budget.Period)} for {ScopeOptions.Show(made.Budget.Scope, made.Team, made.System, made.Key)}; "
                + $"{Usd(made.SpentUsd)} of it is spent already.");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Set()
    {
        var named = Named();
        var limit = new Option<decimal?>("--limit") { Description = "US dollars.", HelpName = "usd" };
        var mode = new Option<BudgetMode?>("--mode") { Description = "hard refuses, soft reports.", HelpName = "soft|hard" };
        var alert = new Option<int?>("--alert") { Description = "Report at this share of the limit.", HelpName = "percent" };
        var unknown = new Option<UnknownPrice?>(
            "--unknown-price") { Description = "What to do with calls to models without a price.", HelpName = "refuse|count" };
        var reason = Reason();
        var command = new Command(
            "set", "Change a budget; what is not given stays as it is.") { named, limit, mode, alert, unknown, reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var budget = await FindAsync(api, parsed.GetRequiredValue(named), ct);
            var change = new Change(
                parsed.GetValue(limit), parsed.GetValue(mode), parsed.GetValue(alert), parsed.GetValue(unknown), parsed.GetValue(reason));
            var answer = await api.PatchAsync($"api/budgets/{budget.Budget.Id}", change, ClientJson.Default.BudgetCommandsChange, ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            var changed = ApiClient.Read(answer, ClientJson.Default.BudgetStanding);
            terminal.Out.WriteLine(
                $"{changed.Budget.Name}: {Usd(changed.Budget.LimitUsd)} {Word(changed.Budget.Period)}, {Usd(changed.LeftUsd)} left.");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Remove()
    {
        var named = Named();
        var reason = Reason();
        var command = new Command("remove", "End a budget; what was spent stays in the ledger.") { named, reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var budget = (await FindAsync(api, parsed.GetRequiredValue(named), ct)).Budget;
            await api.DeleteAsync($"api/budgets/{budget.Id}{Query(parsed.GetValue(reason))}", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(new Removed(budget.Id, true), ClientJson.Default.BudgetCommandsRemoved);
            }
            else
            {
                terminal.Out.WriteLine($"Removed {budget.Name}.");
            }

            return ExitCodes.Done;
        });
        return command;
    }

    public static Option<string?> Reason() => new("--reason") { Description = "Why; goes to the audit log.", HelpName = "text" };

    public static string Query(string? reason) => reason is null ? "" : "?reason=" + Uri.EscapeDataString(reason);

    private static Argument<string> Named() => new("budget") { Description = "Its name, team/name or id." };

    private static async Task<BudgetStanding> FindAsync(ApiClient api, string named, CancellationToken ct) => FindOne(
        (await api.GetAsync("api/budgets", ClientJson.Default.Budgets, ct)).Rows,
        b => b.Budget.Name, b => b.Team, b => b.Budget.Id, "budget", named);

    private static string Word(BudgetPeriod period) =>
        period == BudgetPeriod.Total ? "in total" : $"a {period.ToString().ToLowerInvariant()}";

    private static string Usd(decimal usd) => usd.ToString("$0.00#######", CultureInfo.InvariantCulture);
}
