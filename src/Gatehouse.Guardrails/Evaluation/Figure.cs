using System.Globalization;

namespace Gatehouse.Guardrails.Evaluation;

/// <summary>Counts of right and wrong, and the measures made of them.</summary>
public sealed class Tally
{
    public int TruePositives { get; set; }

    public int FalsePositives { get; set; }

    public int FalseNegatives { get; set; }

    public int TrueNegatives { get; set; }

    public double Precision => Share(TruePositives, TruePositives + FalsePositives);

    public double Recall => Share(TruePositives, TruePositives + FalseNegatives);

    public double F1 => F(1);

    public double F2 => F(2);

    public double FalsePositiveRate => Share(FalsePositives, FalsePositives + TrueNegatives);

    private double F(double beta)
    {
        var (p, r, b) = (Precision, Recall, beta * beta);
        return p + r == 0 ? 0 : (1 + b) * p * r / ((b * p) + r);
    }

    private static double Share(int part, int whole) => whole == 0 ? 0 : (double)part / whole;
}

/// <summary>One line of the report: a set, what of it, and its measures; those that make no sense there are null.</summary>
public sealed record Figure(string Set, string Slice, int Rows)
{
    public double? Precision { get; init; }

    public double? Recall { get; init; }

    public double? F1 { get; init; }

    public double? F2 { get; init; }

    public double? FalsePositiveRate { get; init; }

    public double? Auc { get; init; }

    /// <summary>Share of rows that are right as a whole.</summary>
    public double? Right { get; init; }

    /// <summary>Microseconds for 1,024 UTF-16 units of text, one thread.</summary>
    public double? MicrosPerKilobyte { get; init; }

    /// <summary>Bytes allocated for 1,024 UTF-16 units of text.</summary>
    public double? AllocatedPerKilobyte { get; init; }

    public static string Header { get; } =
        $"{"set",-24}{"slice",-26}{"rows",7}{"P",8}{"R",8}{"F1",8}{"F2",8}{"FPR",8}{"AUC",8}{"right",8}{"us/KB",9}{"B/KB",8}";

    public static Figure Of(string set, string slice, int rows, Tally tally, bool hasNegatives = false) => new(set, slice, rows)
    {
        Precision = tally.Precision,
        Recall = tally.Recall,
        F1 = tally.F1,
        F2 = tally.F2,
        FalsePositiveRate = hasNegatives ? tally.FalsePositiveRate : null,
    };

    public override string ToString() =>
        $"{Set,-24}{Slice,-26}{Rows,7}{Show(Precision)}{Show(Recall)}{Show(F1)}{Show(F2)}{Show(FalsePositiveRate, "0.0000")}{Show(Auc)}{Show(Right)}"
        + $"{Show(MicrosPerKilobyte, "0.0"),9}{Show(AllocatedPerKilobyte, "0.0")}";

    private static string Show(double? value, string format = "0.000") => $"{value?.ToString(format, CultureInfo.InvariantCulture),8}";
}
