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
        var command = new Command("check", "Check a configuration file and everything it refers to.") { file };
        command.SetAction(async (parsed, ct) =>
        {
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            var path = parsed.GetValue(file) ?? Connection.Variable("GATEHOUSE_CONFIG") ?? ConfigurationSource.DefaultFile;
            var loader = ServerParts.Loader(
                new ConfigurationSource(path, Required: true), new ProviderFactory(TimeProvider.System), new SecretValues());
            var outcome = await loader.LoadAsync(null, ct);
            Print(terminal, path, outcome);
            return outcome.Loaded is null ? ExitCodes.Configuration : ExitCodes.Done;
        });
        return command;
    }

    private static void Print(Terminal terminal, string path, ConfigurationOutcome outcome)
    {
        if (terminal.Json)
        {
            terminal.WriteJson(
                new Answer(outcome.Loaded is not null, outcome.Loaded?.Revision, outcome.Errors),
                ClientJson.Default.ConfigCheckCommandAnswer);
        }
        else if (outcome.Loaded is { } loaded)
        {
            terminal.Out.WriteLine($"{path} is valid (revision {loaded.Revision}).");
        }
        else
        {
            foreach (var error in outcome.Errors)
            {
                terminal.Out.WriteLine(error.ToString());
            }
        }
    }
}
