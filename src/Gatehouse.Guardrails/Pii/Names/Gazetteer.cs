using System.Reflection;
using System.Runtime.InteropServices;

namespace Gatehouse.Guardrails.Pii.Names;

/// <summary>What is known about a word by itself.</summary>
[Flags]
internal enum WordFlags : ushort
{
    None = 0,
    First = 1,
    Last = 2,
    City = 4,
    Country = 8,
    Common = 16,
    Street = 32,
    Company = 64,
    Job = 128,
    Honorific = 256,
    Group = 512,
    Unit = 1024,
}

/// <summary>Words with flags, looked up by hash. Built once from the embedded list.</summary>
internal sealed class Gazetteer
{
    private const int Bits = 16;
    private const int Size = 1 << Bits;
    private const int PlainBits = 1 << 17;

    private static readonly Lazy<Gazetteer> Instance = new(() => new Gazetteer());

    /// <summary>
    /// Half of a mixed hash and the flags; the other half is the place, or a little before it. Flags of an empty place are none.
    /// </summary>
    private readonly (ushort Mark, WordFlags Flags)[] _words = new (ushort, WordFlags)[Size];

    /// <summary>
    /// One bit for each hash that only plain words of the language have: 16 KB that stay in the first cache, so that most words of a text
    /// cost no look-up in the table. A word that the lists do not know may be taken for a plain one; in lower case it is no candidate
    /// either way.
    /// </summary>
    private readonly ulong[] _plain = new ulong[PlainBits / 64];

    private Gazetteer()
    {
        var section = WordFlags.None;
        Dictionary<uint, WordFlags> all = [];
        foreach (var line in Lines("words.txt").Concat(Lines("groups.txt")))
        {
            if (line.StartsWith('['))
            {
                section = Enum.Parse<WordFlags>(line.Trim('[', ']'), ignoreCase: true);
                continue;
            }

            var words = line.Split(' ', '-', '.');
            foreach (var word in words)
            {
                // Of "San Giovanni in Fiore" each longer word counts a little; "in" does not.
                if (word.Length > 1 && (words.Length == 1 || word.Length > 3))
                {
                    CollectionsMarshal.GetValueRefOrAddDefault(all, Tokenizer.HashOf(word), out _) |= section;
                }
            }
        }

        foreach (var (hash, flags) in all)
        {
            _plain[PlainSlot(hash) >> 6] |= flags == WordFlags.Common ? 1UL << (PlainSlot(hash) & 63) : 0;
        }

        foreach (var (hash, flags) in all)
        {
            _plain[PlainSlot(hash) >> 6] &= (flags & ~WordFlags.Common) == 0 ? ulong.MaxValue : ~(1UL << (PlainSlot(hash) & 63));
            Add(hash, flags);
        }
    }

    /// <summary>What is known of a word as it is written.</summary>
    public WordFlags Of(in Token token) =>
        token.Shape == Shape.Lower && (_plain[PlainSlot(token.Hash) >> 6] & (1UL << (PlainSlot(token.Hash) & 63))) != 0 ? WordFlags.Common
        : token.Shape is Shape.Mark or Shape.Number ? WordFlags.None
        : this[token.Hash];

    public static Gazetteer Shared => Instance.Value;

    public static IEnumerable<string> Lines(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The resource '{name}' is missing from the assembly.");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0)
            {
                yield return line;
            }
        }
    }

    public WordFlags this[uint hash]
    {
        get
        {
            var mixed = Mix(hash);
            for (var at = (int)(mixed >> 16); ; at = (at + 1) & (Size - 1))
            {
                var (mark, flags) = _words[at];
                if (flags == WordFlags.None || mark == (ushort)mixed)
                {
                    return flags;
                }
            }
        }
    }

    private static int PlainSlot(uint hash) => (int)((hash * 2246822519u) >> 15);

    private static uint Mix(uint hash) => hash * 2654435761u;

    private void Add(uint hash, WordFlags flags)
    {
        var mixed = Mix(hash);
        var at = (int)(mixed >> 16);
        while (_words[at].Flags != WordFlags.None && _words[at].Mark != (ushort)mixed)
        {
            at = (at + 1) & (Size - 1);
        }

        _words[at] = ((ushort)mixed, _words[at].Flags | flags);
    }
}
