using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;
using Gatehouse.Client;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse version</c>: what this executable is.</summary>
internal static class VersionCommand
{
    internal static string Number { get; } =
        typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    internal sealed record Answer(string Version, string Runtime, string Os);

    public static Command Create()
    {
        var command = new Command("version", "Print the version of this executable.");
        command.SetAction(parsed =>
        {
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            var version = Number;
            var answer = new Answer(version, RuntimeInformation.FrameworkDescription, RuntimeInformation.RuntimeIdentifier);
            if (terminal.Json)
            {
                terminal.WriteJson(answer, ClientJson.Default.VersionCommandAnswer);
            }
            else
            {
                terminal.Out.WriteLine($"gatehouse {answer.Version} ({answer.Runtime}, {answer.Os})");
            }

            return ExitCodes.Done;
        });
        return command;
    }
}
