using System.Reflection;

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

    private static readonly Lazy<Gazetteer> Instance = new(() => new Gazetteer());

    private readonly (uint Hash, WordFlags Flags)[] _words = new (uint, WordFlags)[Size];

    private Gazetteer()
    {
        var section = WordFlags.None;
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
                    Add(Tokenizer.HashOf(word), section);
                }
            }
        }
    }

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
            var at = Slot(hash);
            while (_words[at].Hash != 0)
            {
                if (_words[at].Hash == hash)
                {
                    return _words[at].Flags;
                }

                at = (at + 1) & (Size - 1);
            }

            return WordFlags.None;
        }
    }

    private static int Slot(uint hash) => (int)((hash * 2654435761u) >> (32 - Bits));

    private void Add(uint hash, WordFlags flag)
    {
        var at = Slot(hash);
        while (_words[at].Hash != 0 && _words[at].Hash != hash)
        {
            at = (at + 1) & (Size - 1);
        }

        _words[at] = (hash, _words[at].Flags | flag);
    }
}
