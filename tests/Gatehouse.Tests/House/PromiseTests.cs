using System.Text.RegularExpressions;

namespace Gatehouse.Tests.House;

/// <summary><c>docs/reference/promises.md</c> names tests that exist.</summary>
public sealed partial class PromiseTests
{
    [Fact]
    public void Each_promise_is_held_by_a_test_that_exists()
    {
        var files = Repository.Files(".cs").Where(f => Repository.Relative(f).StartsWith("tests/", StringComparison.Ordinal))
            .GroupBy(f => Path.GetFileNameWithoutExtension(f), StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => string.Concat(g.Select(File.ReadAllText)), StringComparer.Ordinal);
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "reference", "promises.md"))
            .Where(l => l.StartsWith("| ", StringComparison.Ordinal) && !l.StartsWith("| promise", StringComparison.Ordinal)
                && !l.StartsWith("| ---", StringComparison.Ordinal))
            .ToList();

        var wrong = new List<string>();
        foreach (var line in lines)
        {
            var named = Named().Matches(line).Select(m => (Class: m.Groups[1].Value, Method: m.Groups[2].Value)).ToList();
            if (named.Count == 0)
            {
                wrong.Add($"no test holds: {line}");
            }

            wrong.AddRange(named.Where(
                n => !files.TryGetValue(n.Class, out var text)
                    || (n.Method != "*" && !text.Contains($" {n.Method}(", StringComparison.Ordinal)))
                .Select(n => $"{n.Class}.{n.Method} does not exist"));
        }

        Assert.True(lines.Count > 40);
        Assert.Empty(wrong);
    }

    [GeneratedRegex(@"`([A-Za-z0-9]+)\.([A-Za-z0-9_]+|\*)`")]
    private static partial Regex Named();
}
