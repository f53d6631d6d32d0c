using System.CommandLine;
using System.Text;
using Gatehouse.Commands;

namespace Gatehouse.Tests.House;

/// <summary><c>docs/reference/cli.md</c> is made from the command tree.</summary>
public sealed class CliReferenceTests
{
    [Fact]
    public void The_document_shows_every_command_option_and_exit_code()
    {
        var root = Program.Commands();
        var text = new StringBuilder()
            .AppendLine("# Commands")
            .AppendLine()
            .AppendLine("Generated from the command tree; a test fails when this file is stale. Commands other than `up`, `doctor`, `config check` and `guard` talk to a")
            .AppendLine("running server over its REST API. They find it, first hit wins, by `--url` and `--token`; `GATEHOUSE_URL` and `GATEHOUSE_TOKEN`; the")
            .AppendLine("profile `~/.config/gatehouse/profile.json` (`{\"url\": …, \"token\": …}`); the files `address` and `cli-token` that `gatehouse up` keeps in its")
            .AppendLine("data directory. With `--json`, standard output is the API's own JSON and an error is `{\"error\": {\"code\", \"message\"}}` on standard error.")
            .AppendLine("No colour is written to a pipe or file, or when `NO_COLOR` is set.")
            .AppendLine()
            .AppendLine("## Every command")
            .AppendLine();
        AppendOptions(text, root.Options);
        AppendCommands(text, root, "gatehouse");
        text.AppendLine().AppendLine("## Exit codes").AppendLine().AppendLine("| code | means |").AppendLine("| --- | --- |");
        foreach (var (code, meaning) in ExitCodes.Meanings)
        {
            text.AppendLine($"| {code} | {meaning} |");
        }

        Golden.Check("docs/reference/cli.md", text.ToString());
    }

    private static void AppendCommands(StringBuilder text, Command parent, string path)
    {
        foreach (var command in parent.Subcommands)
        {
            var name = $"{path} {command.Name}";
            if (command.Subcommands.Count > 0)
            {
                AppendCommands(text, command, name);
                continue;
            }

            var arguments = string.Concat(
                command.Arguments.Select(a => a.Arity.MinimumNumberOfValues == 0 ? $" [{a.Name}]" : $" <{a.Name}>"));
            text.AppendLine().AppendLine($"## {name}{arguments}").AppendLine().AppendLine(command.Description).AppendLine();
            foreach (var argument in command.Arguments)
            {
                text.AppendLine($"- `{argument.Name}`: {argument.Description}");
            }

            AppendOptions(text, command.Options);
        }
    }

    private static void AppendOptions(StringBuilder text, IEnumerable<Option> options)
    {
        foreach (var option in options.Where(o => !o.Hidden))
        {
            var names = string.Join(", ", option.Aliases.Prepend(option.Name).Distinct().Select(a => $"`{a}`"));
            var value = option.HelpName is { } help ? $" `{help}`" : "";
            var required = option.Required
                ? " Required."
                : option is { HasDefaultValue: true, HelpName: not null } && option.GetDefaultValue() is { } value2
                ? $" Default: `{value2.ToString()!.ToLowerInvariant()}`."
                : "";
            text.AppendLine($"- {names}{value}: {option.Description}{required}");
        }
    }
}
