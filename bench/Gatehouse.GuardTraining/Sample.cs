using Gatehouse.Guardrails.Injection;
using Gatehouse.Guardrails.Text;

namespace Gatehouse.GuardTraining;

/// <summary>A text as the model sees it, and what its disguises hide.</summary>
internal sealed class Sample
{
    public required LabelledText Row { get; init; }

    /// <summary>Table indexes of all features in order of appearance.</summary>
    public required int[] Features { get; init; }

    /// <summary>The same, each once, as the head for requests counts them.</summary>
    public required int[] Distinct { get; init; }

    /// <summary>For each sentence: end in <see cref="Features"/> and end in the canonical text.</summary>
    public required (int Feature, int Text)[] Sentences { get; init; }

    public required int[] Shape { get; init; }

    /// <summary>The canonical text.</summary>
    public required string Text { get; init; }

    public List<Sample> Unmasked { get; } = [];

    public static Sample Of(LabelledText row, Vocabulary known, int depth = 2)
    {
        using var canonical = CanonicalText.Rent();
        canonical.Read(row.Text);
        var text = canonical.Chars.ToString();
        var hidden = canonical.Hidden.ToArray().Select(h => canonical.HiddenChars.Slice(h.Start, h.Length).ToString()).ToList();
        var sink = new Collector();
        var counts = SignalScanner.Scan(text, known.Words, ref sink);
        Span<byte> shape = stackalloc byte[ShapeFeatures.MaxActive];
        var active = ShapeFeatures.Of(counts, shape);
        var sample = new Sample
        {
            Row = row,
            Text = text,
            Features = [.. sink.Features],
            Distinct = [.. sink.Distinct],
            Sentences = [.. sink.Sentences],
            Shape = [.. shape[..active].ToArray().Select(b => (int)b)],
        };
        if (depth > 0)
        {
            List<string> inners = [];
            if (Disguises.Suspects(counts, text))
            {
                using var found = Unmaskings.Rent();
                Disguises.Find(text, counts, known, found);
                for (var i = 0; i < found.Count; i++)
                {
                    inners.Add(found.TextOf(found[i]).ToString());
                }
            }

            foreach (var inner in inners.Concat(hidden))
            {
                sample.Unmasked.Add(Of(row with { Text = inner }, known, depth - 1));
            }
        }

        return sample;
    }

    private ref struct Collector() : ISignalSink
    {
        private SeenFeatures _seen = SeenFeatures.Rent();
        private int _before;

        public readonly List<int> Features { get; } = [];

        public readonly List<int> Distinct { get; } = [];

        public readonly List<(int Feature, int Text)> Sentences { get; } = [];

        public void Feature(uint hash)
        {
            var index = (int)(hash >> (32 - InjectionModel.TableBits));
            Features.Add(index);
            if (_seen.Add(hash) == 1)
            {
                Distinct.Add(index);
            }
        }

        public void Word(uint word, uint stem, bool hasStem, uint pair, uint triple, bool hasTriple)
        {
            Feature(word);
            if (hasStem)
            {
                Feature(stem);
            }

            Feature(pair);
            if (hasTriple)
            {
                Feature(triple);
            }
        }

        public readonly void Concept(int concept, int token, int start, int end, bool quoted)
        {
        }

        public void EndSentence(int end)
        {
            Sentences.Add((Features.Count, end));
            _seen.EndSentence(Distinct.Count - _before);
            _before = Distinct.Count;
        }
    }
}
