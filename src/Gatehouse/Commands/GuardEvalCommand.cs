using System.CommandLine;
using System.IO.Compression;
using Gatehouse.Guardrails.Evaluation;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse guard eval</c>: what the detectors find and miss in labelled data, and what they cost. Needs no server.</summary>
internal static class GuardEvalCommand
{
    public static Command Create()
    {
        var data = new Argument<string>(
            "data") { Description =
                "A folder of labelled data: pii.jsonl, pii_ids.jsonl, secrets.jsonl.gz and others, as docs/guardrails.md says." };
        var sets = new Option<string[]>(
            "--set") { Description = $"Measure only these: {string.Join(", ", GuardEvaluation.Sets)}.",
                AllowMultipleArgumentsPerToken = true };
        var command = new Command(
            "eval", "Measure the detectors on labelled data: precision, recall, false alarms, microseconds and bytes per kilobyte.") { data,
                sets };
        command.SetAction(parsed =>
        {
            var terminal = Terminal.Standard(json: false);
            var folder = parsed.GetValue(data)!;
            if (!Directory.Exists(folder))
            {
                throw new CommandException(ExitCodes.Usage, "no_data", $"There is no folder '{folder}'.");
            }

            terminal.Out.WriteLine(Figure.Header);
            foreach (var figure in GuardEvaluation.Run(set => Read(folder, set), parsed.GetValue(sets) ?? []))
            {
                terminal.Out.WriteLine(figure);
            }

            return ExitCodes.Done;
        });
        return command;
    }

    /// <returns>The rows of <c>name.jsonl</c> or <c>name.jsonl.gz</c>, or <see langword="null"/> when there is neither.</returns>
    internal static IReadOnlyList<LabelledText>? Read(string folder, string name)
    {
        var plain = Path.Combine(folder, $"{name}.jsonl");
        var packed = plain + ".gz";
        if (!File.Exists(plain) && !File.Exists(packed))
        {
            return null;
        }

        using var reader = new StreamReader(
            File.Exists(plain) ? File.OpenRead(plain) : new GZipStream(File.OpenRead(packed), CompressionMode.Decompress));
        List<LabelledText> rows = [];
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0)
            {
                rows.Add(LabelledText.Read(line));
            }
        }

        return rows;
    }
}
