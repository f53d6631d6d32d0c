using System.Text.RegularExpressions;
using Gatehouse.Console.Frame;

namespace Gatehouse.Tests.Console;

public partial class AssetsTests
{
    private const int MostBytes = 120_000;

    [Fact]
    public void Everything_a_page_loads_stays_small()
    {
        var assets = new Assets();

        var bytes = new[]
        {
            "console.css", "uplot.css", "htmx.js", "hx-sse.js", "uplot.js", "console.js", "charts.js", "follow.js", "keys.js", "palette.js",
            "times.js",
        }.Sum(assets.WireBytes);

        Assert.True(bytes < MostBytes, $"{bytes} bytes");
    }

    [Fact]
    public void The_libraries_come_with_their_licences()
    {
        var assets = new Assets();

        Assert.NotEmpty(assets.Path("htmx.LICENSE.txt"));
        Assert.NotEmpty(assets.Path("uplot.LICENSE.txt"));
    }

    [Fact]
    public void No_component_needs_what_the_content_policy_forbids()
    {
        var folder = Path.Combine(RepositoryFolder(), "src", "Gatehouse.Console");
        var wrong = Directory.EnumerateFiles(folder, "*.razor", SearchOption.AllDirectories)
            .Where(file => Forbidden().IsMatch(File.ReadAllText(file)))
            .Select(Path.GetFileName);

        Assert.Empty(wrong);
    }

    [Fact]
    public void Colours_live_in_one_file()
    {
        var folder = Path.Combine(RepositoryFolder(), "src", "Gatehouse.Console");
        var wrong = Directory.EnumerateFiles(folder, "*.css", SearchOption.AllDirectories)
            .Where(file => !file.Contains("node_modules", StringComparison.Ordinal) && !file.Contains("wwwroot", StringComparison.Ordinal))
            .Where(file => Path.GetFileName(file) != "variables.css" && Colour().IsMatch(File.ReadAllText(file)))
            .Select(Path.GetFileName);

        Assert.Empty(wrong);
    }

    [GeneratedRegex("""\sstyle=|\son[a-z]+="|<script>|<style|javascript:|hx-on|https?://""")]
    private static partial Regex Forbidden();

    [GeneratedRegex("#[0-9a-fA-F]{3,8}\\b|rgb\\(|hsl\\(")]
    private static partial Regex Colour();

    private static string RepositoryFolder()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Gatehouse.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("The tests run outside of the repository.");
        }

        return folder;
    }
}
