using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gatehouse.Guardrails.Injection;

/// <summary>Sums weights of both heads as the scanner reads; keeps the worst window of a document and the rules that match.</summary>
internal ref struct InjectionReading(ReadOnlySpan<sbyte> table, InjectionHead indirect) : ISignalSink
{
    private readonly ReadOnlySpan<sbyte> _table = table;
    private readonly InjectionHead _indirect = indirect;
    private ConceptRules _rules;
    private int _sentenceDirect;
    private int _sentenceIndirect;
    private int _sentenceFeatures;
    private int _sentenceStart;
    private int _previousIndirect;
    private int _previousFeatures;
    private int _previousStart;
    private bool _hasPrevious;
    private int _worstDirect;

    public int DirectSum { get; private set; }

    public int Features { get; private set; }

    /// <summary>The highest raw score of a window of one or two sentences, and where it is.</summary>
    public float WorstWindow { get; private set; } = float.NegativeInfinity;

    public int WorstStart { get; private set; }

    public int WorstEnd { get; private set; }

    /// <summary>The sentence with the highest direct sum.</summary>
    public int SentenceStart { get; private set; }

    public int SentenceEnd { get; private set; }

    public readonly ConceptRules Rules => _rules;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Feature(uint hash)
    {
        // The shift leaves as many bits as the table has pairs.
        ref var pair = ref Unsafe.Add(ref MemoryMarshal.GetReference(_table), (nint)(hash >> (32 - InjectionModel.TableBits)) * 2);
        _sentenceDirect += pair;
        _sentenceIndirect += Unsafe.Add(ref pair, 1);
        _sentenceFeatures++;
    }

    public void Concept(int concept, int token, int start, int end, bool quoted)
    {
        if (!quoted)
        {
            _rules.Next(concept, token, start, end);
        }
    }

    public void EndSentence(int end)
    {
        DirectSum += _sentenceDirect;
        Features += _sentenceFeatures;
        if (_sentenceDirect > _worstDirect || SentenceEnd == 0)
        {
            _worstDirect = _sentenceDirect;
            (SentenceStart, SentenceEnd) = (_sentenceStart, end);
        }

        Window(_sentenceIndirect, _sentenceFeatures, _sentenceStart, end);
        if (_hasPrevious)
        {
            Window(_sentenceIndirect + _previousIndirect, _sentenceFeatures + _previousFeatures, _previousStart, end);
        }

        (_previousIndirect, _previousFeatures, _previousStart, _hasPrevious) = (_sentenceIndirect, _sentenceFeatures, _sentenceStart, true);
        (_sentenceDirect, _sentenceIndirect, _sentenceFeatures, _sentenceStart) = (0, 0, 0, end);
    }

    private void Window(int sum, int features, int start, int end)
    {
        var raw = _indirect.Raw(sum, features);
        if (raw > WorstWindow)
        {
            (WorstWindow, WorstStart, WorstEnd) = (raw, start, end);
        }
    }
}
