using System.CommandLine;
using System.IO.Compression;
using System.Text.Json;
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

            var wanted = parsed.GetValue(sets) ?? [];
            if (wanted.Except(GuardEvaluation.Sets).FirstOrDefault() is { } unknown)
            {
                throw new CommandException(
                    ExitCodes.Usage, "no_set", $"There is no set '{unknown}': use {string.Join(", ", GuardEvaluation.Sets)}.");
            }

            var any = false;
            foreach (var figure in GuardEvaluation.Run(set => Read(folder, set), wanted))
            {
                terminal.Out.WriteLine(any ? $"{figure}" : $"{Figure.Header}{Environment.NewLine}{figure}");
                any = true;
            }

            return any ? ExitCodes.Done : throw new CommandException(
                ExitCodes.Usage, "no_data", $"The folder '{folder}' has no file of {(wanted.Length > 0 ? "these sets" : "any set")}: they are "
                    + "pii.jsonl, pii_ids.jsonl, pii_ner_wnut17.jsonl, secrets.jsonl, injection.jsonl (for injection and speed), "
                    + "indirect.jsonl, obfuscation.jsonl and harmful.jsonl, or the same with .gz.");
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
        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            if (line.Length > 0)
            {
                rows.Add(Row(line, number, File.Exists(plain) ? plain : packed));
            }
        }

        return rows;
    }

    private static LabelledText Row(string line, int number, string file)
    {
        try
        {
            return LabelledText.Read(line);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new CommandException(
                ExitCodes.Usage, "no_row", $"'{file}', line {number} is no labelled text, as docs/guardrails.md says: {e.Message}");
        }
    }
}
