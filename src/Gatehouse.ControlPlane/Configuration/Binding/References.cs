using System.Text;

namespace Gatehouse.Configuration;

/// <summary>
/// Resolves <c>${NAME}</c>, <c>${NAME:-default}</c>, <c>${file:path}</c>, <c>${secret:NAME}</c> and <c>${vault:path#field}</c> within a
/// value;
/// <c>$${</c> stands for a literal <c>${</c>. Messages name the variable, the file or the secret and never what it holds.
/// </summary>
/// <param name="variable">Looks an environment variable up.</param>
/// <param name="folder">Folder that relative paths start from.</param>
/// <param name="readFiles">Whether files are opened; else it is only seen that they exist, and their content is not known.</param>
/// <param name="kept">Values that are kept elsewhere.</param>
internal sealed class References(Func<string, string?> variable, string folder, bool readFiles, KeptValues kept)
{
    private const int MaxSecretFileBytes = 64 << 10;
    private const string Forms =
        "Write ${NAME}, ${NAME:-default}, ${file:path}, ${secret:NAME} or ${vault:path#field}; a literal '${' is written '$${'.";

    /// <summary>Full paths of the files that values came from: a change of one is a change of the configuration.</summary>
    public HashSet<string> Files { get; } = new(StringComparer.Ordinal);

    /// <summary>Names of stored secrets that values refer to.</summary>
    public HashSet<string> Secrets { get; } = new(StringComparer.Ordinal);

    /// <summary>The settings that refer to each of them.</summary>
    public Dictionary<string, IReadOnlyList<string>> SecretUses { get; } = new(StringComparer.Ordinal);

    /// <summary>Remembers which stored secrets a setting refers to.</summary>
    public void Note(string setting, string text)
    {
        foreach (var name in KeptReferences.StoredNames(text))
        {
            SecretUses[name] = [.. SecretUses.GetValueOrDefault(name) ?? [], setting];
        }
    }

    public static bool IsIn(string text) => text.Contains("${", StringComparison.Ordinal);

    public string Folder { get; } = folder;

    public bool ReadsFiles { get; } = readFiles;

    /// <summary>
    /// The text came over the network: it may name stored secrets where a setting takes one, and nothing of the machine.
    /// </summary>
    public bool IsForeign { get; init; }

    /// <summary>A text is only looked at: what it refers to is taken for right and not known, so no message can tell it.</summary>
    public bool KnowsNothing { get; init; }

    /// <summary>Whether a text refers to something; <c>$${</c> does not.</summary>
    public static bool HasReference(string text)
    {
        for (var at = text.IndexOf("${", StringComparison.Ordinal); at >= 0; at = text.IndexOf("${", at + 2, StringComparison.Ordinal))
        {
            if (at == 0 || text[at - 1] != '$')
            {
                return true;
            }
        }

        return false;
    }

    /// <param name="value">The value; <see langword="null"/> when it holds a file that is not opened, or a kept value that is not known
    /// here.</param>
    /// <returns><see langword="false"/> with <paramref name="problem"/> and how to mend it.</returns>
    public bool TryResolve(string text, out string? value, out string problem, out string suggestion)
    {
        problem = "";
        suggestion = "";
        if (KnowsNothing && HasReference(text))
        {
            value = null;
            return true;
        }

        value = IsIn(text) ? Replace(text, out problem, out suggestion) : text;
        if (value is null && problem.Length == 0)
        {
            return true;
        }

        return value is not null;
    }

    /// <returns><see langword="null"/> with a problem, or without one when a part is not known.</returns>
    private string? Replace(string text, out string problem, out string suggestion)
    {
        problem = "";
        suggestion = "";

        var result = new StringBuilder();
        var rest = text.AsSpan();
        while (true)
        {
            var at = rest.IndexOf("${", StringComparison.Ordinal);
            if (at < 0)
            {
                return result.Append(rest).ToString();
            }

            if (at > 0 && rest[at - 1] == '$')
            {
                result.Append(rest[..(at - 1)]).Append("${");
                rest = rest[(at + 2)..];
                continue;
            }

            result.Append(rest[..at]);
            var end = rest[at..].IndexOf('}');
            if (end < 0)
            {
                problem = "A reference that begins with '${' has no closing '}'.";
                suggestion = Forms;
                return null;
            }

            var value = ResolveOne(rest[(at + 2)..(at + end)].ToString(), out problem, out suggestion);
            if (value is null)
            {
                return null;
            }

            result.Append(value);
            rest = rest[(at + end + 1)..];
        }
    }

