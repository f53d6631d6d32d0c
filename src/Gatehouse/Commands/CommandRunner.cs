using System.CommandLine;
using System.Text.Json;
using Gatehouse.Client;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Output;

namespace Gatehouse.Commands;

/// <summary>Runs a command and turns what it throws into one message and one exit code: the only place that does.</summary>
internal static class CommandRunner
{
    /// <summary>How long a command may go on after Ctrl+C: longer than the longest drain of <c>up</c>.</summary>
    private static readonly TimeSpan TerminationTimeout = TimeSpan.FromMinutes(11);

    public static async Task<int> RunAsync(RootCommand commands, string[] args)
    {
        var parsed = commands.Parse(args);
        var terminal = Terminal.Standard(parsed.GetValue(GlobalOptions.Json));
        var configuration = new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = TerminationTimeout,
        };
        try
        {
            return await parsed.InvokeAsync(configuration);
        }
        catch (CommandException e)
        {
            terminal.Fail(e.Code, e.Message);
            return e.ExitCode;
        }
        catch (ProblemException e)
        {
            terminal.Fail(e.Problem.Code, e.Problem.Message);
            return ExitCodes.Refused;
        }
        catch (HttpRequestException e)
        {
            terminal.Fail("unreachable", $"No server answers: {e.Message} Start one with 'gatehouse up', or name it with --url.");
            return ExitCodes.Unreachable;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Interrupted;
        }
        catch (JsonException)
        {
            terminal.Fail("unexpected_answer", "What answers is not Gatehouse, or another version of it: check the address.");
            return ExitCodes.Unreachable;
        }
        catch (SecretUnusableException e)
        {
            terminal.Fail("secret_unusable", e.Message);
            return ExitCodes.Storage;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            terminal.Fail("failed", e.Message);
            return ExitCodes.Usage;
        }
    }

    /// <summary>An action that talks to the server.</summary>
    public static void SetApiAction(this Command command, Func<ParseResult, ApiClient, Terminal, CancellationToken, Task<int>> action) =>
        command.SetAction(async (parsed, ct) =>
        {
            using var api = ApiClient.Open(Connection.Resolve(
                parsed.GetValue(GlobalOptions.Url), parsed.GetValue(GlobalOptions.Token), parsed.GetValue(GlobalOptions.Data)));
            return await action(parsed, api, Terminal.Standard(parsed.GetValue(GlobalOptions.Json)), ct);
        });
}
