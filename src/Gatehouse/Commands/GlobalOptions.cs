using System.CommandLine;

namespace Gatehouse.Commands;

/// <summary>Options that every command understands.</summary>
internal static class GlobalOptions
{
    public static readonly Option<string?> Url = new("--url")
    {
        Description = "Address of the server. Default: GATEHOUSE_URL, the profile, or the server that runs on the local data directory.",
        HelpName = "address",
        Recursive = true,
    };

    public static readonly Option<string?> Token = new("--token")
    {
        Description = "Access token. Default: GATEHOUSE_TOKEN, the profile, or the local data directory's.",
        HelpName = "token",
        Recursive = true,
    };

    public static readonly Option<string?> Data = new("--data")
    {
        Description = "Data directory. Default: GATEHOUSE_DATA, then ./data.",
        HelpName = "directory",
        Recursive = true,
    };

    public static readonly Option<bool> Json = new("--json")
    {
        Description = "Print JSON for scripts in place of text for people.",
        Recursive = true,
    };
}
