namespace Gatehouse.Gateway.Tests.Fuzzing;

/// <summary>Every recorded file of the wire, by the format of the provider that it came from.</summary>
internal static class FuzzFiles
{
    public static IEnumerable<(string Format, byte[] Content)> Of(string pattern)
    {
        var root = Path.Combine(AppContext.BaseDirectory, "Wire");
        return Directory.EnumerateFiles(root, pattern, SearchOption.AllDirectories)
            .Where(f => !f.Contains("golden", StringComparison.Ordinal) && !f.EndsWith("request.json", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(f => (Path.GetFileName(Path.GetDirectoryName(f))!, File.ReadAllBytes(f)));
    }
}
