using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Configuration;
using Gatehouse.Hosting;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse policy</c>: the guard policies of a configuration. Needs no server.</summary>
internal static class PolicyCommands
{
    internal sealed record Listed(string Name, string Revision, int Rules, int Tests, string? File, string Description);

    public static Command Create() =>
        new("policy", "The guard policies: what is looked for in calls, and what is done then.") { List(), Show(), Test() };

    private static Command List()
    {
        var command = new Command("list", "List the policies of the configuration, built-in ones first.") { ConfigurationSources.File };
        command.SetAction(async (parsed, ct) =>
        {
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            var listed = (await LoadAsync(parsed, ct)).Select(f => new Listed(
                f.Policy.Name, f.Policy.Revision, f.Policy.Definition.Rules.Count, f.Tests.Count, f.Path, f.Policy.Definition.Description))
                .ToArray();
            if (terminal.Json)
            {
                terminal.WriteJson(listed, ClientJson.Default.PolicyCommandsListed);
                return ExitCodes.Done;
            }

            foreach (var policy in listed)
            {
                terminal.Out.WriteLine(
                    FormattableString.Invariant(
                        $"{policy.Name}  {policy.Revision}  {policy.Rules} rules, {policy.Tests} tests  {policy.File ?? "built in"}"));
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Show()
    {
        var name = new Argument<string>("policy") { Description = "The policy's name." };
        var command = new Command(
            "show", "Print a policy as it is written: a built-in one to begin with, for example.") { name, ConfigurationSources.File };
        command.SetAction(async (parsed, ct) =>
        {
            var files = await LoadAsync(parsed, ct);
            var found = files.FirstOrDefault(f => f.Policy.Name == parsed.GetRequiredValue(name))
                ?? throw new CommandException(
                    ExitCodes.Refused, "not_found",
                    $"There is no policy of this name: {string.Join(", ", files.Select(f => f.Policy.Name))}.");
            Terminal.Standard(json: false).Out.Write(found.Text);
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Test()
    {
        var paths = new Argument<string[]>(
            "files") { Description = "Policy files. Default: every policy of the configuration.", Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("test", "Run the tests that stand in policies.") { paths, ConfigurationSources.File };
        command.SetAction(async (parsed, ct) =>
        {
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            var chosen = parsed.GetValue(paths)!;
            var files = chosen.Length > 0 ? Read(chosen) : await LoadAsync(parsed, ct);
            var results = files.SelectMany(f => f.Tests).ToArray();
            if (terminal.Json)
            {
                terminal.WriteJson(results, ClientJson.Default.PolicyTestResultArray);
            }
            else
            {
                foreach (var failed in results.Where(r => r.Failure is not null))
                {
                    terminal.Out.WriteLine(
                        FormattableString.Invariant($"{failed.Policy}, line {failed.Line}: '{failed.Name}' fails: {failed.Failure}"));
                }

                terminal.Out.WriteLine(
                    FormattableString.Invariant(
                        $"{results.Count(r => r.Failure is null)} tests passed, {results.Count(r => r.Failure is not null)} failed."));
            }

            return results.Any(r => r.Failure is not null) ? ExitCodes.Configuration : ExitCodes.Done;
        });
        return command;
    }

    private static async Task<IReadOnlyList<PolicyFile>> LoadAsync(ParseResult parsed, CancellationToken ct) =>
        (await ServerParts.LoadAsync(ConfigurationSources.From(parsed), ct)).Compiled.PolicyFiles;

    private static List<PolicyFile> Read(string[] paths)
    {
        var files = new List<PolicyFile>();
        foreach (var path in paths)
        {
            files.Add(PolicyFileReader.Read(path, out var errors) ?? throw ConfigurationSources.Wrong(errors));
        }

        return files;
    }
}
