using System.CommandLine;
using Gatehouse.Client;
using Gatehouse.Configuration;

namespace Gatehouse.Commands;

/// <summary>Where commands that read the configuration themselves find it.</summary>
internal static class ConfigurationSources
{
    public static readonly Option<string?> File = new("--config")
    {
        Description = "Configuration file. Default: GATEHOUSE_CONFIG, then ./gatehouse.yaml, then the embedded default.",
        HelpName = "file",
    };

    public static ConfigurationSource From(ParseResult parsed, string? address = null)
    {
        var named = parsed.GetValue(File) ?? Connection.Variable("GATEHOUSE_CONFIG");
        var data = parsed.GetValue(GlobalOptions.Data) ?? Connection.Variable("GATEHOUSE_DATA");
        return new ConfigurationSource(named ?? ConfigurationSource.DefaultFile, named is not null, address, data);
    }

    /// <exception cref="CommandException">The configuration is wrong: every error with its place.</exception>
    public static CommandException Wrong(IReadOnlyList<ConfigurationError> errors) =>
        new(ExitCodes.Configuration, "invalid_configuration", string.Join(Environment.NewLine, errors));
}
