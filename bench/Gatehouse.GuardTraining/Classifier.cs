using Gatehouse.Guardrails.Injection;

namespace Gatehouse.GuardTraining;

/// <summary>A bag of features with its label and weight, ready for training.</summary>
internal readonly record struct Example(int[] Features, int Start, int End, int[] Shape, bool Positive, float Weight)
{
    public ReadOnlySpan<int> Shown => Features.AsSpan(Start, End - Start);
}

/// <summary>
/// Logistic regression by AdaGrad over hashed counts scaled by a power of their number. Deterministic for one order of examples.
/// </summary>
/// <param name="power">The exponent of a text's length that scales its sum.</param>
internal sealed class Classifier(float power)
{
    /// <summary>How fast bins of shape are learnt, beside features: each text has them all, so they learn from all.</summary>
    private const float ShapeShare = 0.15f;

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
        var learnt = Learnt(examples, minCount, out var features);
        var weights = new Weight[features.Length];
        Array.Fill(weights, new Weight { Squares = 0.1f });
        var shapeSquares = new float[Shape.Length];
        Array.Fill(shapeSquares, 1f);
        var biasSquares = 1f;
        var order = Enumerable.Range(0, examples.Count).ToArray();
        var shown = new int[learnt.Max(l => l.Length)];
        for (var epoch = 0; epoch < epochs; epoch++)
        {
            random.Shuffle(order);
            foreach (var k in order)
            {
                var e = examples[k];
                var hidden = dropout > 0 ? dropout * 2 * random.NextSingle() : 0;
                var count = Show(learnt[k], hidden, random, shown);
                var all = count + (int)MathF.Round((e.End - e.Start - learnt[k].Length) * (1 - hidden));
                if (all == 0)
                {
                    continue;
                }

                var scale = MathF.Pow(all, power);
                var sum = 0f;
                foreach (var f in shown.AsSpan(0, count))
                {
                    sum += weights[f].Value;
                }

                var score = Bias + (sum / scale);
                foreach (var s in e.Shape)
                {
                    score += Shape[s];
                }

                var p = 1 / (1 + MathF.Exp(-score));
                var gradient = (p - (e.Positive ? 1 : 0)) * e.Weight;
                if (MathF.Abs(gradient) < 1e-4f)
                {
                    continue;
                }

                foreach (var f in shown.AsSpan(0, count))
                {
                    ref var weight = ref weights[f];
                    var g = (gradient / scale) + (decay * weight.Value);
                    weight.Squares += g * g;
                    weight.Value -= rate * g / MathF.Sqrt(weight.Squares);
                }

                foreach (var s in e.Shape)
                {
                    var g = ShapeShare * gradient;
                    shapeSquares[s] += g * g;
                    Shape[s] -= rate * ShapeShare * g / MathF.Sqrt(shapeSquares[s]);
                }

                biasSquares += gradient * gradient;
                Bias -= rate * gradient / MathF.Sqrt(biasSquares);
            }
        }

        for (var i = 0; i < features.Length; i++)
        {
            Table[features[i]] = weights[i].Value;
        }
    }

    /// <summary>
    /// The features of each example that are learnt, by their place in <paramref name="features"/>: the most frequent first.
    /// </summary>
    private static List<int[]> Learnt(List<Example> examples, int minCount, out int[] features)
    {
        var frequency = new int[1 << InjectionModel.TableBits];
        var seen = new int[frequency.Length];
        for (var k = 0; k < examples.Count; k++)
        {
            foreach (var f in examples[k].Shown)
            {
                frequency[f] += seen[f] == k + 1 ? 0 : 1;
                seen[f] = k + 1;
            }
        }

        features = [.. Enumerable.Range(0, frequency.Length).Where(f => frequency[f] >= minCount).OrderByDescending(f => frequency[f])];
        var places = new int[frequency.Length];
        Array.Fill(places, -1);
        for (var i = 0; i < features.Length; i++)
        {
            places[features[i]] = i;
        }

        var learnt = new List<int[]>(examples.Count);
        foreach (var e in examples)
        {
            List<int> of = new(e.End - e.Start);
            foreach (var f in e.Shown)
            {
                if (places[f] >= 0)
                {
                    of.Add(places[f]);
                }
            }

            learnt.Add([.. of]);
        }

        return learnt;
    }

    /// <returns>How many of the features are shown.</returns>
    private static int Show(int[] features, float hidden, Random random, int[] into)
    {
        if (hidden == 0)
        {
            features.CopyTo(into, 0);
            return features.Length;
        }

        var limit = (uint)(hidden * uint.MaxValue);
        var state = (uint)random.Next() | 1;
        var count = 0;
        foreach (var f in features)
        {
            // Marsaglia's xorshift: a number for each feature of each text, hundreds of millions of them.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            into[count] = f;
            count += state >= limit ? 1 : 0;
        }

        return count;
    }

    /// <summary>A weight and the sum of its squared gradients, side by side in the cache.</summary>
    private struct Weight
    {
        public float Value;
        public float Squares;
    }
}
