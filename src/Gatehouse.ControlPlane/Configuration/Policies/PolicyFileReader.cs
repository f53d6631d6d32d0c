namespace Gatehouse.Configuration;

/// <summary>Reads a policy file by itself, without a configuration around it.</summary>
public static class PolicyFileReader
{
    private static readonly string[] OnlyPolicies = ["rules", "tests", "extends", "recognisers"];

    /// <summary>Mildest first.</summary>
    public static IReadOnlyList<PolicyFile> BuiltIn => PolicyCompiler.BuiltInPolicies;

    /// <summary>Whether a file looks like a policy and not like a configuration.</summary>
    public static bool IsPolicy(string path)
    {
        try
        {
            return YamlReader.Read(path, File.ReadAllText(path), []) is { } root
                && root.Entries.Exists(e => OnlyPolicies.Contains(e.Key.Text));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <returns>The policy with what its tests gave, or <see langword="null"/> with everything that is wrong with the file.</returns>
    public static PolicyFile? Read(string path, out IReadOnlyList<ConfigurationError> errors)
    {
        var found = new List<ConfigurationError>();
        errors = found;
        try
        {
            var full = Path.GetFullPath(path);
            var references = new References(
                Environment.GetEnvironmentVariable, Path.GetDirectoryName(full)!, readFiles: true, KeptValues.Unknown);
            return PolicyCompiler.Read(File.ReadAllText(full), path, full, references, found, PolicyCompiler.BuiltInPolicies);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            found.Add(new(path, 0, 0, "The policy file cannot be read.", "Check the path and the rights of the file."));
            return null;
        }
    }
}
