using System.CommandLine;
using Gatehouse.Hosting;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse up</c>: runs the server until Ctrl+C or SIGTERM.</summary>
internal static class UpCommand
{
    public static Command Create()
    {
        var address = new Option<string?>("--address") { Description = "Listen here; wins over server.address. Port 0 takes a free one.", HelpName = "host:port" };
        var noSample = new Option<bool>("--no-sample") { Description = "Do not make the sample team, system and key at the first start." };
        var drain = new Option<int>("--drain")
        {
            Description = "Seconds in which /readyz says no before the listener closes, so that load balancers look away first.",
            HelpName = "seconds",
            DefaultValueFactory = static _ => 0,
        };
        var command = new Command("up", "Run the server.") { ConfigurationSources.File, address, noSample, drain };
        command.SetAction(async (parsed, ct) =>
        {
            var source = ConfigurationSources.From(parsed, parsed.GetValue(address));
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            await using var server = await Server.StartAsync(
                source, new ServerFlags(!parsed.GetValue(noSample), TimeSpan.FromSeconds(Math.Clamp(parsed.GetValue(drain), 0, 600))), ct);
            Welcome.Print(terminal, await server.DescribeAsync(ct));
            await server.RunAsync(ct);
            return ExitCodes.Done;
        });
        return command;
    }
}
