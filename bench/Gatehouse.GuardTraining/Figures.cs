using System.IO.Compression;
using Gatehouse.Guardrails.Evaluation;

namespace Gatehouse.GuardTraining;

/// <summary>The figures of <c>gatehouse guard eval</c>, without building the server.</summary>
internal static class Figures
{
    public static int Print(string data, string[] sets)
    {
        Console.WriteLine(Figure.Header);
        foreach (var figure in GuardEvaluation.Run(set => Read(data, set), sets))
        {
            Console.WriteLine(figure);
        }

        return 0;
    }

    /// <returns>The rows of a set, or <see langword="null"/> when the folder has no such file.</returns>
    public static IReadOnlyList<Guardrails.Evaluation.LabelledText>? Read(string folder, string name)
    {
        var plain = Path.Combine(folder, $"{name}.jsonl");
        if (!File.Exists(plain) && !File.Exists(plain + ".gz"))
        {
            return null;
        }

        using var reader = new StreamReader(
            File.Exists(plain) ? File.OpenRead(plain) : new GZipStream(File.OpenRead(plain + ".gz"), CompressionMode.Decompress));
        List<Guardrails.Evaluation.LabelledText> rows = [];
        while (reader.ReadLine() is { } line)
        {
            rows.Add(Guardrails.Evaluation.LabelledText.Read(line));
        }

        return rows;
    }
}
