using Gatehouse.Guardrails.Pii.Names;

namespace Gatehouse.Guardrails.Training;

/// <summary>
/// Trains the name tagger: multinomial logistic regression with a step size per weight (AdaGrad), decoded from left to right as in use.
/// The same texts and seed give the same weights.
/// </summary>
internal sealed class NameTrainer(int bits, Random random)
{
    private const float Rate = .12f;

    private readonly float[] _weights = new float[(1 << bits) * NameModel.Lanes];
    private readonly float[] _squares = new float[(1 << bits) * NameModel.Lanes];
    private readonly uint _mask = (1u << bits) - 1;

    /// <returns>Words tagged wrongly in the last round, as a share.</returns>
    public double Train(IReadOnlyList<TrainingText> texts, int rounds)
    {
        var tokens = new Token[4096];
        var order = Enumerable.Range(0, texts.Count).ToArray();
        var wrong = (Count: 0L, Of: 1L);
        for (var round = 0; round < rounds; round++)
        {
            wrong = (0, 1);
            random.Shuffle(order);
            foreach (var i in order)
            {
                Learn(texts[i], tokens, ref wrong);
            }
        }

        return (double)wrong.Count / wrong.Of;
    }

    public NameModel Finish(Stream to)
    {
        var scale = 127 / _weights.Max(MathF.Abs);
        var bytes = Array.ConvertAll(_weights, w => (sbyte)MathF.Round(w * scale));
        NameModel.Write(to, bits, scale, bytes);
        return new NameModel(bytes, _mask, scale);
    }

    private void Learn(TrainingText sample, Token[] buffer, ref (long Count, long Of) wrong)
    {
        var position = 0;
        var tokens = buffer.AsSpan(0, Tokenizer.Split(sample.Text, ref position, buffer));
        var gold = new Tag[tokens.Length];
        Prepare(sample, tokens, gold);
        Span<uint> features = stackalloc uint[NameFeatures.Count];
        Span<float> scores = stackalloc float[NameModel.Lanes];
        for (var i = 0; i < tokens.Length; i++)
        {
            if (!NameTagger.IsCandidate(tokens, i))
            {
                continue;
            }

            NameFeatures.Of(sample.Text, tokens, i, features);
            Sum(features, scores);
            var guess = Best(scores, i > 0 ? tokens[i - 1].Tag : Tag.None);
            wrong.Of++;
            wrong.Count += guess != gold[i] ? 1 : 0;
            Update(features, scores, (int)gold[i]);

            // Half the time the words before are as they should be, half the time as the model sees them: it meets its own mistakes in use.
            tokens[i].Tag = random.Next(2) == 0 ? gold[i] : guess;
        }
    }

    private static void Prepare(TrainingText sample, Span<Token> tokens, Tag[] gold)
    {
        for (var i = 0; i < tokens.Length; i++)
        {
            ref var token = ref tokens[i];
            token.Flags = Gazetteer.Shared.Of(token);
            foreach (var span in sample.Spans)
            {
                if (token.Start < span.Start || token.Start >= span.End)
                {
                    continue;
                }

                if (span.Type is null)
                {
                    token.IsMasked = true;
                }
                else
                {
                    var start = Tags.StartOf(span.Type);
                    gold[i] = token.Start == span.Start ? start : Tags.More(start);
                    token.Flags &= span.IsUnknown ? ~(WordFlags.First | WordFlags.Last | WordFlags.City) : (WordFlags)0xFFFF;
                }
            }
        }
    }

    private static Tag Best(ReadOnlySpan<float> scores, Tag before)
    {
        var best = 0;
        var more = (int)Tags.More(before);
        for (var tag = 1; tag < Tags.Count; tag++)
        {
            if (scores[tag] > scores[best] && ((tag & 1) == 1 || tag == more))
            {
                best = tag;
            }
        }

        return (Tag)best;
    }

    private void Sum(ReadOnlySpan<uint> features, Span<float> scores)
    {
        scores.Clear();
        foreach (var feature in features)
        {
            var at = (int)(feature & _mask) * NameModel.Lanes;
            for (var tag = 0; tag < Tags.Count; tag++)
            {
                scores[tag] += _weights[at + tag];
            }
        }
    }

    private void Update(ReadOnlySpan<uint> features, Span<float> scores, int right)
    {
        var top = scores[0];
        for (var tag = 1; tag < Tags.Count; tag++)
        {
            top = Math.Max(top, scores[tag]);
        }

        var total = 0f;
        for (var tag = 0; tag < Tags.Count; tag++)
        {
            scores[tag] = MathF.Exp(scores[tag] - top);
            total += scores[tag];
        }

        for (var tag = 0; tag < Tags.Count; tag++)
        {
            var gradient = (tag == right ? 1 : 0) - (scores[tag] / total);
            if (MathF.Abs(gradient) < .002f)
            {
                continue;
            }

            foreach (var feature in features)
            {
                var at = ((int)(feature & _mask) * NameModel.Lanes) + tag;
                _squares[at] += gradient * gradient;
                _weights[at] += Rate * gradient / (.1f + MathF.Sqrt(_squares[at]));
            }
        }
    }
}
