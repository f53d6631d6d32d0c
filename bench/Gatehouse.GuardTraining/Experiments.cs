using Gatehouse.Guardrails.Injection;

namespace Gatehouse.GuardTraining;

/// <summary>Figures on rows that the weights were not trained on.</summary>
internal static class Experiments
{
    private const int Folds = 5;

    public static int CrossValidate(string data, string[] options)
    {
        var settings = new Settings(options);
        var known = KnownWords.Build(data);
        var direct = LabelledText.ReadDirect(data).Select(r => Sample.Of(r, known)).ToList();
        List<(float Score, LabelledText Row)> scored = [];
        for (var seed = (int)settings.Get("seeds", 1) - 1; seed >= 0; seed--)
        {
            // Seed 0, which is shipped, comes last: the lists below are of it.
            Generated.Reseed(seed);
            var generated = settings.Has("nogen")
                ? []
                : Generated.Direct().Concat(Generated.Suffixed(data)).Select(r => Sample.Of(r, known)).ToList();
            Console.WriteLine($"{direct.Count} rows, {generated.Count} generated, seed {seed}");
            scored = Scores(direct, generated, settings);
            Measures.Print("direct", scored, verbose: seed == 0);
        }

        if (settings.Has("misses"))
        {
            var t = Measures.Threshold(scored.Where(s => !s.Item2.Positive).Select(s => s.Item1), 0.01);
            foreach (var (score, row) in scored.Where(s => s.Item1 > t != s.Item2.Positive).OrderBy(s => s.Item2.Positive)
                .ThenBy(s => s.Item2.Source))
            {
                Console.WriteLine(
                    $"{(row.Positive ? "MISS" : "FALSE")} {row.Source} {score:0.0} {row.TrainOk} {row.Group} {row.Text.Replace('\n', ' ')[..Math.Min(row.Text.Length, 200)]}");
            }
        }

        return 0;
    }

    /// <summary>
    /// Each source scored by a model that saw no row of any source of its kind, at the threshold that one in a hundred of the other benign
    /// rows reaches.
    /// </summary>
    public static int LeaveOneOut(string data)
    {
        var settings = new Settings([]);
        var known = KnownWords.Build(data);
        var generated = Generated.Direct().Concat(Generated.Suffixed(data)).Select(r => Sample.Of(r, known)).ToList();
        var direct = LabelledText.ReadDirect(data).Select(r => Sample.Of(r, known)).ToList();
        var all = Scores(direct, generated, settings);
        foreach (var source in direct.Where(s => s.Row.TrainOk && s.Row.Source != "notinject").Select(s => s.Row.Source).Distinct().Order())
        {
            var model = TrainDirect([.. Trainable(direct).Where(s => s.Row.Source != source), .. generated], settings);
            var threshold = Measures.Threshold(all.Where(s => !s.Row.Positive && s.Row.Source != source).Select(s => s.Score), 0.01);
            foreach (var side in direct.Where(s => s.Row.Source == source).GroupBy(s => s.Row.Positive))
            {
                Console.WriteLine(
                    $"{(side.Key ? "recall" : "FPR   ")} {source,-28} {side.Count(),5} {side.Count(s => ScoreDirect(model, s) > threshold) / (double)side.Count():0.000}");
            }
        }

        return 0;
    }

    /// <summary>Each row scored by a model that saw no row of its group.</summary>
    public static List<(float Score, LabelledText Row)> Scores(List<Sample> direct, List<Sample> generated, Settings settings)
    {
        var scored = new List<(float, LabelledText)>();
        for (var fold = 0; fold < Folds; fold++)
        {
            var model = TrainDirect([.. Trainable(direct).Where(s => s.Row.Fold(Folds) != fold), .. generated], settings);
            scored.AddRange(direct.Where(s => s.Row.Fold(Folds) == fold).Select(s => (ScoreDirect(model, s), s.Row)));
        }

        return scored;
    }

    public static IEnumerable<Sample> Trainable(List<Sample> rows) => rows.Where(s => s.Row.TrainOk && s.Row.Source != "notinject");

    /// <summary>
    /// The mean of several models that saw the texts in other orders, each text with other features hidden: linear still, so one table.
    /// </summary>
    public static Classifier TrainDirect(List<Sample> train, Settings settings)
    {
        var examples = train.Select(
            s => new Example(
                s.Distinct, 0, s.Distinct.Length, s.Shape, s.Row.Positive,
                s.Row.Source.StartsWith("own", StringComparison.Ordinal) ? settings.Get("ownweight", 0.5f) : 1f)).ToList();
        var mean = new Classifier(InjectionHead.DirectPower);
        var models = (int)settings.Get("models", 4);
        for (var seed = 1; seed <= models; seed++)
        {
            var model = new Classifier(InjectionHead.DirectPower);
            model.Train(examples, (int)settings.Get("epochs", 50), settings.Get("rate", 0.5f), settings.Get("decay", 1e-4f), seed,
                (int)settings.Get("mincount", 2), settings.Get("dropout", 0.4f));
            mean.Add(model, 1f / models);
        }

        return mean;
    }

    public static float ScoreDirect(Classifier model, Sample s)
    {
        var score = model.Score(s.Distinct, 0, s.Distinct.Length, s.Shape);
        foreach (var inner in s.Unmasked)
        {
            score = MathF.Max(score, ScoreDirect(model, inner));
        }

        return score;
    }
}

/// <summary>Options as name=value.</summary>
internal sealed class Settings(string[] options)
{
    public bool Has(string name) => options.Contains(name);

    public float Get(string name, float absent) =>
        options.FirstOrDefault(o => o.StartsWith(name + "=", StringComparison.Ordinal)) is { } o
            ? float.Parse(o.AsSpan(name.Length + 1), System.Globalization.CultureInfo.InvariantCulture)
            : absent;
}
