namespace Gatehouse.Configuration;

/// <summary>Reads a policy file by itself, without a configuration around it.</summary>
public static class PolicyFileReader
{
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