    /// <summary>The text as it may be shown: references stay, defaults within them and everything else are hidden.</summary>
    public static string Mask(string text)
    {
        if (!IsIn(text) || text.Contains("$${", StringComparison.Ordinal))
        {
            return "***";
        }

        var result = new StringBuilder();
        var rest = text.AsSpan();
        while (true)
        {
            var at = rest.IndexOf("${", StringComparison.Ordinal);
            var end = at < 0 ? -1 : rest[at..].IndexOf('}');
            if (end < 0)
            {
                return result.Append(rest.IsEmpty ? "" : "***").ToString();
            }

            var name = rest[(at + 2)..(at + end)];
            var separator = name.IndexOf(":-", StringComparison.Ordinal);
            result.Append(at > 0 ? "***" : "").Append("${").Append(separator < 0 ? name : name[..separator])
                .Append(separator < 0 ? "}" : ":-***}");
            rest = rest[(at + end + 1)..];
        }
    }

    private string? ResolveOne(string reference, out string problem, out string suggestion)
    {
        problem = "";
        suggestion = "";
        if (IsForeign && !reference.StartsWith(KeptReferences.Secret, StringComparison.Ordinal))
        {
            problem = "What is kept in Gatehouse refers to stored secrets only.";
            suggestion = "Store it with 'gatehouse secret set NAME', and write ${secret:NAME}.";
            return null;
        }

        if (reference.StartsWith("file:", StringComparison.Ordinal))
        {
            return ReadFile(reference["file:".Length..], out problem, out suggestion);
        }

        if (reference.StartsWith(KeptReferences.Secret, StringComparison.Ordinal))
        {
            return KeptReferences.Stored(reference[KeptReferences.Secret.Length..], kept, Secrets, out problem, out suggestion);
        }

        if (reference.StartsWith(KeptReferences.Vault, StringComparison.Ordinal))
        {
            return KeptReferences.InVault(reference[KeptReferences.Vault.Length..], kept, out problem, out suggestion);
        }

        var separator = reference.IndexOf(":-", StringComparison.Ordinal);
        var name = separator < 0 ? reference : reference[..separator];
        if (name.Length is 0 or > 128 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') || char.IsAsciiDigit(name[0]))
        {
            problem = "The name in '${…}' is not the name of an environment variable.";
            suggestion = Forms;
            return null;
        }

        var value = variable(name);
        if (!string.IsNullOrEmpty(value))
        {
            return value;
        }

        if (separator >= 0)
        {
            return reference[(separator + 2)..];
        }

        problem = $"The environment variable {name} is not set.";
        suggestion = $"Set {name} before the start, or give a default with ${{{name}:-…}}.";
        return null;
    }

    private string? ReadFile(string path, out string problem, out string suggestion)
    {
        problem = "";
        suggestion = "";
        try
        {
            var full = Path.GetFullPath(path.Trim(), Folder);
            Files.Add(full);
            if (!ReadsFiles && File.Exists(full))
            {
                return null;
            }

            using var stream = new FileStream(full, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[MaxSecretFileBytes + 1];
            var read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (read > MaxSecretFileBytes)
            {
                problem = $"The file '{path}' is larger than {MaxSecretFileBytes} bytes.";
                suggestion = "A secret file holds nothing but the secret.";
                return null;
            }

            return Encoding.UTF8.GetString(bytes, 0, read).Trim('\uFEFF', '\r', '\n', ' ', '\t');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            problem = e is FileNotFoundException or DirectoryNotFoundException
                ? $"The file '{path}' does not exist."
                : $"The file '{path}' cannot be read.";
            suggestion = "Create it, or let the user that runs Gatehouse read it.";
            return null;
        }
    }
}
