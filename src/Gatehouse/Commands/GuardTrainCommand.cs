using System.CommandLine;
using Gatehouse.Guardrails.Training;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse guard train</c>: makes the weights of the name tagger again, as they are in the assembly.</summary>
internal static class GuardTrainCommand
{
    public static Command Create()
    {
        var words = new Argument<string>(
            "words") { Description = "The folder with templates.txt and training-words.txt: bench/guard of the sources." };
        var data = new Argument<string>("data") { Description = "The folder of labelled data." };
        var output = new Argument<string>("output") { Description = "Where to write the weights." };
        var command = new Command("train", "Train the name tagger of the personal-data detector again.") { words, data, output };
        command.SetAction(parsed =>
        {
            var terminal = Terminal.Standard(json: false);
            var folder = parsed.GetValue(data)!;
            var sources = new NameSources(
                File.ReadAllLines(Path.Combine(parsed.GetValue(words)!, "training-words.txt")),
                File.ReadAllLines(Path.Combine(parsed.GetValue(words)!, "templates.txt")),
                GuardEvalCommand.Read(folder, "pii") ?? [],
                GuardEvalCommand.Read(folder, "pii_ner_wnut17") ?? [],
                GuardEvalCommand.Read(folder, "injection") ?? []);
            foreach (var figure in NameTraining.CrossValidate(sources))
            {
                terminal.Out.WriteLine(figure);
            }

            using var file = File.Create(parsed.GetValue(output)!);
            NameTraining.Train(sources, file);
            return ExitCodes.Done;
        });
        return command;
    }
}
