using Gatehouse.Contracts;

namespace Gatehouse.Commands;

/// <summary>What a command's exit code says; <c>docs/reference/cli.md</c> lists them from <see cref="Meanings"/>.</summary>
internal static class ExitCodes
{
    public const int Done = 0;
    public const int Usage = 1;
    public const int Refused = 2;
    public const int Unreachable = 3;
    public const int Configuration = 4;
    public const int AddressInUse = 5;
    public const int Storage = 6;
    public const int Unhealthy = 7;
    public const int Found = 8;
    public const int Interrupted = 130;

    public static readonly IReadOnlyList<(int Code, string Meaning)> Meanings =
    [
        (Done, "Done."),
        (Usage, "The command line is wrong, or something failed that nobody expected."),
        (Refused, "The server refused: not signed in, not allowed, not found, an invalid field, or a limit or budget is used up."),
        (Unreachable, "No server answers at the address, or it cannot answer now (502, 503, 504 and the like: its database or the provider "
            + "is away, it is overloaded or stops): try again later. Also: no address or token is known."),
        (Configuration, "The configuration is wrong."),
        (AddressInUse, "The address to listen on is taken or not ours."),
        (Storage, "The data directory, the secret or the database cannot be used."),
        (Unhealthy, "`doctor` found a check that fails."),
        (Found, "`guard check` found something."),
        (Interrupted, "Stopped by Ctrl+C before the end; of `up`, which a signal ends with 0: calls were cut off, by a second signal or after 30 seconds."),
    ];

    /// <summary>What the server's answer says of who is to do something: whoever asked, or nobody but those who run it.</summary>
    public static int Of(Problem problem) => problem.Status switch
    {
        < 500 => Refused,
        500 => Usage,
        _ => Unreachable,
    };
}

/// <summary>Ends a command with a message for people and an exit code for scripts.</summary>
/// <param name="code">Stable, snake_case; scripts read it from <c>--json</c> errors.</param>
internal sealed class CommandException(int exitCode, string code, string message) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    public string Code { get; } = code;
}
