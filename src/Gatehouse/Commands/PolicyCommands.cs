using System.CommandLine;
using System.Net.Sockets;
using Gatehouse.Client;
using Gatehouse.Configuration;
using Gatehouse.Gateway.Guarding.PlugIns;
using Gatehouse.Guards;
using Gatehouse.Hosting;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary>
/// <c>gatehouse policy</c>: the guard policies, those of files and those that Gatehouse keeps. Reading needs no server: without one, the
/// configuration is read.
/// </summary>
internal static class PolicyCommands
{
    internal sealed record Listed(string Name, string Revision, int Rules, int Tests, string? File, string Description);

    public static Command Create() => new("policy", "The guard policies: what is looked for in calls, and what is done then.")
    {
        List(),
        Show(),
        Test(),
        PolicyDiffCommand.Create(),
        KeptPolicyCommands.Save(),
        KeptPolicyCommands.History(),
        KeptPolicyCommands.Apply(),
        KeptPolicyCommands.Withdraw(),
    };

    /// <summary>
    /// Asks the server; where none runs and none was named, or the option --config says so, reads the configuration.
    /// </summary>
    /// <returns><see langword="null"/>: read the configuration.</returns>
    public static async Task<T?> AskAsync<T>(ParseResult parsed, Func<ApiClient, Task<T>> ask)
        where T : class
    {
        if (parsed.GetValue(ConfigurationSources.File) is not null)
        {
            return null;
        }

        var named = parsed.GetValue(GlobalOptions.Url) ?? Connection.Variable("GATEHOUSE_URL");
        using var api = ApiClient.Open(
            Connection.Resolve(named, parsed.GetValue(GlobalOptions.Token), parsed.GetValue(GlobalOptions.Data)));
        try
        {
            return await ask(api);
        }
        catch (Exception e) when (named is null
            && e is HttpRequestException { InnerException: SocketException } or CommandException { Code: "no_token" })
        {
            return null; // no server of this directory runs
        }
    }

    public static async Task<IReadOnlyList<PolicyFile>> LoadAsync(ParseResult parsed, CancellationToken ct) =>
        (await ServerParts.LoadAsync(ConfigurationSources.From(parsed), ct)).Compiled.PolicyFiles;

    private static Command List()
    {
        var command = new Command("list", "List the policies, built-in ones first.") { ConfigurationSources.File };
        command.SetAction(async (parsed, ct) =>
        {
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            if (await AskAsync(parsed, api => api.GetAsync("api/policies", ct)) is { } answer)
            {
                if (terminal.Json)
                {
                    terminal.WriteJson(answer);
                    return ExitCodes.Done;
                }

                terminal.WriteTable(
                    ["policy", "revision", "rules", "where", "about"],
                    ApiClient.Read(answer, ClientJson.Default.Policies).Rows.Select(p => (IReadOnlyList<string>)
                    [
                        p.Name, p.Number is { } number ? FormattableString.Invariant($"{p.Revision} ({number})") : p.Revision,
                        FormattableString.Invariant($"{p.Rules.Count}"), WhereOf(p), p.Description,
                    ]),
                    "No policies.");
                return ExitCodes.Done;
            }

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

    private static string WhereOf(PolicyView policy) => policy.Source switch
    {
        PolicySource.BuiltIn => "built in",
        PolicySource.File => policy.File ?? "file",
        _ => "kept",
    };

    private static Command Show()
    {
        var name = new Argument<string>("policy") { Description = "The policy's name; name@3 for a revision of a kept one." };
        var command = new Command(
            "show", "Print a policy as it is written: a built-in one to begin with, for example.") { name, ConfigurationSources.File };
        command.SetAction(async (parsed, ct) =>
        {
            var named = parsed.GetRequiredValue(name);
            if (PolicyFileReader.BuiltIn.FirstOrDefault(f => f.Policy.Name == named) is { } builtIn)
            {
                // The same everywhere, also where the configuration waits for the policy that is begun with it.
                Terminal.Standard(json: false).Out.Write(builtIn.Text);
                return ExitCodes.Done;
            }

            var path = $"api/policies/{Uri.EscapeDataString(named)}";
            if (await AskAsync(parsed, api => api.GetAsync(path, ClientJson.Default.PolicyView, ct)) is not { } kept)
            {
                var files = await LoadAsync(parsed, ct);
                var found = files.FirstOrDefault(f => f.Policy.Name == named)
                    ?? throw new CommandException(
                        ExitCodes.Refused, "not_found",
                        $"There is no policy of this name: {string.Join(", ", files.Select(f => f.Policy.Name))}.");
                Terminal.Standard(json: false).Out.Write(found.Text);
                return ExitCodes.Done;
            }

            Terminal.Standard(json: false).Out.Write(kept.Text);
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command Test()
    {
        var paths = new Argument<string[]>(
            "files") { Description = "Policy files. Default: every policy of the configuration.", Arity = ArgumentArity.ZeroOrMore };
        var live = new Option<bool>("--live")
        {
            Description = "Ask the real models, through the gateway, and webhooks in place of the answers that tests state. "
                + "What models are asked is charged to the key.",
        };
        var key = new Option<string?>("--key")
        {
            Description = "With --live: the API key to ask models with. Default: GATEHOUSE_KEY, then the sample system's.",
            HelpName = "key",
        };
        var command = new Command("test", "Run the tests that stand in policies. Needs no server, unless real models are asked.")
        {
            paths, ConfigurationSources.File, live, key,
        };
        command.SetAction(async (parsed, ct) =>
        {
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            var chosen = parsed.GetValue(paths)!;
            var files = chosen.Length > 0 ? Read(chosen) : await LoadAsync(parsed, ct);
            var results = parsed.GetValue(live)
                ? await TestLiveAsync(parsed, files, parsed.GetValue(key), ct)
                : files.SelectMany(f => f.Tests).ToArray();
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

    private static async Task<PolicyTestResult[]> TestLiveAsync(
        ParseResult parsed, IReadOnlyList<PolicyFile> files, string? key, CancellationToken ct)
    {
        var data = parsed.GetValue(GlobalOptions.Data);
        var secret = key ?? Connection.Variable("GATEHOUSE_KEY") ?? Connection.Local(data, CallCommand.SampleKeyFile);
        using var gateway = secret is null ? null : new HttpClient
        {
            BaseAddress = Connection.Resolve(parsed.GetValue(GlobalOptions.Url), parsed.GetValue(GlobalOptions.Token), data).Url,
            Timeout = Timeout.InfiniteTimeSpan,
            DefaultRequestHeaders = { Authorization = new("Bearer", secret) },
        };
        var results = new List<PolicyTestResult>();
        foreach (var file in files)
        {
            results.AddRange(await file.TestLiveAsync(
                (policy, rule, side, text, t) => PlugInTrial.AskAsync(policy, rule, side, text, gateway, TimeProvider.System, t), ct));
        }

        return [.. results];
    }

    private static List<PolicyFile> Read(string[] paths) => [.. paths.Select(ReadFile)];

    /// <exception cref="CommandException">The file is no policy.</exception>
    public static PolicyFile ReadFile(string path) =>
        PolicyFileReader.Read(path, out var errors) ?? throw ConfigurationSources.Wrong(errors);
}
