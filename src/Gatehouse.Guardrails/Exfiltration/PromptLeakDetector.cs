using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Exfiltration;

/// <summary>
/// Finds an answer that recites its system prompt: runs of words that the prompt has in the same order, whatever their case, accents and
/// punctuation. Built once a prompt; a check is linear and allocates nothing.
/// </summary>
public sealed class PromptLeakDetector : IDetector
{
    /// <summary>Words in a row that count as recited.</summary>
    public const int MinWords = 10;

    private const int Shingle = 4;
    private const uint Seed = 2166136261;
    private readonly HashSet<uint> _shingles = [];
    private readonly int _words;

    public PromptLeakDetector(string systemPrompt)
    {
        var ring = default(Ring);
        foreach (var word in new Words(systemPrompt))
        {
            _words++;
            if (ring.Push(word.Hash))
            {
                _shingles.Add(ring.Value);
            }
        }
    }

    public DetectorKind Kind => DetectorKind.Exfiltration;

    public void Find(ReadOnlySpan<char> text, in DetectionContext context, FindingList findings)
    {
        if (_words < MinWords)
        {
            return;
        }

        var ring = default(Ring);
        Span<int> starts = stackalloc int[Shingle];
        var (index, run, from, until) = (0, 0, 0, 0);
        foreach (var word in new Words(text))
        {
            starts[index++ % Shingle] = word.Start;
            if (ring.Push(word.Hash) && _shingles.Contains(ring.Value))
            {
                from = run == 0 ? starts[index % Shingle] : from;
                run = run == 0 ? Shingle : run + 1;
                until = word.End;
                continue;
            }

            Report(run, from, until, findings);
            run = 0;
        }

        Report(run, from, until, findings);
    }

    private void Report(int run, int from, int until, FindingList findings)
    {
        if (run >= MinWords)
        {
            var share = Math.Min(1f, run / (float)_words);
            findings.Add(
                new Finding(DetectorKind.Exfiltration, "exfiltration.prompt.overlap", FindingTypes.PromptLeak, from, until - from,
                    0.6f + (0.4f * share)));
        }
    }

    private readonly record struct Word(uint Hash, int Start, int End);

    /// <summary>Hash of the last few words.</summary>
    private struct Ring
    {
        private (uint A, uint B, uint C, uint D) _last;
        private int _count;

        public readonly uint Value => ((((((_last.A * 0x9e3779b1) ^ _last.B) * 0x85ebca6b) ^ _last.C) * 0xc2b2ae35) ^ _last.D) * 0x27d4eb2f;

        public bool Push(uint hash)
        {
            _last = (_last.B, _last.C, _last.D, hash);
            return ++_count >= Shingle;
        }
    }

    private ref struct Words(ReadOnlySpan<char> text)
    {
        private readonly ReadOnlySpan<char> _text = text;
        private int _at;

        public Word Current { get; private set; }

        public readonly Words GetEnumerator() => this;

        public bool MoveNext()
        {
            var hash = Seed;
            var start = -1;
            for (; _at < _text.Length; _at++)
            {
                var kind = CharFold.Kind[_text[_at]];
                if (kind is CharKind.Letter or CharKind.Digit)
                {
                    start = start < 0 ? _at : start;
                    hash = (hash ^ CharFold.Fold[_text[_at]]) * 16777619;
                }
                else if (kind == CharKind.Ideograph && start < 0)
                {
                    Current = new Word((hash ^ CharFold.Fold[_text[_at]]) * 16777619, _at, _at + 1);
                    _at++;
                    return true;
                }
                else if (kind is not (CharKind.Skip or CharKind.Apostrophe) && start >= 0)
                {
                    break;
                }
            }

            if (start < 0)
            {
                return false;
            }

            Current = new Word(hash, start, _at);
            return true;
        }
    }
}
