using System.Buffers;
using System.CommandLine;
using System.Text;
using Gatehouse.Client;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Checks;
using Gatehouse.Guardrails.Reports;
using Gatehouse.Guards;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary>
/// <c>gatehouse guard check</c>: what the detectors see in files, here or on a server. Prints places, never what stands there.
/// </summary>
internal static class GuardCheckCommand
{
    internal sealed record Request(string Text, DetectionSide Side, IReadOnlyList<string>? Detectors);

    internal sealed record Answer(bool Flagged, IReadOnlyList<CheckedText> Items);

    /// <summary>A file as <c>--json</c> shows it.</summary>
    internal sealed record FileAnswer(string File, CheckedText Verdict);

    public static Command Create()
    {
        var paths = new Argument<string[]>(
            "files") { Description = "Files to check; - is standard input.", Arity = ArgumentArity.OneOrMore };
        var sarif = new Option<bool>("--sarif") { Description = "Print a SARIF 2.1.0 report." };
        var document = new Option<bool>(
            "--document") { Description = "The files are documents that a model will read: look for instructions planted in them." };
        var detectors = new Option<string[]>("--detector")
        {
            Description =
                $"Run only this; may be given several times: {string.Join(", ", TextCheck.Names.Except([TextCheck.PromptLeak]))}. Default: {string.Join(", ", Usual)}.",
            HelpName = "name",
        };
        var remote = new Option<bool>(
            "--server") { Description = "Let the server check the files, not this process: its detectors may be of another version." };
        var command = new Command(
            "check", "Look for personal data, secrets and prompt injections in files. Prints places and rules, never the values.")
        {
            paths, sarif, document, detectors, remote,
        };
        command.SetAction(async (parsed, ct) =>
        {
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            var side = parsed.GetValue(document) ? DetectionSide.Retrieved : DetectionSide.Input;
            var chosen = parsed.GetValue(detectors) is { Length: > 0 } named ? named : Usual;
            using var api = parsed.GetValue(remote)
                ? ApiClient.Open(
                    Connection.Resolve(
                        parsed.GetValue(GlobalOptions.Url), parsed.GetValue(GlobalOptions.Token), parsed.GetValue(GlobalOptions.Data)))
                : null;
            var local = api is null ? Local(chosen) : null;
            List<(CheckedFile File, CheckedText Verdict)> files = [];
            foreach (var path in parsed.GetValue(paths)!)
            {
                var text = Read(path);
                var verdict = local is null
                    ? ApiClient.Read(
                        await api!.PostAsync(
                            "api/guard/check", new Request(text, side, chosen), ClientJson.Default.GuardCheckCommandRequest, ct),
                        ClientJson.Default.GuardCheckCommandAnswer).Items[0]
                    : CheckedText.Of(0, text, side, local.Run(text, side));
                files.Add((new CheckedFile(path == "-" ? "stdin" : path, text, [.. verdict.Findings.Select(Finding)]), verdict));
            }

            Print(files, parsed.GetValue(sarif), terminal);
            return files.Exists(f => f.Verdict.Flagged) ? ExitCodes.Found : ExitCodes.Done;
        });
        return command;
    }

    private static IReadOnlyList<string> Usual { get; } = [TextCheck.Pii, TextCheck.Secrets, TextCheck.Injection];

    private static TextCheck Local(IReadOnlyList<string> detectors)
    {
        try
        {
            return new TextCheck(new CheckOptions { Detectors = detectors });
        }
        catch (ArgumentException e)
        {
            throw new CommandException(ExitCodes.Usage, "no_detector", e.Message);
        }
    }

    private static string Read(string path)
    {
        if (path != "-" && !File.Exists(path))
        {
            throw new CommandException(
                ExitCodes.Usage, "no_file",
                Directory.Exists(path) ? $"'{path}' is a folder: name its files, as {path.TrimEnd('/')}/*." : $"There is no file '{path}'.");
        }

        return path == "-" ? System.Console.In.ReadToEnd() : File.ReadAllText(path);
    }

    private static Finding Finding(CheckedFinding f) => new(KindOf(f.Detector), f.Rule, f.Type, f.Start, f.End - f.Start, (float)f.Score);

    private static DetectorKind KindOf(string detector) => detector switch
    {
        TextCheck.Pii => DetectorKind.Pii,
        TextCheck.Secrets => DetectorKind.Secrets,
        TextCheck.Injection => DetectorKind.Injection,
        TextCheck.Content => DetectorKind.Content,
        _ => DetectorKind.Exfiltration,
    };

    private static void Print(List<(CheckedFile File, CheckedText Verdict)> files, bool sarif, Terminal terminal)
    {
        if (sarif)
        {
            var report = new ArrayBufferWriter<byte>();
            SarifReport.Write([.. files.Select(f => f.File)], VersionCommand.Number, report);
            terminal.Out.WriteLine(Encoding.UTF8.GetString(report.WrittenSpan));
            return;
        }

        if (terminal.Json)
        {
            terminal.WriteJson(
                new Items<FileAnswer>([.. files.Select(f => new FileAnswer(f.File.Path, f.Verdict))]), ClientJson.Default.CheckedFiles);
            return;
        }

        foreach (var (file, _) in files)
        {
            foreach (var finding in file.Findings)
            {
                var (line, column) = SarifReport.Place(file.Text, finding.Start);
                terminal.Out.WriteLine(
                    FormattableString.Invariant($"{file.Path}:{line}:{column}: {finding.Type} {finding.Score:0.00} {finding.Rule}"));
            }
        }
    }
}
