using System.CommandLine;
using System.Globalization;
using Gatehouse.Client;
using Gatehouse.Observability;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse prices</c>: re-prices a period, and holds the ledger against a provider's own figures.</summary>
internal static class PricesCommands
{
    private const string Days = "yyyy-MM-dd";

    internal sealed record Request(DateTimeOffset From, DateTimeOffset To, bool DryRun, string? Reason);

    /// <summary>Both figures of one day and model; <see langword="null"/> where a side has none.</summary>
    internal sealed record Difference(
        DateOnly Day, string Model, long? ProviderInput, long? LedgerInput, long? ProviderOutput, long? LedgerOutput,
        decimal? ProviderUsd, decimal? LedgerUsd, decimal? DifferenceUsd);

    internal sealed record Reconciliation(IReadOnlyList<Difference> Items, decimal ProviderUsd, decimal LedgerUsd);

    public static Command Create() =>
        new("prices", "What calls cost: price a period anew, compare with an invoice.") { Reprice(), Reconcile() };

    private static Command Reprice()
    {
        var from = new Option<string>("--from") { Description = "The first day, in UTC.", HelpName = "2026-11-01", Required = true };
        var to = new Option<string>("--to") { Description = "The last day, in UTC.", HelpName = "2026-11-30", Required = true };
        var dry = new Option<bool>("--dry-run") { Description = "Say what would change, and change nothing." };
        var reason = BudgetCommands.Reason();
        var command = new Command(
            "reprice", "Price the calls of a period by the prices in force; the ledger keeps the first figures.") { from, to, dry, reason };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var request = new Request(
                Start(parsed.GetRequiredValue(from)), Start(parsed.GetRequiredValue(to)).AddDays(1), parsed.GetValue(dry),
                parsed.GetValue(reason));
            var answer = await api.PostAsync("api/prices/reprice", request, ClientJson.Default.PricesCommandsRequest, ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            var done = ApiClient.Read(answer, ClientJson.Default.RepriceResult);
            terminal.WriteFields(
                ("Prices", done.PriceRevision),
                ("Calls", done.Calls.ToString(CultureInfo.InvariantCulture)),
                (done.DryRun ? "Would change" : "Changed", done.Changed.ToString(CultureInfo.InvariantCulture)),
                ("Without a price", done.Unpriced.ToString(CultureInfo.InvariantCulture)),
                ("Left alone", done.Skipped.ToString(CultureInfo.InvariantCulture)),
                ("Cost before", Usd(done.CostBeforeUsd)),
                ("Cost after", Usd(done.CostAfterUsd)));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Reconcile()
    {
        var file = new Argument<FileInfo>(
            "file") { Description = "The provider's usage or cost export as CSV, or a table of your own; see docs/guides/reconcile.md." };
        var provider = new Option<string?>("--provider") { Description = "Only calls of this provider.", HelpName = "name" };
        var command = new Command("reconcile", "Compare the ledger with a provider's own figures, by day and model.") { file, provider };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var theirs = await ReadAsync(parsed.GetRequiredValue(file), ct);
            var (first, last) = (theirs.Min(r => r.Day), theirs.Max(r => r.Day));
            var query = $"api/prices/spending?from={first.ToString(Days, CultureInfo.InvariantCulture)}&to={last.ToString(Days, CultureInfo.InvariantCulture)}"
                + (parsed.GetValue(provider) is { } name ? $"&provider={Uri.EscapeDataString(name)}" : "");
            var ours = (await api.GetAsync(query, ClientJson.Default.Spending, ct)).Rows;
            var found = Compare(theirs, ours);
            Write(terminal, found);
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>
    /// Every day and model that either side has. A dated name and its undated one are one model where only one side has the date.
    /// </summary>
    internal static Reconciliation Compare(IReadOnlyList<UsageRow> theirs, IReadOnlyList<DaySpending> ours)
    {
        var names = theirs.Select(r => r.Model).Intersect(ours.Select(r => r.Model), StringComparer.Ordinal)
            .ToHashSet(StringComparer.Ordinal);
        string Name(string model) => names.Contains(model) ? model : UsageCsv.Undated(model);
        var left = theirs.GroupBy(r => (r.Day, Model: Name(r.Model))).ToDictionary(g => g.Key, g => g.ToList());
        var right = ours.GroupBy(r => (r.Day, Model: Name(r.Model))).ToDictionary(g => g.Key, g => g.ToList());
        var items = left.Keys.Union(right.Keys).OrderBy(k => k.Day).ThenBy(k => k.Model, StringComparer.Ordinal).Select(key =>
        {
            var provider = left.GetValueOrDefault(key);
            var ledger = right.GetValueOrDefault(key);
            var (providerUsd, ledgerUsd) = (Sum(provider, r => r.CostUsd), ledger?.Sum(r => r.CostUsd));
            return new Difference(
                key.Day, key.Model,
                Sum(provider, r => r.InputTokens), ledger?.Sum(r => r.InputTokens),
                Sum(provider, r => r.OutputTokens), ledger?.Sum(r => r.OutputTokens),
                providerUsd, ledgerUsd,
                (providerUsd ?? ledgerUsd) is null || provider?.Any(
                    r => r.CostUsd is not null) == false ? null : (ledgerUsd ?? 0) - (providerUsd ?? 0));
        }).ToList();
        return new Reconciliation(items, items.Sum(i => i.ProviderUsd ?? 0), items.Sum(i => i.LedgerUsd ?? 0));
    }

    private static long? Sum(List<UsageRow>? rows, Func<UsageRow, long?> value) =>
        rows?.Any(r => value(r) is not null) == true ? rows.Sum(value) : null;

    private static decimal? Sum(List<UsageRow>? rows, Func<UsageRow, decimal?> value) =>
        rows?.Any(r => value(r) is not null) == true ? rows.Sum(value) : null;

    private static void Write(Terminal terminal, Reconciliation found)
    {
        if (terminal.Json)
        {
            terminal.WriteJson(found, ClientJson.Default.PricesCommandsReconciliation);
            return;
        }

        terminal.WriteTable(
            ["day", "model", "input: provider", "ledger", "output: provider", "ledger", "cost: provider", "ledger", "difference"],
            found.Items.Select(d => (IReadOnlyList<string>)
            [
                d.Day.ToString(Days, CultureInfo.InvariantCulture), d.Model, Text(d.ProviderInput), Text(d.LedgerInput),
                Text(d.ProviderOutput), Text(d.LedgerOutput), Text(d.ProviderUsd), Text(d.LedgerUsd), Text(d.DifferenceUsd),
            ]),
            "The file and the ledger have nothing of these days.");
        terminal.Out.WriteLine($"Provider {Usd(found.ProviderUsd)}, ledger {Usd(found.LedgerUsd)}.");
    }

    private static async Task<IReadOnlyList<UsageRow>> ReadAsync(FileInfo file, CancellationToken ct)
    {
        try
        {
            return UsageCsv.Read(await File.ReadAllTextAsync(file.FullName, ct));
        }
        catch (FormatException e)
        {
            throw new CommandException(ExitCodes.Usage, "unreadable_csv", $"{file.Name}: {e.Message}");
        }
    }

    private static DateTimeOffset Start(string day) =>
        DateOnly.TryParseExact(day, Days, CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
            ? new DateTimeOffset(date.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero)
            : throw new CommandException(ExitCodes.Usage, "not_a_day", $"'{day}' is not a day; write it as 2026-11-01.");

    private static string Text(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "-";

    private static string Text(decimal? usd) => usd is { } value ? Usd(value) : "-";

    private static string Usd(decimal usd) => usd.ToString("$0.00####;-$0.00####", CultureInfo.InvariantCulture);
}
