using System.CommandLine;
using System.Text;
using Gatehouse.Client;
using Gatehouse.Governance;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse guard labels</c>: what people said about the guards' findings, as development data.</summary>
internal static class LabelCommands
{
    internal sealed record Written(string File, int Rows);

    public static Command Create() =>
        new("labels", "What people said about the guards' findings: development data of your own traffic.") { List(), Export() };

    private static Command List()
    {
        var command = new Command("list", "List labels, newest first, without their texts.");
        command.SetApiAction(async (_, api, terminal, ct) =>
        {
            var answer = await api.GetAsync("api/guard/labels?limit=500", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            terminal.WriteTable(
                ["at", "detector", "type", "verdict", "system", "by", "id"],
                ApiClient.Read(answer, ClientJson.Default.Labels).Rows.Select(l => (IReadOnlyList<string>)
                [
                    Terminal.Time(l.At), l.Detector, l.Type, ClientJson.WordOf(l.Verdict), l.System ?? "–", l.Person, l.Id.ToString(),
                ]),
                "No labels yet. Say 'false positive' at a sample on the Guards page, or POST /api/guard/labels.");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Export()
    {
        var to = new Argument<string>("to")
        {
            Description = "A folder: a file for each set, as 'guard eval' and the trainers read it. With --set: one file.",
        };
        var set = new Option<string?>("--set") { Description = "Only this set.", HelpName = string.Join('|', LabelSets.Names) };
        set.AcceptOnlyItsWords();
        var system = new Option<string?>("--system") { Description = "Only labels of this system's calls.", HelpName = "name" };
        var command = new Command(
            "export", "Write labels with their texts as JSON lines, to measure the detectors and train them on.") { to, set, system };
        command.SetApiAction(async (parsed, api, terminal, ct) =>
        {
            var path = parsed.GetRequiredValue(to);
            var scope = parsed.GetValue(system) is { } named ? $"&system={(await SystemLookup.FindAsync(api, named, ct)).Id}" : "";
            var written = new List<Written>();
            foreach (var name in parsed.GetValue(set) is { } only ? [only] : LabelSets.Names)
            {
                var lines = await api.GetAsync($"api/guard/labels/export?set={name}{scope}", ct);
                var rows = lines.Count(b => b == (byte)'\n');
                if (rows > 0 || parsed.GetValue(set) is not null)
                {
                    var file = parsed.GetValue(set) is null ? Path.Combine(path, $"{name}.jsonl") : path;
                    await WriteAsync(file, lines, ct);
                    written.Add(new Written(file, rows));
                }
            }

            if (terminal.Json)
            {
                terminal.WriteJson(new Items<Written>(written), ClientJson.Default.WrittenLabels);
                return ExitCodes.Done;
            }

            terminal.Out.WriteLine(written.Count == 0
                ? "No labels yet: nothing was written."
                : string.Join(Environment.NewLine, written.Select(w => FormattableString.Invariant($"{w.File}: {w.Rows} rows"))));
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>The texts are what somebody chose to keep from others: only this user reads them.</summary>
    private static async Task WriteAsync(string path, byte[] lines, CancellationToken ct)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
        {
            Directory.CreateDirectory(folder);
        }

        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        await using var writer = new StreamWriter(path, Encoding.UTF8, options);
        await writer.WriteAsync(Encoding.UTF8.GetString(lines).AsMemory(), ct);
    }
}
