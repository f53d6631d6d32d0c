using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Gatehouse.Guardrails.Text;

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
    private const int Row = 8;
    private const int Rows = 1 << 13;
    private const int PlainBits = 1 << 17;

    private static readonly Lazy<Gazetteer> Instance = new(() => new Gazetteer());

    /// <summary>
    /// Rows of eight: half of a mixed hash each, then the flags of each; the other half tells the row, or one before it when that is full.
    /// A word costs one line of the cache and no branch that is hard to foresee. Flags of an empty place are none.
    /// </summary>
    private readonly ushort[] _rows;
    private readonly int _from; // of the first row in it

    /// <summary>
    /// One bit for each hash that only plain words of the language have: 16 KB that stay in the first cache, so that most words of a text
    /// cost no look-up in the table. A word that the lists do not know may be taken for a plain one; in lower case it is no candidate
    /// either way.
    /// </summary>
    private readonly ulong[] _plain = new ulong[PlainBits / 64];

    private Gazetteer()
    {
        _rows = CacheLines.Table<ushort>(Rows * 2 * Row, out _from);
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

    /// <returns>1 when a word in lower case is a plain word of the language, else 0.</returns>
    public int Plain(uint hash) => (int)(_plain[PlainSlot(hash) >> 6] >> PlainSlot(hash)) & 1;

    /// <summary>What is known of a word as it is written.</summary>
    public WordFlags Of(in Token token) =>
        token.Shape == Shape.Lower && Plain(token.Hash) != 0 ? WordFlags.Common
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
            for (var row = (int)(mixed >> 19); ; row = (row + 1) & (Rows - 1))
            {
                ref var first = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_rows), _from + (row * 2 * Row));
                var marks = Vector128.LoadUnsafe(ref first);
                var flags = Vector128.LoadUnsafe(ref first, Row);
                // One place at most has both the mark and flags: the sum is what it has, without a branch that waits for the load.
                var known = (WordFlags)Vector128.Sum(Vector128.Equals(marks, Vector128.Create((ushort)mixed)) & flags);
                if (flags.GetElement(Row - 1) == 0 || known != WordFlags.None)
                {
                    return known;
                }
            }
        }
    }

    private static int PlainSlot(uint hash) => (int)((hash * 2246822519u) >> 15);

    private static uint Mix(uint hash) => hash * 2654435761u;

    private void Add(uint hash, WordFlags flags)
    {
        var mixed = Mix(hash);
        for (var row = (int)(mixed >> 19); ; row = (row + 1) & (Rows - 1))
        {
            var marks = _rows.AsSpan(_from + (row * 2 * Row), Row);
            var known = _rows.AsSpan(_from + (row * 2 * Row) + Row, Row);
            for (var i = 0; i < Row; i++)
            {
                if (known[i] == 0 || marks[i] == (ushort)mixed)
                {
                    marks[i] = (ushort)mixed;
                    known[i] |= (ushort)flags;
                    return;
                }
            }
        }
    }
}
