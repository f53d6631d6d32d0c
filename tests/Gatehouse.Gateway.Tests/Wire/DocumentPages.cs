namespace Gatehouse.Gateway.Tests.Wire;

/// <summary>Pages of <c>docs/reference</c> that tests generate.</summary>
internal static class DocumentPages
{
    public static void Check(string name, string text)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Gatehouse.slnx")))
        {
            root = root.Parent!;
        }

        var page = Path.Combine(root.FullName, "docs", "reference", name);
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(page, text);
        }

        Assert.Equal(File.Exists(page) ? File.ReadAllText(page) : "", text);
    }
}
