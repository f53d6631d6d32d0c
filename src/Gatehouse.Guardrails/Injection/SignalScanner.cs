using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Injection;

/// <summary>Receives what <see cref="SignalScanner"/> reads; a struct, so that the calls are inlined.</summary>
internal interface ISignalSink
{
    /// <summary>A hashed feature of the current sentence.</summary>
    void Feature(uint hash);

    /// <summary>The features of a word: itself, its stem, it and the word before, it and the two before.</summary>
    void Word(uint word, uint stem, bool hasStem, uint pair, uint triple, bool hasTriple);

    /// <summary>A word that stands for a concept. <paramref name="start"/> and <paramref name="end"/> are offsets in the text.</summary>
    void Concept(int concept, int token, int start, int end, bool quoted);

    /// <summary>The current sentence ends before <paramref name="end"/>.</summary>
    void EndSentence(int end);
}

/// <summary>Counts over a whole text, from which shape features and the choice of decoders come.</summary>
internal struct SignalCounts
{
    public int Words;
    public int Known;
    public int Upper;
    public int Mixed;
    public int Symbols;

    /// <summary>Symbols in the last third of the text, where an optimiser leaves its trail.</summary>
    public int TailSymbols;

    /// <summary>Quotation marks and backquotes.</summary>
    public int Quotes;

    public int LineEnds;
    public int Characters;
    public int Sentences;
    public int Concepts;

    /// <summary>Words with both letters and digits or leet symbols.</summary>
    public int Alphanumeric;

    /// <summary>Letters that stand alone, as in "s p a c e d".</summary>
    public int Singles;

    /// <summary>Length of the longest word with digits or with capitals inside, as encoded text has.</summary>
    public int LongestCode;

    /// <summary>Most words in a row of two letters or more that are not common.</summary>
    public int LongestUnknownRun;
    public int UnknownRun;

    /// <summary>Most letters that stand alone in a row.</summary>
    public int LongestSingleRun;
    public int SingleRun;

    /// <summary>Words of eight digits, as bytes in binary are.</summary>
    public int Octets;

    /// <summary>Words equal to one of the two before them.</summary>
    public int Repeats;
}

/// <summary>
/// One pass over a text: folds, cuts into words and sentences, hashes n-grams of words, concepts and symbols. Linear, allocates nothing.
/// </summary>
internal static class SignalScanner
{
    private const uint Boundary = 0x1b873593;
    private const int StemLength = 5;
    private const int MaxSentenceWords = 48;
    private const int ConceptReach = 9;

    /// <param name="known">Bits of the hashes of common words: as many as <see cref="Vocabulary.Bits"/>.</param>
    public static SignalCounts Scan<TSink>(ReadOnlySpan<char> text, ReadOnlySpan<ulong> known, ref TSink sink)
        where TSink : struct, ISignalSink, allows ref struct
    {
        var counts = new SignalCounts { Characters = text.Length };
        var state = new State { Previous = Boundary };
        var i = 0;
        while (i < text.Length)
        {
            if (text[i] == ' ')
            {
                i++;
                continue;
            }

            var kind = CharFold.KindOf(text[i]);
            if (kind is CharKind.Letter or CharKind.Digit)
            {
                i = Word(text, i, known, ref state, ref counts, ref sink);

                // A blank comes after most words, but not after all: passed over without a branch.
                i += i < text.Length && text[i] == ' ' ? 1 : 0;
                continue;
            }

            switch (kind)
            {
                case CharKind.Ideograph:
                    Ideograph(text, i, ref state, ref counts, ref sink);
                    break;
                case CharKind.Sentence:
                    if (i + 1 == text.Length || text[i] >= 0x80
                        || CharFold.KindOf(text[i + 1]) is CharKind.Space or CharKind.Newline or CharKind.Quote or CharKind.Apostrophe)
                    {
                        EndSentence(i + 1, ref state, ref counts, ref sink);
                        if (text[i] == '?')
                        {
                            sink.Feature(WordHash.Mix(0x3f3f3f3f));
                        }
                    }

                    break;
                case CharKind.Newline:
                    counts.LineEnds++;
                    EndSentence(i, ref state, ref counts, ref sink);
                    break;
                case CharKind.Quote:
                    counts.Quotes++;
                    state.Quoted = !state.Quoted;
                    state.QuoteStart = i;
                    break;
                case CharKind.Symbol:
                    i = Symbols(text, i, ref counts, ref sink);
                    continue;
                default:
                    break;
            }

            i++;
        }

        EndSentence(text.Length, ref state, ref counts, ref sink);
        return counts;
    }

