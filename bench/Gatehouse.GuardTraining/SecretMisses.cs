using Gatehouse.Guardrails.Evaluation;
using Gatehouse.Guardrails.Secrets;

namespace Gatehouse.GuardTraining;

/// <summary>What the secrets detector says wrongly, row by row: what to read before a rule is changed.</summary>
internal static class SecretMisses
{
    public static int Run(string data)
    {
        var rows = Figures.Read(data, "secrets")!;
        var figures = SecretsEvaluation.Of("secrets", rows, SecretDetector.Default, (row, finding) => Console.WriteLine(
            $"{(finding is null ? "MISS " : "FALSE")} {row.Source} {row.Type} {finding?.Rule} {(finding is { } f ? row.Text.Substring(f.Start, f.Length) : row.Spans is [var s, ..] ? row.Text[s.Start..s.End] : "")} | {row.Text.Replace('\n', '~')}"));
        foreach (var figure in figures)
        {
            Console.WriteLine(figure);
        }

        return 0;
    }
}
