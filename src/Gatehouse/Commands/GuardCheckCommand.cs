using System.Buffers;
using System.CommandLine;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Injection;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Reports;
using Gatehouse.Guardrails.Secrets;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse guard check</c>: what the detectors see in files. Needs no server; prints places, never what stands there.</summary>
internal static class GuardCheckCommand
{
    private static readonly IDetector[] Detectors = [PiiDetector.Default, SecretDetector.Default, new InjectionDetector()];

    public static Command Create()
    {
        var paths = new Argument<string[]>("files") { Description = "Files to check; - is standard input.", Arity = ArgumentArity.OneOrMore };
        var sarif = new Option<bool>("--sarif") { Description = "Print a SARIF 2.1.0 report." };
        var document = new Option<bool>("--document") { Description = "The files are documents that a model will read: look for instructions planted in them." };
        var command = new Command("check", "Look for personal data, secrets and prompt injections in files. Prints places and rules, never the values.") { paths, sarif, document };
        command.SetAction(parsed =>
        {
            var terminal = Terminal.Standard(json: false);
            var files = parsed.GetValue(paths)!.Select(path => Check(path, parsed.GetValue(document) ? DetectionSide.Retrieved : DetectionSide.Input)).ToList();
            if (parsed.GetValue(sarif))
            {
                var report = new ArrayBufferWriter<byte>();
                SarifReport.Write(files, VersionCommand.Number, report);
                terminal.Out.WriteLine(System.Text.Encoding.UTF8.GetString(report.WrittenSpan));
            }
            else
            {
                Print(files, terminal);
            }

            return files.Any(f => f.Findings.Count > 0) ? ExitCodes.Found : ExitCodes.Done;
        });
        return command;
    }

    private static CheckedFile Check(string path, DetectionSide side)
    {
        if (path != "-" && !File.Exists(path))
        {
            throw new CommandException(ExitCodes.Usage, "no_file", $"There is no file '{path}'.");
        }

        var text = path == "-" ? System.Console.In.ReadToEnd() : File.ReadAllText(path);
        using var findings = FindingList.Rent();
        foreach (var detector in Detectors)
        {
            detector.Find(text, new DetectionContext(side), findings);
        }

        findings.Sort();
        return new(path == "-" ? "stdin" : path, text, findings.Items.ToArray());
    }

    private static void Print(List<CheckedFile> files, Terminal terminal)
    {
        foreach (var file in files)
        {
            foreach (var finding in file.Findings)
            {
                var (line, column) = SarifReport.Place(file.Text, finding.Start);
                terminal.Out.WriteLine(FormattableString.Invariant($"{file.Path}:{line}:{column}: {finding.Type} {finding.Score:0.00} {finding.Rule}"));
            }
        }
    }
}
