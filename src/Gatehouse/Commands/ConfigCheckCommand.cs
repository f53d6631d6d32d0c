using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Configuration;
using Gatehouse.Gateway.Providers;
using Gatehouse.Hosting;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse config check</c>: everything that is wrong with a file, before it is in force. Needs no server.</summary>
internal static class ConfigCheckCommand
{
    internal sealed record Answer(bool Valid, string? Revision, IReadOnlyList<ConfigurationError> Errors);

    public static Command Create()
    {
        var file = new Argument<string?>("file")
        {
            Description = "The file to check. Default: GATEHOUSE_CONFIG, then ./gatehouse.yaml.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("check", "Check a configuration file and everything it refers to, or a policy file with its tests.") { file };
        command.SetAction(async (parsed, ct) =>
        {
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            var path = parsed.GetValue(file) ?? Connection.Variable("GATEHOUSE_CONFIG") ?? ConfigurationSource.DefaultFile;
            if (PolicyFileReader.IsPolicy(path))
            {
                var answer = CheckPolicy(path);
                Print(terminal, path, answer);
                return answer.Valid ? ExitCodes.Done : ExitCodes.Configuration;
            }

            var loader = ServerParts.Loader(
                new ConfigurationSource(path, Required: true), new ProviderFactory(TimeProvider.System), new SecretValues());
            var outcome = await loader.LoadAsync(null, ct);
            Print(terminal, path, new Answer(outcome.Loaded is not null, outcome.Loaded?.Revision, outcome.Errors));
            return outcome.Loaded is null ? ExitCodes.Configuration : ExitCodes.Done;
        });
        return command;
    }

    private static Answer CheckPolicy(string path)
    {
        var policy = PolicyFileReader.Read(path, out var errors);
        IReadOnlyList<ConfigurationError> wrong = policy is null ? errors
            : [.. policy.Tests.Where(t => t.Failure is not null).Select(
                t => new ConfigurationError(path, t.Line, 1, $"The test '{t.Name}' fails: {t.Failure}."))];
        return new Answer(wrong.Count == 0, policy?.Policy.Revision, wrong);
    }

    private static void Print(Terminal terminal, string path, Answer answer)
    {
        if (terminal.Json)
        {
            terminal.WriteJson(answer, ClientJson.Default.ConfigCheckCommandAnswer);
        }
        else if (answer.Valid)
        {
            terminal.Out.WriteLine($"{path} is valid (revision {answer.Revision}).");
        }
        else
        {
            foreach (var error in answer.Errors)
            {
                terminal.Out.WriteLine(error.ToString());
            }
        }
    }
}
