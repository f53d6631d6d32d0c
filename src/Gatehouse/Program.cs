using System.CommandLine;
using Gatehouse.Commands;

namespace Gatehouse;

/// <summary>The door: the server and the commands of the CLI. A line per command; a line per module is in <c>Host/GatehouseHost.cs</c>.</summary>
internal static class Program
{
    private static Task<int> Main(string[] args) => CommandRunner.RunAsync(Commands(), args);

    internal static RootCommand Commands() => new("Gatehouse: a gateway and a register for an organisation's AI systems.")
    {
        GlobalOptions.Url,
        GlobalOptions.Token,
        GlobalOptions.Data,
        GlobalOptions.Json,

        new Command("system", "The AI systems in the inventory.")
        {
            SystemAddCommand.Create(),
            SystemListCommand.Create(),
            SystemShowCommand.Create(),
        },
        new Command("key", "The API keys of a system.")
        {
            KeyCreateCommand.Create(),
            KeyListCommand.Create(),
            KeyRevokeCommand.Create(),
        },
        CallCommand.Create(),
        CallsCommand.Create(),
        VersionCommand.Create(),
    };
}
