using System.Text.RegularExpressions;

namespace Gatehouse.Tests.House;

/// <summary>What the tree may hold.</summary>
public sealed partial class TreeTests
{
    private const int MaxLines = 800;
    private const int MaxColumns = 140;

    private static readonly string[] Written =
        [".cs", ".razor", ".sh", ".md", ".yaml", ".yml", ".json", ".js", ".mjs", ".css", ".sql", ".props", ".csproj", ".slnx", ".txt"];

    [Fact]
    public void No_source_file_is_longer_than_800_lines()
    {
        var tooLong = Repository.Files(".cs", ".razor", ".css", ".js", ".mjs")
            .Select(f => (File: Repository.Relative(f), Lines: File.ReadLines(f).Count()))
            .Where(f => f.Lines > MaxLines);

        Assert.Empty(tooLong);
    }

    [Fact]
    public void No_line_of_code_is_longer_than_140_columns_but_for_its_texts()
    {
        var tooLong = Repository.Files(".cs").SelectMany(f => LongLines(f).Select(line => $"{Repository.Relative(f)}:{line}"));

        Assert.Empty(tooLong);
    }

    [Fact]
    public void No_file_names_a_machine_path_or_a_package_registry()
    {
        var found = Repository.Files(Written)
            .Where(f => Path.GetFileName(f) is not ("LICENSE" or "TreeTests.cs"))
            .SelectMany(f => File.ReadLines(f).Select((line, i) => (Where: $"{Repository.Relative(f)}:{i + 1}", Line: line)))
            .Where(l => MachineOrRegistry().IsMatch(l.Line));

        Assert.Empty(found);
    }

    [Fact]
    public void No_source_file_holds_a_promise_in_place_of_code()
    {
        var found = Repository.Files(".cs", ".razor", ".sh", ".js", ".mjs", ".css", ".sql")
            .Where(f => Path.GetFileName(f) != "TreeTests.cs")
            .SelectMany(f => File.ReadLines(f).Select((line, i) => (Where: $"{Repository.Relative(f)}:{i + 1}", Line: line)))
            .Where(l => Promise().IsMatch(l.Line));

        Assert.Empty(found);
    }

    [Fact]
    public void Lock_files_hold_versions_and_hashes_but_no_addresses()
    {
        var withAddress = Repository.Files(".json")
            .Where(f => Path.GetFileName(f) is "package-lock.json" or "packages.lock.json")
            .Where(f => File.ReadAllText(f) is var text
                && (text.Contains("\"resolved\"", StringComparison.Ordinal) && f.EndsWith("package-lock.json", StringComparison.Ordinal)))
            .Select(Repository.Relative);

        Assert.Empty(withAddress);
    }

    private static IEnumerable<int> LongLines(string file)
    {
        var isInText = false;
        foreach (var (number, line) in File.ReadLines(file).Index())
        {
            var quotes = RawQuotes().Count(line);
            if (!isInText && quotes == 0 && line.Length > MaxColumns && !line.StartsWith('#') && Text().Replace(line, "").Length > MaxColumns)
            {
                yield return number + 1;
            }

            isInText ^= quotes % 2 == 1;
        }
    }

    [GeneratedRegex("\"{3,}")]
    private static partial Regex RawQuotes();

    [GeneratedRegex("""
        "(?:[^"\\]|\\.)*"
        """)]
    private static partial Regex Text();

    [GeneratedRegex(@"(?<![\w.])/(work|farm|root)/|/tmp/bash|nuget\.org|npmjs\.(org|com)|deb\.debian\.org", RegexOptions.IgnoreCase)]
    private static partial Regex MachineOrRegistry();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b|NotImplementedException")]
    private static partial Regex Promise();
}