    private static int Word<TSink>(
        ReadOnlySpan<char> text, int start, ReadOnlySpan<ulong> known,
        ref State state, ref SignalCounts counts, ref TSink sink)
        where TSink : struct, ISignalSink, allows ref struct
    {
        uint hash, stem;
        int length, end;
        var concept = 0;
        if (start + AsciiWord.Room <= text.Length && AsciiWord.Read(text, start, ref state.Hashes, out var capitals) is > 0 and var letters)
        {
            (hash, length, end) = (state.Hashes[letters], letters, start + letters);
            stem = state.Hashes[StemLength];
            if (ConceptLexicon.MayHaveStem(state.Hashes[3], state.Hashes[4], state.Hashes[5]))
            {
                concept = Stem(state.Hashes[..(letters + 1)]);
            }

            if (letters == 1)
            {
                counts.Singles++;
                counts.LongestSingleRun = Math.Max(counts.LongestSingleRun, ++counts.SingleRun);
            }
            else
            {
                counts.SingleRun = 0;
            }

            if ((capitals & (capitals - 1)) != 0)
            {
                Capitals(BitOperations.PopCount(capitals), letters, letters, ref counts);
            }
        }
        else
        {
            var read = Read(text, start, ref counts);
            (hash, stem, length, end, concept) = (read.Hash, read.Stem, read.Length, read.End, read.Concept);
            if (length == 0)
            {
                return end; // Nothing but characters that are skipped.
            }
        }

        var word = WordHash.Word(hash);
        counts.Words++;
        counts.Repeats += (word == state.Previous) | (word == state.BeforePrevious) ? 1 : 0;
        var isKnown = (int)(Unsafe.Add(ref MemoryMarshal.GetReference(known), (nint)((word >> 6) & ((Vocabulary.Bits / 64) - 1)))
            >> (int)word) & 1;
        counts.Known += isKnown;
        counts.UnknownRun = (isKnown - 1) & (counts.UnknownRun + (length > 1 ? 1 : 0));
        counts.LongestUnknownRun = Math.Max(counts.LongestUnknownRun, counts.UnknownRun);

        var pair = WordHash.Pair(word, state.Previous);
        var triple = WordHash.Triple(word, state.Previous, state.BeforePrevious);
        var hasTriple = state.BeforePrevious != 0;
        sink.Word(word, WordHash.Stem(stem ^ 0x51ed27), length > StemLength, pair, triple, hasTriple);

        if (ConceptLexicon.May(word))
        {
            var whole = ConceptLexicon.Find(word);
            concept = whole != 0 ? whole : concept;
        }

        // Phrases are rare: two bits are tested at once.
        if (ConceptLexicon.MayBePhrase(pair) | ConceptLexicon.MayBePhrase(triple))
        {
            var phrase = ConceptLexicon.Find(pair);
            concept = phrase != 0 ? phrase : concept;
            phrase = hasTriple ? ConceptLexicon.Find(triple) : 0;
            concept = phrase != 0 ? phrase : concept;
        }

        if (concept != 0)
        {
            Concept(concept, start, end, ref state, ref counts, ref sink);
        }

        Advance(word, end, ref state, ref counts, ref sink);
        return end;
    }

    /// <param name="beginnings">Hashes of the beginnings of a word, by their length.</param>
    /// <returns>The concept of the longest stem of three letters or more that is listed, or 0.</returns>
    private static int Stem(ReadOnlySpan<uint> beginnings)
    {
        var concept = 0;
        for (var length = 3; length < beginnings.Length; length++)
        {
            var found = ConceptLexicon.Find(WordHash.Stem(beginnings[length]));
            concept = found != 0 ? found : concept;
        }

        return concept;
    }

