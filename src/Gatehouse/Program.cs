using System.CommandLine;
using Gatehouse.Commands;

namespace Gatehouse;

/// <summary>
/// The door: the server and the commands of the CLI. A line per command; a line per module is in <c>Hosting/Composition.cs</c>.
/// </summary>
internal static class Program
{
    /// <summary>The server starts without what describes the other commands.</summary>
    private static Task<int> Main(string[] args) =>
        CommandRunner.RunAsync(args is ["up", ..] ? Root(UpCommand.Create()) : Commands(), args);

    internal static RootCommand Commands() => Root(
        UpCommand.Create(),
        DoctorCommand.Create(),
        CallCommand.Create(),
        CallsCommand.Create(),
        new Command("system", "The AI systems in the inventory.")
        {
            SystemAddCommand.Create(),
            SystemListCommand.Create(),
            SystemShowCommand.Create(),
            SystemSetCommand.Create(),
            SystemSetPolicyCommand.Create(),
        },
        new Command("key", "The API keys of a system.")
        {
            KeyCreateCommand.Create(),
            KeyListCommand.Create(),
            KeyRevokeCommand.Create(),
        },
        SwitchCommands.Create(),
        BudgetCommands.Create(),
        LimitCommands.Create(),
        PricesCommands.Create(),
        SecretCommands.Create(),
        new Command("config", "The configuration.")
        {
            ConfigCheckCommand.Create(),
            ConfigShowCommand.Create(),
        },
        PolicyCommands.Create(),
        ExceptionCommands.Create(),
        ReviewCommands.CreateList(),
        ReviewCommands.Create(),
        IncidentCommands.CreateList(),
        IncidentCommands.Create(),
        new Command("guard", "The detectors of personal data and secrets.")
        {
            GuardCheckCommand.Create(),
            GuardEvalCommand.Create(),
            GuardTrainCommand.Create(),
            LabelCommands.Create(),
        },
        VersionCommand.Create());

    private static RootCommand Root(params ReadOnlySpan<Command> commands)
    {
        var root = new RootCommand("Gatehouse: a gateway and a register for an organisation's AI systems.")
        {
            GlobalOptions.Url,
            GlobalOptions.Token,
            GlobalOptions.Data,
            GlobalOptions.Json,
        };
        foreach (var command in commands)
        {
            root.Add(command);
        }

        return root;
    }
}
