namespace Gatehouse.GuardTraining;

/// <summary>Scores with labels, and the figures made of them.</summary>
internal static class Measures
{
    public static float Threshold(IEnumerable<float> negatives, double falsePositiveRate)
    {
        var sorted = negatives.OrderDescending().ToArray();
        var allowed = (int)(sorted.Length * falsePositiveRate);
        return allowed < sorted.Length ? sorted[allowed] : float.NegativeInfinity;
    }

    public static double Auc(IReadOnlyList<(float Score, bool Positive)> scored)
    {
        var sorted = scored.OrderBy(s => s.Score).ToArray();
        double rankSum = 0;
        long positives = 0;
        for (var i = 0; i < sorted.Length;)
        {
            var j = i;
            while (j < sorted.Length && sorted[j].Score == sorted[i].Score)
            {
                j++;
            }

            for (var k = i; k < j; k++)
            {
                if (sorted[k].Positive)
                {
                    rankSum += (i + j + 1) / 2.0;
                    positives++;
                }
            }

            i = j;
        }

        var negatives = sorted.Length - positives;
        return positives == 0 || negatives == 0 ? 0 : (rankSum - (positives * (positives + 1) / 2.0)) / (positives * (double)negatives);
    }

    public static void Print(string title, List<(float Score, LabelledText Row)> scored, bool verbose)
    {
        var negatives = scored.Where(s => !s.Row.Positive).Select(s => s.Score).ToList();
        var positives = scored.Where(s => s.Row.Positive).ToList();
        var t1 = Threshold(negatives, 0.01);
        var t05 = Threshold(negatives, 0.005);
        var t2 = Threshold(negatives, 0.02);
        Console.WriteLine(
            $"{title}: AUC {Auc([.. scored.Select(s => (s.Score, s.Row.Positive))]):0.0000}  recall@1% {Rate(positives, t1):0.000}  @0.5% {Rate(positives, t05):0.000}  @2% {Rate(positives, t2):0.000}  threshold {t1:0.00}");
        if (!verbose)
        {
            return;
        }

        foreach (var source in scored.GroupBy(s => (s.Row.Source, s.Row.Positive)).OrderBy(g => g.Key.Positive).ThenBy(g => g.Key.Source))
        {
            var list = source.ToList();
            Console.WriteLine(
                $"   {(source.Key.Positive ? "recall" : "FPR   ")} {source.Key.Source,-28} {list.Count,5} {Rate(list, t1):0.000}");
        }
    }

    public static double Rate(List<(float Score, LabelledText Row)> scored, float threshold) =>
        scored.Count == 0 ? 0 : scored.Count(s => s.Score > threshold) / (double)scored.Count;
}
