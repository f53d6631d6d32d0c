using System.Text.Json;
using Gatehouse.Commands;

namespace Gatehouse.Client;

/// <summary>Which server a command talks to, and as whom.</summary>
/// <param name="Token"><see langword="null"/>: calls that need none still work.</param>
internal sealed record Connection(Uri Url, string? Token)
{
    /// <summary>The file in the data directory in which a running server leaves its address.</summary>
    public const string AddressFile = "address";

    /// <summary>The file in the data directory that holds the access token of whoever may read the directory.</summary>
    public const string TokenFile = "cli-token";

    private static readonly Uri DefaultUrl = new("http://127.0.0.1:8080");

    /// <summary>
    /// Options win over the environment, the environment over the profile, the profile over the local data directory. The local
    /// token goes only to the local server, and an address that a directory names gets no other: a directory that came with somebody's
    /// repository must not collect the tokens of whoever runs a command in it.
    /// </summary>
    /// <exception cref="CommandException">The address is no address, or the profile is no JSON.</exception>
    public static Connection Resolve(string? url, string? token, string? data)
    {
        var option = token;
        url ??= Variable("GATEHOUSE_URL");
        token ??= Variable("GATEHOUSE_TOKEN");
        var profile = url is null ? ReadProfile() : null;
        url ??= profile?.Url;
        token ??= profile?.Token;
        if (url is not null)
        {
            return new Connection(Parse(url), token ?? LocalTokenFor(Parse(url), data));
        }

        return Local(data, AddressFile) is { } local
            ? new Connection(Parse(local), option ?? Local(data, TokenFile))
            : new Connection(DefaultUrl, token);
    }

    public static string DataDirectory(string? data) => Path.GetFullPath(data ?? Variable("GATEHOUSE_DATA") ?? "data");

    public static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    /// <returns>The trimmed text of a file in the data directory, or <see langword="null"/> when it cannot be read.</returns>
    public static string? Local(string? data, string file)
    {
        var path = Path.Combine(DataDirectory(data), file);
        try
        {
            return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } text ? text : null;
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? LocalTokenFor(Uri url, string? data) =>
        Local(data, AddressFile) is { } address && Uri.TryCreate(address, UriKind.Absolute, out var local)
            && Uri.Compare(url, local, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0
            ? Local(data, TokenFile)
            : null;

    private static Uri Parse(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme is "http" or "https"
            ? parsed
            : throw new CommandException(ExitCodes.Usage, "invalid_url", $"'{url}' is no address: write http://host:port.");

    private static Profile? ReadProfile()
    {
        var home = Variable("XDG_CONFIG_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config");
        var path = Path.Combine(home, "gatehouse", "profile.json");
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), ClientJson.Default.Profile);
        }
        catch (JsonException e)
        {
            throw new CommandException(ExitCodes.Usage, "invalid_profile", $"{path} is not valid: {e.Message}");
        }
    }
}

/// <summary>The file <c>~/.config/gatehouse/profile.json</c>.</summary>
internal sealed record Profile(string? Url, string? Token);
