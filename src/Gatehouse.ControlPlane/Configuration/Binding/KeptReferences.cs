using System.Text.RegularExpressions;

namespace Gatehouse.Configuration;

/// <summary>The references <c>${secret:NAME}</c> and <c>${vault:path#field}</c>.</summary>
internal static partial class KeptReferences
{
    public const string Secret = "secret:";
    public const string Vault = "vault:";

    private const string VaultMend = "Write ${vault:path#field}, for example ${vault:secret/data/openai#api_key}.";

    /// <summary>Whether a value is needed before stored secrets, or the vault, can be asked for it.</summary>
    public static string? TooEarly(string name, string text)
    {
        var section = name.Split('.', 2)[0];
        return (section is "server" or "storage" or "vault" && Refers(text, Secret))
            ? "The database, where stored secrets lie, is not open yet when this is needed."
            : section is "vault" && Refers(text, Vault) ? "The vault cannot hold what it is reached by."
            : null;
    }

    /// <summary>Names of stored secrets that a text refers to, each once.</summary>
    public static IEnumerable<string> StoredNames(string text) =>
        Refers(text, Secret) ? SecretReference().Matches(text).Select(m => m.Groups[1].Value).Distinct(StringComparer.Ordinal) : [];

    /// <summary>Paths in the vault that a text refers to, whether or not it is right.</summary>
    public static IReadOnlyCollection<string> VaultPaths(string text)
    {
        var paths = new HashSet<string>(StringComparer.Ordinal);
        foreach (Match match in VaultReference().Matches(text))
        {
            if (TrySplit(match.Groups[1].Value, out var path, out _))
            {
                paths.Add(path);
            }
        }

        return paths;
    }

    /// <returns><see langword="null"/> with a problem, or without one when the value is not known here.</returns>
    public static string? Stored(string name, KeptValues kept, ISet<string> used, out string problem, out string mend)
    {
        (problem, mend) = ("", "");
        if (!SecretName().IsMatch(name))
        {
            problem = "The name in '${secret:…}' is not the name of a stored secret.";
            mend = "A name has lower-case letters, digits and hyphens: ${secret:openai}.";
            return null;
        }

        used.Add(name);
        if (kept.Stored is not { } stored)
        {
            return null;
        }

        if (stored.TryGetValue(name, out var value))
        {
            return value;
        }

        problem = $"There is no stored secret '{name}'.";
        mend = $"Store it with 'gatehouse secret set {name}'.";
        return null;
    }

    /// <inheritdoc cref="Stored"/>
    public static string? InVault(string reference, KeptValues kept, out string problem, out string mend)
    {
        (problem, mend) = ("", "");
        if (!TrySplit(reference, out var path, out var field))
        {
            problem = "The reference '${vault:…}' is not a path and a field.";
            mend = VaultMend;
            return null;
        }

        if (kept.Vault is not { } vault || !vault.TryGetValue(path, out var reading))
        {
            return null;
        }

        if (reading.Problem is { } wrong)
        {
            (problem, mend) = (wrong, reading.Mend);
            return null;
        }

        if (reading.Fields.TryGetValue(field, out var value))
        {
            return value;
        }

        problem = $"The vault's '{path}' has no field '{field}'.";
        mend = "Store it there, or mend the name behind '#'.";
        return null;
    }

    private static bool Refers(string text, string kind) => text.Contains("${" + kind, StringComparison.Ordinal);

    private static bool TrySplit(string reference, out string path, out string field)
    {
        var at = reference.LastIndexOf('#');
        path = at < 0 ? "" : reference[..at].Trim('/');
        path = path.StartsWith("v1/", StringComparison.Ordinal) ? path[3..] : path;
        field = at < 0 ? "" : reference[(at + 1)..];
        return VaultPath().IsMatch(path) && !path.Split('/').Any(p => p is "" or "." or "..") && field.Length is > 0 and <= 128;
    }

    [GeneratedRegex(@"\$\{vault:([^}\r\n]{1,400})\}")]
    private static partial Regex VaultReference();

    [GeneratedRegex(@"\$\{secret:([a-z0-9-]{1,63})\}")]
    private static partial Regex SecretReference();

    [GeneratedRegex(@"^[A-Za-z0-9_.@/-]{1,256}$")]
    private static partial Regex VaultPath();

    [GeneratedRegex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    private static partial Regex SecretName();
}
