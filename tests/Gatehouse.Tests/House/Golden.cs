namespace Gatehouse.Tests.House;

/// <summary>Compares a text with a file of the repository; <c>UPDATE_GOLDEN=1</c> writes the file for a person to read the diff.</summary>
internal static class Golden
{
    public static void Check(string path, string text)
    {
        var file = Path.Combine(Repository.Root, path);
        text = text.ReplaceLineEndings("\n").TrimEnd('\n') + "\n";
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, text);
        }

        Assert.True(File.Exists(file), $"{path} is missing: run the tests with UPDATE_GOLDEN=1, read it, commit it.");
        Assert.True(File.ReadAllText(file) == text,
            $"{path} is stale: run the tests with UPDATE_GOLDEN=1, read the diff, commit it.\n{FirstDifference(File.ReadAllText(file), text)}");
    }

    private static string FirstDifference(string old, string now)
    {
        var before = old.Split('\n');
        var after = now.Split('\n');
        for (var i = 0; i < Math.Max(before.Length, after.Length); i++)
        {
            var was = i < before.Length ? before[i] : "(end)";
            var becomes = i < after.Length ? after[i] : "(end)";
            if (was != becomes)
            {
                return $"line {i + 1}\n- {was}\n+ {becomes}";
            }
        }

        return "";
    }
}
