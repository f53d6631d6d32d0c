namespace Gatehouse.Guardrails.Injection;

/// <summary>Follows the rules as the scanner reads, and nothing else: a second reading of texts that are found.</summary>
internal struct RuleReading : ISignalSink
{
    private ConceptRules _rules;

    public static ConceptRules Of(ReadOnlySpan<char> text, Vocabulary words)
    {
        var reading = default(RuleReading);
        SignalScanner.Scan(text, words.Words, ref reading);
        return reading._rules;
    }

    public void Concept(int concept, int token, int start, int end, bool quoted)
    {
        if (!quoted)
        {
            _rules.Next(concept, token, start, end);
        }
    }

    public readonly void Feature(uint hash)
    {
    }

    public readonly void Word(uint word, uint stem, bool hasStem, uint pair, uint triple, bool hasTriple)
    {
    }

    public readonly void EndSentence(int end)
    {
    }
}
