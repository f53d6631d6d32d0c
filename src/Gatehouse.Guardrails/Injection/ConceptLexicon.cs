using System.Reflection;
using System.Runtime.CompilerServices;
using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Injection;

/// <summary>The words of concepts.txt, found by hash: whole words, stems, phrases of two or three words, runs of ideographs.</summary>
internal static class ConceptLexicon
{
    public const int MaxIdeographs = 8;
    private const int StemStart = 5;
    private const int Slots = 1 << 14;
    private const uint LowerPart = (1 << 24) - 1;

    // The lower part of a hash, of which the slot is the upper, and its concept in the lowest eight bits: one read for both.
    private static readonly uint[] Entries = new uint[Slots];

    // One bit per low hash bits: nearly all words of ordinary text stop here. Phrases apart: they are few, and so are chance hits.
    private static readonly ulong[] Bits = new ulong[1 << 11];
    private static readonly ulong[] PhraseBits = new ulong[1 << 8];

    // The first of each run of ideographs.
    private static readonly ulong[] IdeographStarts = new ulong[1 << 6];

    // Stems by their first five letters, shorter ones whole: most words have no stem and are not looked up letter by letter.
    private static readonly ulong[] StemStarts = new ulong[1 << 10];

    static ConceptLexicon()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("concepts.txt")!;
        using var reader = new StreamReader(stream);
        var concepts = Enum.GetNames<Concept>();
        while (reader.ReadLine() is { } line)
        {
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var concept = (byte)Array.FindIndex(concepts, name => name.Equals(words[0], StringComparison.OrdinalIgnoreCase));
            if (concept == 255)
            {
                throw new InvalidOperationException($"concepts.txt names '{words[0]}', which is no concept.");
            }

            foreach (var word in words.AsSpan(1))
            {
                Add(word, concept);
            }
        }
    }

    /// <summary>Whether a word that begins so may have a stem that is listed: its first three, four and five letters.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MayHaveStem(uint three, uint four, uint five) => MayBeginStem(three) | MayBeginStem(four) | MayBeginStem(five);

    /// <summary>Whether a word that begins so may have a stem that is listed and has as many letters, or more if these are five.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MayBeginStem(uint beginning)
    {
        var place = StemPlace(beginning);
        return (StemStarts[place >> 6] & (1UL << (int)(place & 63))) != 0;
    }

    /// <summary>Whether a run of ideographs that is listed may begin with this one.</summary>
    public static bool MayBeginIdeographs(char c) => (IdeographStarts[(c >> 6) & 63] & (1UL << (c & 63))) != 0;

    /// <summary>Whether a pair or a triple of words may be listed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool MayBePhrase(uint hash) => (PhraseBits[(hash >> 6) & 255] & (1UL << (int)(hash & 63))) != 0;

    /// <summary>Whether a hash may be listed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool May(uint hash) => (Bits[(hash >> 6) & 2047] & (1UL << (int)(hash & 63))) != 0;

    /// <returns>The concept, or 0.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Find(uint hash) => May(hash) ? LookUp(hash) : 0;

    /// <summary>Sixteen bits of a hash that is not mixed yet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint StemPlace(uint beginning) => (beginning * 0x9e3779b1) >> 16;

    private static int LookUp(uint hash)
    {
        for (var slot = hash >> 18; ; slot = (slot + 1) & (Slots - 1))
        {
            var entry = Entries[slot];
            if (entry >> 8 == (hash & LowerPart) || entry == 0)
            {
                return (int)(entry & 255);
            }
        }
    }

    /// <summary>Whether a word is listed as it is.</summary>
    public static bool Knows(ReadOnlySpan<char> word)
    {
        var state = WordHash.Seed;
        foreach (var c in word)
        {
            state = WordHash.Next(state, CharFold.Fold[c]);
        }

        return Find(WordHash.Word(state)) != 0;
    }

    private static void Add(string entry, byte concept)
    {
        var stem = entry.EndsWith('*');
        uint hash = 0, previous = 0, beforePrevious = 0, beginning = 0;
        var state = WordHash.Seed;
        var ideographs = false;
        var length = 0;
        foreach (var c in stem ? entry.AsSpan(0, entry.Length - 1) : entry)
        {
            if (c == '-')
            {
                (beforePrevious, previous, state, length) = (previous, WordHash.Word(state), WordHash.Seed, 0);
                continue;
            }

            if (CharFold.Kind[c] is CharKind.Skip or CharKind.Apostrophe)
            {
                continue;
            }

            ideographs |= CharFold.Kind[c] == CharKind.Ideograph;
            state = WordHash.Next(state, CharFold.Fold[c]);
            beginning = ++length <= StemStart ? state : beginning;
        }

        if (stem && length < 3 && char.IsAscii(entry[0]))
        {
            throw new InvalidOperationException($"concepts.txt has the stem '{entry}': of letters of ASCII three are looked up at least.");
        }

        if (stem)
        {
            var place = StemPlace(beginning);
            StemStarts[place >> 6] |= 1UL << (int)(place & 63);
        }

        if (ideographs)
        {
            var first = CharFold.FoldOf(entry[0]);
            IdeographStarts[(first >> 6) & 63] |= 1UL << (first & 63);
        }

        hash = ideographs ? WordHash.Ideographs(state) : stem ? WordHash.Stem(state) : WordHash.Word(state);
        if (previous != 0)
        {
            hash = beforePrevious != 0 ? WordHash.Triple(hash, previous, beforePrevious) : WordHash.Pair(hash, previous);
            PhraseBits[(hash >> 6) & 255] |= 1UL << (int)(hash & 63);
        }

        for (var slot = hash >> 18; ; slot = (slot + 1) & (Slots - 1))
        {
            if (Entries[slot] >> 8 == (hash & LowerPart) && Entries[slot] != 0)
            {
                return; // The first concept that claims a word keeps it.
            }

            if (Entries[slot] == 0)
            {
                Entries[slot] = (hash << 8) | concept;
                Bits[(hash >> 6) & 2047] |= 1UL << (int)(hash & 63);
                return;
            }
        }
    }
}
