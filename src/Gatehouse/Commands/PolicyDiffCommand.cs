using System.CommandLine;
using System.Globalization;
using Gatehouse.Client;
using Gatehouse.Configuration;
using Gatehouse.Guards;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse policy diff</c>: what one policy does that another does not, and what it would have done with calls.</summary>
internal static class PolicyDiffCommand
{
    internal sealed record Answer(string From, string To, IReadOnlyList<string> Items);

    public static Command Create()
    {
        var first = new Argument<string>("from") { Description = "A policy's name, a revision such as support@3, or a file." };
        var second = new Argument<string>("to") { Description = "The same." };
        var replay = new Option<bool>(
            "--replay") { Description = "Run both over stored calls and count those whose verdict would change." };
        var since = new Option<string>("--since")
        {
            Description = "With --replay: how far back, such as 12h or 7d.", HelpName = "time", DefaultValueFactory = static _ => "7d",
        };
        var system = new Option<string?>("--system") { Description = "With --replay: only calls of this system.", HelpName = "name" };
        var max = new Option<int>("--max")
        {
            Description = $"With --replay: most calls, newest first, up to {PolicyReplays.MaxCalls}.", HelpName = "calls",
            DefaultValueFactory = static _ => 1000,
        };
        var command = new Command("diff", "Say in words what one policy does that another does not.")
        {
            first, second, replay, since, system, max, ConfigurationSources.File,
        };
        command.SetAction(async (parsed, ct) =>
        {
            var (a, b) = (parsed.GetRequiredValue(first), parsed.GetRequiredValue(second));
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            var difference = await DifferenceAsync(parsed, a, b, ct);
            if (!parsed.GetValue(replay))
            {
                Print(difference, terminal);
                return ExitCodes.Done;
            }

            if (!terminal.Json)
            {
                Print(difference, terminal);
            }

            using var api = ApiClient.Open(Connection.Resolve(
                parsed.GetValue(GlobalOptions.Url), parsed.GetValue(GlobalOptions.Token), parsed.GetValue(GlobalOptions.Data)));
            var of = parsed.GetValue(system) is { } named ? $"&system={(await SystemLookup.FindAsync(api, named, ct)).Id}" : "";
            var from = Uri.EscapeDataString(Since(parsed.GetValue(since)!).ToString("O", CultureInfo.InvariantCulture));
            var most = parsed.GetValue(max).ToString(CultureInfo.InvariantCulture);
            await ReplayAsync(api, $"api/policies/replay?{Pair(a, b)}&max={most}&since={from}{of}", terminal, ct);
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>Files are compared here; a name beside a file is one of the configuration's.</summary>
    private static async Task<Answer> DifferenceAsync(ParseResult parsed, string from, string to, CancellationToken ct)
    {
        if (!File.Exists(from) && !File.Exists(to)
            && await PolicyCommands.AskAsync(
                parsed, api => api.GetAsync($"api/policies/diff?{Pair(from, to)}", ClientJson.Default.PolicyDiffCommandAnswer, ct)) is
                { } answer)
        {
            return answer;
        }

        var (a, b) = (await FindAsync(parsed, from, ct), await FindAsync(parsed, to, ct));
        return new Answer(from, to, PolicyWords.Difference(a.Policy.Definition, b.Policy.Definition));
    }

    private static string Pair(string from, string to) => $"from={Uri.EscapeDataString(from)}&to={Uri.EscapeDataString(to)}";

    private static async Task<PolicyFile> FindAsync(ParseResult parsed, string named, CancellationToken ct) =>
        File.Exists(named) ? PolicyCommands.ReadFile(named)
        : (await PolicyCommands.LoadAsync(parsed, ct)).FirstOrDefault(f => f.Policy.Name == named)
            ?? throw new CommandException(ExitCodes.Refused, "not_found", $"There is no policy and no file '{named}'.");

    private static void Print(Answer answer, Terminal terminal)
    {
        if (terminal.Json)
        {
            terminal.WriteJson(answer, ClientJson.Default.PolicyDiffCommandAnswer);
            return;
        }

        terminal.Out.WriteLine(answer.Items.Count == 0
            ? $"'{answer.From}' and '{answer.To}' do the same."
            : string.Join(Environment.NewLine, answer.Items));
    }

    private static async Task ReplayAsync(ApiClient api, string path, Terminal terminal, CancellationToken ct)
    {
        await foreach (var data in api.FollowAsync(path, ct))
        {
            var progress = ApiClient.Read(data, ClientJson.Default.ReplayProgress);
            if (!progress.Done)
            {
                terminal.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{progress.Calls} calls, {progress.Changed} changed …"));
            }
            else if (terminal.Json)
            {
                terminal.WriteJson(data);
            }
            else
            {
                Print(progress, terminal);
            }
        }
    }

    private static void Print(ReplayProgress end, Terminal terminal)
    {
        terminal.Out.WriteLine();
        terminal.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{end.Changed} of {end.Calls} stored calls would have another verdict."));
        foreach (var (reason, calls) in end.NotReplayable)
        {
            terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Not replayable: {calls} calls, because {reason}."));
        }

        if (end.Rewritten > 0)
        {
            terminal.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"In {end.Rewritten} a guard had replaced something, whose value was never stored: ")
                + "it is judged by its recorded type, score and side.");
        }

        if (end.NotReplayed.Count > 0)
        {
            terminal.Out.WriteLine($"Rules that ask somebody or judge whole answers are left out: {string.Join(", ", end.NotReplayed)}.");
        }

        if (end.Changed == 0)
        {
            return;
        }

        terminal.WriteTable(
            ["calls>", "verdict", "would be"],
            end.Verdicts.Select(v => (IReadOnlyList<string>)[Number(v.Calls), ClientJson.WordOf(v.From), ClientJson.WordOf(v.To)]), "");
        terminal.WriteTable(
            ["calls>", "rule", "detector", "action", ""],
            end.Rules.Select(r => (IReadOnlyList<string>)
                [Number(r.Calls), r.Rule, r.Detector, r.Action, r.Side == "to" ? "acts now" : "acts no longer"]),
            "");
        terminal.WriteTable(
            ["call", "at", "system", "verdict", "would be", "rules"],
            end.Samples.Select(s => (IReadOnlyList<string>)
            [
                s.Call.ToString(), Terminal.Time(s.At), s.System, ClientJson.WordOf(s.From), ClientJson.WordOf(s.To),
                string.Join(", ", s.Rules),
            ]),
            "");
    }

    private static string Number(long calls) => calls.ToString(CultureInfo.InvariantCulture);

    private static DateTimeOffset Since(string text)
    {
        var hours = text.Length > 1 && int.TryParse(text.AsSpan(0, text.Length - 1), CultureInfo.InvariantCulture, out var count)
            && count > 0
            ? text[^1] switch { 'h' => count, 'd' => count * 24, _ => 0 } : 0;
        return hours > 0
            ? TimeProvider.System.GetUtcNow().AddHours(-hours)
            : throw new CommandException(ExitCodes.Usage, "invalid_since", $"'{text}' is no time: write 12h or 7d.");
    }
}
