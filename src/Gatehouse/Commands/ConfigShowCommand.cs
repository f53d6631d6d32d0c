using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse config show</c>: the configuration in force, secrets masked.</summary>
internal static class ConfigShowCommand
{
    public static Command Create()
    {
        var command = new Command("show", "Show the configuration in force, defaults included and secrets masked.");
        command.SetApiAction(async (_, api, terminal, ct) =>
        {
            var answer = await api.GetAsync("api/config", ct);
            if (terminal.Json)
            {
                terminal.WriteJson(answer);
                return ExitCodes.Done;
            }

            var shown = ApiClient.Read(answer, ClientJson.Default.ConfigurationView);
            terminal.Out.WriteLine(
                $"# {shown.SourcePath ?? "embedded default"}, revision {shown.Revision}, in force since {Terminal.Time(shown.LoadedAt)}");
            terminal.Out.WriteLine(shown.Text.TrimEnd());
            foreach (var error in shown.Errors)
            {
                terminal.Error.WriteLine($"The file has changed and is wrong, so this revision stays: {error}");
            }

            if (shown.RestartNeeded.Count > 0)
            {
                terminal.Error.WriteLine($"Changed, but in force only after a restart: {string.Join(", ", shown.RestartNeeded)}");
            }

            return ExitCodes.Done;
        });
        return command;
    }
}
