using System.CommandLine;
using System.Net.Sockets;
using System.Text;
using Gatehouse.Client;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Governance;
using Gatehouse.Hosting;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary>
/// <c>gatehouse secret set|list|remove</c>: credentials that Gatehouse keeps, encrypted. Works on the database itself while no server runs.
/// </summary>
internal static class SecretCommands
{
    private const int MaxInputChars = 64 << 10;

    private static readonly Person Local = new(
        Guid.Empty, "command-line@localhost", "Command line of this machine", [new Membership(null, Role.Admin)]);

    internal sealed record Request(string Value)
    {
        public override string ToString() => nameof(Request);
    }

    internal sealed record Removed(string Name);

    public static Command Create() => new("secret", "Credentials that Gatehouse keeps, encrypted: ${secret:NAME} in the configuration.")
    {
        CreateSet(),
        CreateList(),
        CreateRemove(),
    };

    private static Command CreateSet()
    {
        var name = Name();
        var command = new Command(
            "set", "Store a secret, or change it, from standard input. Where the configuration refers to it, it is used within a second.")
        {
            name, ConfigurationSources.File,
        };
        command.SetAction(async (parsed, ct) =>
        {
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            var (named, value) = (parsed.GetRequiredValue(name), await ReadValueAsync(ct));
            var stored = await RunAsync(
                parsed,
                async api => ApiClient.Read(
                    await api.PutAsync(
                        $"api/secrets/{Uri.EscapeDataString(named)}", new Request(value), ClientJson.Default.SecretCommandsRequest, ct),
                    ClientJson.Default.StoredSecret),
                secrets => secrets.SetAsync(Local, named, value, ct),
                ct);
            if (terminal.Json)
            {
                terminal.WriteJson(stored, ClientJson.Default.StoredSecret);
                return ExitCodes.Done;
            }

            terminal.Out.WriteLine(stored.InUse
                ? $"Stored '{stored.Name}'. The configuration refers to it, and every node that runs uses it within a second."
                : $"Stored '{stored.Name}'. Refer to it as ${{secret:{stored.Name}}} in gatehouse.yaml.");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreateList()
    {
        var command = new Command("list", "List stored secrets by name; nothing shows their values.") { ConfigurationSources.File };
        command.SetAction(async (parsed, ct) =>
        {
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            var items = await RunAsync(
                parsed,
                async api => (await api.GetAsync("api/secrets", ClientJson.Default.StoredSecrets, ct)).Rows,
                secrets => secrets.ListAsync(Local, ct),
                ct);
            if (terminal.Json)
            {
                terminal.WriteJson(new Items<StoredSecret>(items), ClientJson.Default.StoredSecrets);
                return ExitCodes.Done;
            }

            terminal.WriteTable(
                ["name", "changed", "by", "in use"],
                items.Select(s => (IReadOnlyList<string>)[s.Name, Terminal.Time(s.ChangedAt), s.Person, s.InUse ? "yes" : "no"]),
                "No secrets are stored. Store one with: gatehouse secret set NAME");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreateRemove()
    {
        var name = Name();
        var command = new Command(
            "remove", "Forget a stored secret. One that the configuration refers to stays.") { name, ConfigurationSources.File };
        command.SetAction(async (parsed, ct) =>
        {
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            var named = parsed.GetRequiredValue(name);
            await RunAsync(
                parsed,
                api => api.DeleteAsync($"api/secrets/{Uri.EscapeDataString(named)}", ct),
                async secrets =>
                {
                    await secrets.RemoveAsync(Local, named, ct);
                    return [];
                },
                ct);
            if (terminal.Json)
            {
                terminal.WriteJson(new Removed(named), ClientJson.Default.SecretCommandsRemoved);
            }
            else
            {
                terminal.Out.WriteLine($"Removed '{named}'.");
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static Argument<string> Name() => new("name") { Description = "Lower-case letters, digits and hyphens." };

    /// <summary>Never an argument: the machine's list of processes and the shell's history would show it.</summary>
    private static async Task<string> ReadValueAsync(CancellationToken ct)
    {
        if (!System.Console.IsInputRedirected)
        {
            return ReadHidden();
        }

        var text = new char[MaxInputChars + 1];
        var read = await System.Console.In.ReadBlockAsync(text, ct);
        return read <= MaxInputChars
            ? new string(text, 0, read)
            : throw new CommandException(ExitCodes.Usage, "too_long", $"A secret has at most {MaxInputChars} characters.");
    }

    private static string ReadHidden()
    {
        System.Console.Error.Write("Value (not shown): ");
        var text = new StringBuilder();
        while (System.Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.Key == ConsoleKey.Backspace)
            {
                text.Length = Math.Max(0, text.Length - 1);
            }
            else if (key.KeyChar != '\0')
            {
                text.Append(key.KeyChar);
            }
        }

        System.Console.Error.WriteLine();
        return text.ToString();
    }

    /// <summary>
    /// Asks the server; where none runs, and none was named, the database that the configuration names is worked on itself.
    /// </summary>
    private static async Task<T> RunAsync<T>(
        ParseResult parsed, Func<ApiClient, Task<T>> ask, Func<StoredSecrets, Task<T>> act, CancellationToken ct)
    {
        var named = parsed.GetValue(GlobalOptions.Url) ?? Connection.Variable("GATEHOUSE_URL");
        if (parsed.GetValue(ConfigurationSources.File) is null)
        {
            using var api = ApiClient.Open(
                Connection.Resolve(named, parsed.GetValue(GlobalOptions.Token), parsed.GetValue(GlobalOptions.Data)));
            try
            {
                return await ask(api);
            }
            catch (HttpRequestException e) when (named is null && e.InnerException is SocketException)
            {
                // No server runs here.
            }
        }

        var loader = ServerParts.Loader(ConfigurationSources.From(parsed), new ProviderFactory(TimeProvider.System), new SecretValues());
        var first = await loader.LoadStartAsync(ct);
        if (first.Start is not { } start)
        {
            throw ConfigurationSources.Wrong(first.Errors);
        }

        await using var database = await ServerParts.OpenDatabaseFolderAsync(start, ct);
        return await act(
            await StoredSecrets.OpenAsync(
                database, InstallationSecret.Load(start.DataFolder), start.StoredSecrets, TimeProvider.System, ct));
    }
}
