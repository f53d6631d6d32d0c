using Gatehouse.Guardrails.Injection;

namespace Gatehouse.GuardTraining;

/// <summary>
/// Trains both heads on every row whose licence allows it and on our own texts, calibrates on cross-validated scores, writes the table.
/// </summary>
internal static class Training
{
    public static int Run(string data, string path)
    {
        var settings = new Settings([]);
        var known = KnownWords.Build(data);
        var generated = Generated.Direct().Concat(Generated.Suffixed(data)).Select(r => Sample.Of(r, known)).ToList();
        var direct = LabelledText.ReadDirect(data).Select(r => Sample.Of(r, known)).ToList();
        var directScores = Experiments.Scores(direct, generated, settings);
        Measures.Print("direct, cross-validated", directScores, verbose: true);
        var directModel = Experiments.TrainDirect([.. Experiments.Trainable(direct), .. generated], settings);

        var documents = LabelledText.ReadIndirect(data).Select(r => Sample.Of(r, known)).ToList();
        var indirectScores = IndirectTraining.Scores(documents, [], known, settings);
        Measures.Print("indirect, cross-validated", indirectScores, verbose: true);
        var indirectModel = IndirectTraining.Train([.. documents.Where(s => s.Row.TrainOk)], [], known, settings);

        var table = new sbyte[2 << InjectionModel.TableBits];
        var directScale = Quantise(directModel.Table, table, 0);
        var indirectScale = Quantise(indirectModel.Table, table, 1);
        var file = InjectionModel.Write(
            Head(directModel, InjectionHead.DirectPower, directScale, directScores),
            Head(indirectModel, InjectionHead.IndirectPower, indirectScale, indirectScores),
            directModel.Shape,
            known,
            table);
        File.WriteAllBytes(path, file);
        Console.WriteLine($"{path}: {file.Length} bytes");
        return 0;
    }

    /// <summary>Eight bits a weight; the largest thousandth of a percent is clipped.</summary>
    private static float Quantise(float[] weights, sbyte[] into, int head)
    {
        var sorted = weights.Where(w => w != 0).Select(MathF.Abs).Order().ToArray();
        var scale = sorted[(int)(sorted.Length * 0.9995)] / 127;
        for (var i = 0; i < weights.Length; i++)
        {
            into[(i * 2) + head] = (sbyte)Math.Clamp(MathF.Round(weights[i] / scale), -127, 127);
        }

        return scale;
    }

    /// <summary>
    /// The threshold is where one in a hundred benign rows lies, or higher where the hard benign prompts of NotInject want it (three in a
    /// hundred); the slope is the likeliest one through it.
    /// </summary>
    private static InjectionHead Head(Classifier model, float power, float scale, List<(float Score, LabelledText Row)> scored)
    {
        var threshold = Measures.Threshold(scored.Where(s => !s.Row.Positive).Select(s => s.Score), 0.01);
        var hard = scored.Where(s => s.Row.Source == "notinject").Select(s => s.Score).ToList();
        threshold = MathF.Max(threshold, hard.Count == 0 ? threshold : Measures.Threshold(hard, 0.03));
        Console.WriteLine(
            $"operating point: recall {Measures.Rate([.. scored.Where(s => s.Row.Positive)], threshold):0.000}, FPR {Measures.Rate([.. scored.Where(s => !s.Row.Positive)], threshold):0.0000}, NotInject {Measures.Rate([.. scored.Where(s => s.Row.Source == "notinject")], threshold):0.000}");
        var slope = Enumerable.Range(2, 40).Select(k => k * 0.1f).MaxBy(k => scored.Sum(s =>
            (double)-MathF.Log(1 + MathF.Exp(Math.Clamp((s.Row.Positive ? -k : k) * (s.Score - threshold), -30, 30)))));
        Console.WriteLine($"bias {model.Bias:0.000} scale {scale:0.00000} threshold {threshold:0.000} slope {slope:0.0}");
        return new InjectionHead(model.Bias, scale, threshold, slope, power);
    }
}
