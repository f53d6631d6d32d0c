using System.CommandLine;
using System.Globalization;
using Gatehouse.Configuration;
using Gatehouse.Hosting;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary><c>gatehouse up</c>: runs the server until Ctrl+C or SIGTERM.</summary>
internal static class UpCommand
{
    public const string Name = "up";

    private const int MaxDrainSeconds = 600;

    public static Command Create()
    {
        var address = new Option<string?>(
            "--address") { Description = "Listen here; wins over server.address. A URL does too. Port 0 takes a free one.",
                HelpName = "host:port" };
        address.Validators.Add(static result =>
        {
            var text = result.GetValueOrDefault<string?>() ?? "";
            if (!ServerAddress.TryParse(text, out _, out _))
            {
                result.AddError(text.StartsWith("https:", StringComparison.OrdinalIgnoreCase)
                    ? $"--address '{text}': Gatehouse speaks HTTP and leaves TLS to a proxy before it. Write host:port, for example 127.0.0.1:8080."
                    : $"--address '{text}' is no address. Write host:port, for example 127.0.0.1:8080.");
            }
        });
        var noSample = new Option<bool>("--no-sample")
        {
            Description = "Do not make the sample team, system and key at the first start. The command line's token is made all the same.",
        };
        var drain = new Option<int>("--drain")
        {
            Description = "Seconds in which /readyz says no before the listener closes, so that load balancers look away first.",
            HelpName = "seconds",
            DefaultValueFactory = static _ => 0,
        };
        drain.Validators.Add(static result =>
        {
            if (result.Tokens is [var text]
                && !(int.TryParse(text.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                    && seconds <= MaxDrainSeconds))
            {
                result.AddError($"--drain takes 0 to {MaxDrainSeconds} seconds.");
            }
        });
        var logLevel = new Option<LogLevel>("--log-level")
        {
            Description = "How much to log on standard error; debug and trace include what Gatehouse is built on.",
            HelpName = "trace|debug|information|warning|error",
            DefaultValueFactory = static _ => LogLevel.Information,
        };
        logLevel.AcceptOnlyItsWords();
        var command = new Command(Name, "Run the server.") { ConfigurationSources.File, address, noSample, drain, logLevel };
        command.SetAction(async (parsed, ct) =>
        {
            var source = ConfigurationSources.From(parsed, parsed.GetValue(address));
            var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
            await using var server = await Server.StartAsync(
                source, new ServerFlags(
                    !parsed.GetValue(noSample), TimeSpan.FromSeconds(parsed.GetValue(drain)), parsed.GetValue(logLevel)), ct);
            Welcome.Print(terminal, server.Describe());
            return await server.RunAsync(ct) ? ExitCodes.Done : ExitCodes.Interrupted;
        });
        return command;
    }
}
