namespace Gatehouse.Tests.House;

/// <summary>The checkout that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>Files of the checkout that people write: no build output, no installed packages.</summary>
    public static IEnumerable<string> Files(params string[] extensions) =>
        Directory.EnumerateFiles(Root, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
            .Where(f => extensions.Length == 0 || extensions.Contains(Path.GetExtension(f)))
            .Where(f => !Path.GetRelativePath(Root, f).Split('/').Any(
                part => part is "bin" or "obj" or "out" or "data" or ".git" or "node_modules" or "TestResults" or "lib"));

    public static string Relative(string file) => Path.GetRelativePath(Root, file);

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Gatehouse.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside the checkout.");
        }

        return folder;
    }
}
