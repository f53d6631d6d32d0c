using Gatehouse.Guardrails.Injection;

namespace Gatehouse.GuardTraining;

/// <summary>A bag of features with its label and weight, ready for training.</summary>
internal readonly record struct Example(int[] Features, int Start, int End, int[] Shape, bool Positive, float Weight);

/// <summary>
/// Logistic regression by AdaGrad over hashed counts scaled by a power of their number. Deterministic for one order of examples.
/// </summary>
/// <param name="power">The exponent of a text's length that scales its sum.</param>
internal sealed class Classifier(float power)
{
    public float[] Table { get; } = new float[1 << InjectionModel.TableBits];

    public float[] Shape { get; } = new float[ShapeFeatures.Count];

    public float Bias { get; private set; }

    public float Score(int[] features, int start, int end, ReadOnlySpan<int> shape)
    {
        var sum = 0f;
        for (var i = start; i < end; i++)
        {
            sum += Table[features[i]];
        }

        var score = Bias + (end > start ? sum / MathF.Pow(end - start, power) : 0);
        foreach (var s in shape)
        {
            score += Shape[s];
        }

        return score;
    }

    /// <summary>Adds a share of the weights of another: scores become the mean of several.</summary>
    public void Add(Classifier other, float share)
    {
        for (var i = 0; i < Table.Length; i++)
        {
            Table[i] += other.Table[i] * share;
        }

        for (var i = 0; i < Shape.Length; i++)
        {
            Shape[i] += other.Shape[i] * share;
        }

        Bias += other.Bias * share;
    }

    /// <param name="examples">What to learn from.</param>
    /// <param name="epochs">How often each is seen.</param>
    /// <param name="rate">Of learning.</param>
    /// <param name="decay">Of weights towards zero.</param>
    /// <param name="seed">Of the order.</param>
    /// <param name="minCount">Features of fewer examples are not learnt.</param>
    /// <param name="dropout">The share of a text's features that is hidden at a time, from none to twice this: no few of them may decide
    /// alone.</param>
    public void Train(List<Example> examples, int epochs, float rate, float decay, int seed, int minCount, float dropout = 0)
    {
        var random = new Random(seed);
        var frequency = new ushort[Table.Length];
        var seen = new int[Table.Length];
        for (var k = 0; k < examples.Count; k++)
        {
            var e = examples[k];
            for (var i = e.Start; i < e.End; i++)
            {
                if (seen[e.Features[i]] != k + 1)
                {
                    seen[e.Features[i]] = k + 1;
                    frequency[e.Features[i]]++;
                }
            }
        }

        var squares = new float[Table.Length];
        Array.Fill(squares, 0.1f);
        var shapeSquares = new float[Shape.Length];
        Array.Fill(shapeSquares, 1f);
        var biasSquares = 1f;
        var order = Enumerable.Range(0, examples.Count).ToArray();
        for (var epoch = 0; epoch < epochs; epoch++)
        {
            random.Shuffle(order);
            foreach (var k in order)
            {
                var e = dropout > 0 ? Thinned(examples[k], dropout, random) : examples[k];
                var score = Score(e.Features, e.Start, e.End, e.Shape);
                var p = 1 / (1 + MathF.Exp(-score));
                var gradient = (p - (e.Positive ? 1 : 0)) * e.Weight;
                if (MathF.Abs(gradient) < 1e-4f || e.End == e.Start)
                {
                    continue;
                }

                var g = gradient / MathF.Pow(e.End - e.Start, power);
                for (var i = e.Start; i < e.End; i++)
                {
                    var f = e.Features[i];
                    if (frequency[f] < minCount)
                    {
                        continue;
                    }

                    var gf = g + (decay * Table[f]);
                    squares[f] += gf * gf;
                    Table[f] -= rate * gf / MathF.Sqrt(squares[f]);
                }

                foreach (var s in e.Shape)
                {
                    var gs = 0.3f * gradient;
                    shapeSquares[s] += gs * gs;
                    Shape[s] -= rate * 0.3f * gs / MathF.Sqrt(shapeSquares[s]);
                }

                biasSquares += gradient * gradient;
                Bias -= rate * gradient / MathF.Sqrt(biasSquares);
            }
        }
    }

    private static Example Thinned(in Example example, float dropout, Random random)
    {
        var share = dropout * 2 * random.NextSingle();
        List<int> kept = new(example.End - example.Start);
        for (var i = example.Start; i < example.End; i++)
        {
            if (random.NextSingle() >= share)
            {
                kept.Add(example.Features[i]);
            }
        }

        return example with { Features = [.. kept], Start = 0, End = kept.Count };
    }
}