    /// <summary>A word letter by letter: with digits, apostrophes, letters beyond ASCII, of any length, or at the end of a text.</summary>
    private static (uint Hash, uint Stem, int Length, int End, int Concept) Read(
        ReadOnlySpan<char> text, int start, ref SignalCounts counts)
    {
        var hash = WordHash.Seed;
        uint stem = 0;
        var concept = 0;
        var length = 0;
        var digits = 0;
        var upper = 0;
        var lastDigit = false;
        var stems = false;
        var i = start;
        for (; i < text.Length; i++)
        {
            var c = text[i];
            var lower = (uint)c | 0x20;
            var isAsciiLetter = lower - 'a' <= 25;
            var kind = isAsciiLetter ? CharKind.Letter : CharFold.KindOf(c);
            if (kind == CharKind.Letter)
            {
                var folded = isAsciiLetter ? lower : CharFold.FoldOf(c);
                upper += folded != c ? 1 : 0;
                hash = WordHash.Next(hash, folded);
                length++;
                lastDigit = false;
            }
            else if (kind == CharKind.Digit)
            {
                digits++;
                if (lastDigit)
                {
                    continue;
                }

                hash = WordHash.Next(hash, '0');
                length++;
                lastDigit = true;
            }
            else if (kind == CharKind.Skip
                || (kind == CharKind.Apostrophe && i + 1 < text.Length && CharFold.KindOf(text[i + 1]) == CharKind.Letter && length > 0))
            {
                continue;
            }
            else
            {
                break;
            }

            if (length == StemLength)
            {
                stem = hash;
            }

            // From five letters on a stem has begun as one does; shorter ones are looked up.
            stems = length == StemLength ? ConceptLexicon.MayBeginStem(hash) : stems;
            if (length >= 3 && (length < StemLength ? ConceptLexicon.MayBeginStem(hash) : stems))
            {
                var found = ConceptLexicon.Find(WordHash.Stem(hash));
                concept = found != 0 ? found : concept;
            }
        }

        if (length == 0)
        {
            return (0, 0, 0, i, 0);
        }

        if (length == 1 && digits == 0)
        {
            counts.Singles++;
            counts.LongestSingleRun = Math.Max(counts.LongestSingleRun, ++counts.SingleRun);
        }
        else
        {
            counts.Singles += length == 1 ? 1 : 0;
            counts.Octets += i - start == 8 && digits == 8 ? 1 : 0;
            counts.SingleRun = 0;
        }

        counts.Alphanumeric += digits > 0 && length > 1 ? 1 : 0;
        var letters = i - start - digits;
        if (digits > 0)
        {
            counts.LongestCode = Math.Max(counts.LongestCode, i - start);
        }

        if (upper > 1)
        {
            Capitals(upper, letters, i - start, ref counts);
        }

        if (length == 2 && concept == 0)
        {
            concept = ConceptLexicon.Find(WordHash.Stem(hash));
        }

        return (hash, stem, length, i, concept);
    }

    /// <summary>More than one capital: shouting, or capitals inside as encoded text has.</summary>
    private static void Capitals(int upper, int letters, int length, ref SignalCounts counts)
    {
        var all = upper == letters;
        counts.Upper += all ? 1 : 0;
        counts.Mixed += all ? 0 : 1;
        if (upper < letters)
        {
            counts.LongestCode = Math.Max(counts.LongestCode, length);
        }
    }

    private static void Ideograph<TSink>(
        ReadOnlySpan<char> text, int start,
        ref State state, ref SignalCounts counts, ref TSink sink)
        where TSink : struct, ISignalSink, allows ref struct
    {
        counts.Words++;
        counts.Known++; // Common words are not listed for these scripts: the decoders leave them alone.
        var word = WordHash.Ideographs(WordHash.Next(WordHash.Seed, CharFold.FoldOf(text[start])));
        sink.Feature(word);
        sink.Feature(WordHash.Pair(word, state.Previous));
        if (state.BeforePrevious != 0)
        {
            sink.Feature(WordHash.Triple(word, state.Previous, state.BeforePrevious));
        }

        if (start >= state.ConceptEnd && ConceptLexicon.MayBeginIdeographs((char)CharFold.FoldOf(text[start])))
        {
            var hash = WordHash.Seed;
            var concept = 0;
            var end = start;
            var last = Math.Min(text.Length, start + ConceptLexicon.MaxIdeographs);
            for (var i = start; i < last && CharFold.KindOf(text[i]) == CharKind.Ideograph; i++)
            {
                hash = WordHash.Next(hash, CharFold.FoldOf(text[i]));
                var found = ConceptLexicon.Find(WordHash.Ideographs(hash));
                if (found != 0)
                {
                    concept = found;
                    end = i + 1;
                }
            }

            if (concept != 0)
            {
                state.ConceptEnd = end;
                Concept(concept, start, end, ref state, ref counts, ref sink);
            }
        }

        Advance(word, start + 1, ref state, ref counts, ref sink);
    }

