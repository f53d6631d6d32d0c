using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Text.Json;
using Gatehouse.Client;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Polling;
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
            // Here, because with a few the invocation itself breaks.
            if (parsed.CommandResult.Command.Name == UpCommand.Name && Descriptors.Limit < Descriptors.Least)
            {
                throw new CommandException(ExitCodes.Usage, "too_few_open_files",
                    $"Only {Descriptors.Limit} files and sockets may be open, which are too few for a server. {Descriptors.Mend}");
            }

            return parsed.Action is ParseErrorAction error
                ? FailToParse(parsed, error, terminal)
                : await parsed.InvokeAsync(configuration);
        }
        catch (CommandException e)
        {
            terminal.Fail(e.Code, e.Message);
            return e.ExitCode;
        }
        catch (ProblemException e)
        {
            terminal.Fail(e.Problem.Code, e.Problem.Message);
            return ExitCodes.Of(e.Problem);
        }
        catch (Exception e) when (e is HttpRequestException or HttpIOException)
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

    /// <summary>What is wrong, and no page of help over which it is lost; but a group of commands that is named alone shows them.</summary>
    private static int FailToParse(ParseResult parsed, ParseErrorAction error, Terminal terminal)
    {
        var of = string.Join(' ', PathOf(parsed.CommandResult));
        if (terminal.Json)
        {
            terminal.Fail("wrong_command_line", string.Join(' ', parsed.Errors.Select(e => e.Message)));
            return ExitCodes.Usage;
        }

        error.ShowHelp = parsed is { Errors.Count: 1, UnmatchedTokens.Count: 0, CommandResult.Command.Subcommands.Count: > 0 };
        parsed.Invoke();
        if (!error.ShowHelp)
        {
            terminal.Error.WriteLine($"Run '{of} --help' to see what it takes.");
        }

        return ExitCodes.Usage;
    }

    private static IEnumerable<string> PathOf(CommandResult command) =>
        command.Parent is CommandResult parent ? PathOf(parent).Append(command.Command.Name) : [command.Command.Name];

    /// <summary>An action that talks to the server.</summary>
    public static void SetApiAction(this Command command, Func<ParseResult, ApiClient, Terminal, CancellationToken, Task<int>> action) =>
        command.SetAction(async (parsed, ct) =>
        {
            using var api = ApiClient.Open(Connection.Resolve(
                parsed.GetValue(GlobalOptions.Url), parsed.GetValue(GlobalOptions.Token), parsed.GetValue(GlobalOptions.Data)));
            return await action(parsed, api, Terminal.Standard(parsed.GetValue(GlobalOptions.Json)), ct);
        });
}
