using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Hosting;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary>
/// <c>gatehouse config check</c>: everything that is wrong with a file, before it is in force. Needs no server; one that runs says which
/// systems its exceptions are of.
/// </summary>
internal static class ConfigCheckCommand
{
    internal sealed record Answer(bool Valid, string? Revision, IReadOnlyList<ConfigurationError> Errors)
    {
        /// <summary>What is no error, and may not be meant.</summary>
        public IReadOnlyList<string> Warnings { get; init; } = [];
    }

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
            Print(terminal, path, new Answer(outcome.Loaded is not null, outcome.Loaded?.Revision, outcome.Errors)
            {
                Warnings = await WarningsAsync(parsed, outcome.Loaded?.Config.Policies.Exceptions ?? [], ct),
            });
            return outcome.Loaded is null ? ExitCodes.Configuration : ExitCodes.Done;
        });
        return command;
    }

    private static async Task<IReadOnlyList<string>> WarningsAsync(
        ParseResult parsed, List<PolicyExceptionOptions> exceptions, CancellationToken ct)
    {
        if (exceptions.Count == 0)
        {
            return [];
        }

        try
        {
            using var api = ApiClient.Open(Connection.Resolve(
                parsed.GetValue(GlobalOptions.Url), parsed.GetValue(GlobalOptions.Token), parsed.GetValue(GlobalOptions.Data)));
            var systems = (await api.GetAsync("api/systems", ClientJson.Default.Systems, ct)).Rows;
            return WrittenExceptions.Warnings(
                exceptions.Select(e => e.System), [.. systems.Select(s => new KnownSystem(s.Id, s.Team, s.Name))]);
        }
        catch (Exception e) when (e is HttpRequestException or CommandException or ProblemException)
        {
            return ["No server says which systems there are: whom 'policies.exceptions' covers was not checked."];
        }
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
            foreach (var warning in answer.Warnings)
            {
                terminal.Out.WriteLine($"warning: {warning}");
            }
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
