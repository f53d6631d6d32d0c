using System.IO.Compression;
using Gatehouse.Guardrails.Evaluation;

namespace Gatehouse.Gateway.Tests.Guardrails;

/// <summary>The labelled development data, in <c>../shared/data/guard</c> beside the checkout.</summary>
internal static class GuardData
{
    public static IReadOnlyList<LabelledText> Read(string file)
    {
        using var stream = File.OpenRead(Path.Combine(Folder(), file));
        using var plain = file.EndsWith(".gz", StringComparison.Ordinal)
            ? (Stream)new GZipStream(stream, CompressionMode.Decompress)
            : stream;
        using var reader = new StreamReader(plain);
        List<LabelledText> rows = [];
        while (reader.ReadLine() is { } line)
        {
            rows.Add(LabelledText.Read(line));
        }

        return rows;
    }

    private static string Folder()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Gatehouse.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside the checkout.");
        }

        return Path.Combine(folder, "..", "shared", "data", "guard");
    }
}
