using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gatehouse.Guardrails.Injection;

/// <summary>
/// Sums weights as the scanner reads: of the whole text and its worst sentence, each feature once, or of a document's worst window.
/// </summary>
internal ref struct InjectionReading : ISignalSink
{
    /// <summary>Features that wait for a look-up: a loop over many is done sooner than each by itself, in the middle of reading.</summary>
    private const int Most = 512;

    /// <summary>As many as a word has at most.</summary>
    private const int OfWord = 4;

    [ThreadStatic]
    private static uint[]? _spare;

    private readonly ReadOnlySpan<sbyte> _table;
    private readonly InjectionHead _windows;
    private readonly bool _untrusted;
    private readonly ref uint _waiting;
    private int _waitingCount;
    private SeenFeatures _seen;
    private int _sentence;
    private int _sentenceFeatures;
    private int _sentenceStart;
    private int _previous;
    private int _previousFeatures;
    private int _previousStart;
    private bool _hasPrevious;
    private int _worst;

    /// <param name="untrusted">The text is a document: what counts is its worst window.</param>
    public InjectionReading(InjectionModel model, bool untrusted)
    {
        _table = model.TableOf(untrusted);
        _windows = model.Indirect;
        _untrusted = untrusted;
        _seen = untrusted ? default : SeenFeatures.Rent();
        _waiting = ref MemoryMarshal.GetArrayDataReference(_spare ??= new uint[Most]);
    }

    /// <summary>Of the whole text.</summary>
    public int Sum { get; private set; }

    public int Features { get; private set; }

    /// <summary>The highest raw score of a window of one or two sentences, of a document.</summary>
    public float WorstWindow { get; private set; } = float.NegativeInfinity;

    /// <summary>Of the worst window of a document, else of the sentence with the highest sum.</summary>
    public int WorstStart { get; private set; }

    public int WorstEnd { get; private set; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Feature(uint hash)
    {
        Unsafe.Add(ref _waiting, _waitingCount) = hash;
        Waits(1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Word(uint word, uint stem, bool hasStem, uint pair, uint triple, bool hasTriple)
    {
        // Without branches: half of the words have a stem, and what there is none of is written over.
        ref var first = ref Unsafe.Add(ref _waiting, _waitingCount);
        first = word;
        Unsafe.Add(ref first, 1) = stem;
        first = ref Unsafe.Add(ref first, hasStem ? 2 : 1);
        first = pair;
        Unsafe.Add(ref first, 1) = triple;
        Waits((hasStem ? 3 : 2) + (hasTriple ? 1 : 0));
    }

    public readonly void Concept(int concept, int token, int start, int end, bool quoted)
    {
        // Rules say why a text is found, so only a text that is found is read for them.
    }

    public void EndSentence(int end)
    {
        LookUp();
        Sum += _sentence;
        Features += _sentenceFeatures;
        if (_untrusted)
        {
            Window(_sentence, _sentenceFeatures, _sentenceStart, end);
            if (_hasPrevious)
            {
                Window(_sentence + _previous, _sentenceFeatures + _previousFeatures, _previousStart, end);
            }
        }
        else
        {
            if (_sentence > _worst || WorstEnd == 0)
            {
                (_worst, WorstStart, WorstEnd) = (_sentence, _sentenceStart, end);
            }

            _seen.EndSentence(_sentenceFeatures);
        }

        (_previous, _previousFeatures, _previousStart, _hasPrevious) = (_sentence, _sentenceFeatures, _sentenceStart, true);
        (_sentence, _sentenceFeatures, _sentenceStart) = (0, 0, end);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Waits(int more)
    {
        _waitingCount += more;
        if (_waitingCount > Most - OfWord)
        {
            LookUp();
        }
    }

    /// <summary>Adds the weights of the features that wait, of what people write those only that are new.</summary>
    private void LookUp()
    {
        var waiting = MemoryMarshal.CreateReadOnlySpan(ref _waiting, _waitingCount);
        _waitingCount = 0;
        var (sum, count) = (0, 0);
        if (_untrusted)
        {
            count = waiting.Length;
            foreach (var hash in waiting)
            {
                sum += WeightOf(hash);
            }
        }
        else
        {
            foreach (var hash in waiting)
            {
                var isNew = _seen.Add(hash);
                sum += -isNew & WeightOf(hash);
                count += isNew;
            }
        }

        _sentence += sum;
        _sentenceFeatures += count;
    }

    // The shift leaves as many bits as the table has entries.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly int WeightOf(uint hash) =>
        Unsafe.Add(ref MemoryMarshal.GetReference(_table), (nint)(hash >> (32 - InjectionModel.TableBits)));

    private void Window(int sum, int features, int start, int end)
    {
        var raw = _windows.Raw(sum, features);
        if (raw > WorstWindow)
        {
            (WorstWindow, WorstStart, WorstEnd) = (raw, start, end);
        }
    }
}