    /// <summary>
    /// Pairs and triples of concepts near each other carry what an instruction means over to languages that the model never read.
    /// </summary>
    private static void Concept<TSink>(int concept, int start, int end, ref State state, ref SignalCounts counts, ref TSink sink)
        where TSink : struct, ISignalSink, allows ref struct
    {
        var quoted = state.Quoted && start - state.QuoteStart < 200;
        counts.Concepts++;
        sink.Concept(concept, state.Token, start, end, quoted);
        var id = (uint)concept + (quoted ? 0x100u : 0);
        sink.Feature(WordHash.Mix(0xc0ce97 + (id * 0x9e3779b1)));
        for (var k = 0; k < state.Recent.Count; k++)
        {
            var (other, token) = state.Recent[k];
            if (state.Token - token > ConceptReach)
            {
                break;
            }

            sink.Feature(WordHash.Pair(id + 0xabc000, other + 0xdef000));
            if (k == 0 && state.Recent.Count > 1 && state.Token - state.Recent[1].Token <= ConceptReach + 3)
            {
                sink.Feature(WordHash.Triple(id + 0xabc000, other + 0xdef000, state.Recent[1].Concept + 0x123000));
            }
        }

        state.Recent.Push(id, state.Token);
    }

    private static int Symbols<TSink>(ReadOnlySpan<char> text, int start, ref SignalCounts counts, ref TSink sink)
        where TSink : struct, ISignalSink, allows ref struct
    {
        var hash = WordHash.Seed;
        var i = start;
        for (; i < text.Length && i < start + 4 && CharFold.KindOf(text[i]) == CharKind.Symbol; i++)
        {
            hash = WordHash.Next(hash, text[i]);
        }

        counts.Symbols += i - start;
        counts.TailSymbols += start >= text.Length - (text.Length / 3) ? i - start : 0;
        sink.Feature(WordHash.Mix(hash ^ 0x7feb352d));
        return i;
    }

    private static void Advance<TSink>(uint word, int end, ref State state, ref SignalCounts counts, ref TSink sink)
        where TSink : struct, ISignalSink, allows ref struct
    {
        state.BeforePrevious = state.Previous;
        state.Previous = word;
        state.Token++;
        if (++state.SentenceWords >= MaxSentenceWords)
        {
            sink.EndSentence(end);
            counts.Sentences++;
            state.SentenceWords = 0;
        }
    }

    private static void EndSentence<TSink>(int end, ref State state, ref SignalCounts counts, ref TSink sink)
        where TSink : struct, ISignalSink, allows ref struct
    {
        if (state.SentenceWords > 0)
        {
            sink.EndSentence(end);
            counts.Sentences++;
        }

        state.SentenceWords = 0;
        state.Previous = Boundary;
        state.BeforePrevious = 0;
    }

    private ref struct State
    {
        public uint Previous;
        public uint BeforePrevious;
        public int Token;
        public int SentenceWords;
        public int ConceptEnd;
        public int QuoteStart;
        public bool Quoted;
        public RecentConcepts Recent;
        public AsciiWord.Beginnings Hashes;
    }

    /// <summary>The last four concepts, newest first.</summary>
    private struct RecentConcepts
    {
        private Items _items;

        public int Count { get; private set; }

        public readonly (uint Concept, int Token) this[int index] => _items[index];

        public void Push(uint concept, int token)
        {
            _items[3] = _items[2];
            _items[2] = _items[1];
            _items[1] = _items[0];
            _items[0] = (concept, token);
            Count = Math.Min(Count + 1, 4);
        }

        [InlineArray(4)]
        private struct Items
        {
            private (uint Concept, int Token) _first;
        }
    }
}
