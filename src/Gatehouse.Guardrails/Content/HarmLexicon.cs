using System.Reflection;

namespace Gatehouse.Guardrails.Content;

/// <summary>
/// The lexical scorer of harm categories: phrases that say it all, threats that are no figure of speech, and pairs of an act and its object
/// within one sentence. Words alone do not flag: "kill a process" has the act and not the object. The lists are harm.txt; a model behind a
/// route sees what words cannot.
/// </summary>
internal sealed class HarmLexicon
{
    private const int MaxCategories = 16;
    private const int Reach = 120;

    private const int Parts = 5;

    // Behind a threat these make it a figure of speech, a game or a message.
    private static readonly string[] Harmless =
    [
        "laughing", "with laughter", "with kindness", "in the game", "in this game", "in game", "at chess", "in chess", "at golf",
        "in the next round", "next round", "in round", "in minecraft", "in fortnite", "in mario kart", "off in chapter", "off in the", "an email",
        "a message", "a text", "a mail", "a dm", "a note", "a quick", "de risa", "de rire", "vor lachen",
    ];

    // Value of a term: category * Parts + part (0 harmless, 1 phrase, 2 act, 3 object, 4 threat).
    private static readonly TermSet Terms = Load();

    private readonly bool[] _wanted = new bool[MaxCategories];

    public HarmLexicon(IEnumerable<string> categories)
    {
        foreach (var category in categories)
        {
            for (var i = 0; i < HarmCategories.All.Count; i++)
            {
                _wanted[i] |= HarmCategories.All[i] == category;
            }
        }
    }

    public void Find(ReadOnlySpan<char> text, FindingList findings)
    {
        Span<Seen> seen = stackalloc Seen[MaxCategories];
        var state = new Reading(text, seen, _wanted, findings);
        Terms.Find(text, ref state, static (ref Reading reading, int value, int start, int end) => reading.Next(value, start, end));
    }

    private static TermSet Load()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("harm.txt")!;
        using var reader = new StreamReader(stream);
        var terms = new TermSet();
        while (reader.ReadLine() is { } line)
        {
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            var parts = line.Split(':', 2);
            var head = parts[0].Split(' ');
            var category = HarmCategories.All.ToList().IndexOf(head[0]);
            var part = head[1] switch { "harmless" => 0, "phrases" => 1, "acts" => 2, "objects" => 3, "threats" => 4, _ =>
                throw new InvalidOperationException($"harm.txt: '{parts[0]}'") };
            foreach (var term in Combined(part == 4 ? parts[1].Split('/') : [parts[1]]))
            {
                terms.Add(term, (category * Parts) + part);
            }
        }

        return terms;
    }

    /// <summary>Each term of a group followed by each of the next group: who threatens, with what, whom.</summary>
    private static IEnumerable<string> Combined(string[] groups)
    {
        IEnumerable<string> terms = Split(groups[0]);
        foreach (var group in groups.AsSpan(1))
        {
            var next = Split(group);
            terms = [.. terms.SelectMany(t => next.Select(n => $"{t} {n}"))];
        }

        return terms;

        static string[] Split(string group) => group.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }

    private struct Seen
    {
        public int ActStart;
        public int ActEnd;
        public int ObjectStart;
        public int ObjectEnd;
        public bool Reported;
    }

    private readonly ref struct Reading(ReadOnlySpan<char> text, Span<Seen> seen, bool[] wanted, FindingList findings)
    {
        private readonly ReadOnlySpan<char> _text = text;
        private readonly Span<Seen> _seen = seen;

        public void Next(int value, int start, int end)
        {
            var category = value / Parts;
            ref var s = ref _seen[category];
            if (!wanted[category] || s.Reported)
            {
                return;
            }

            switch (value % Parts)
            {
                case 0:
                    return;
                case 4 when IsFigureOfSpeech(_text[end..]):
                    return;
                case 4:
                    Report(ref s, category, start, end, 0.8f);
                    return;
                case 1:
                    Report(ref s, category, start, end, 0.8f);
                    return;
                case 2:
                    (s.ActStart, s.ActEnd) = (start, end);
                    break;
                default:
                    (s.ObjectStart, s.ObjectEnd) = (start, end);
                    break;
            }

            if (s.ActEnd > 0 && s.ObjectEnd > 0)
            {
                var (from, to) = (Math.Min(s.ActStart, s.ObjectStart), Math.Max(s.ActEnd, s.ObjectEnd));
                if (to - from <= Reach && _text[from..to].IndexOfAny('.', '\n', '!') < 0)
                {
                    Report(ref s, category, from, to, 0.6f);
                }
            }
        }

        private static bool IsFigureOfSpeech(ReadOnlySpan<char> rest)
        {
            rest = rest.TrimStart();
            foreach (var word in Harmless)
            {
                if (rest.StartsWith(word, StringComparison.OrdinalIgnoreCase)
                    && (rest.Length == word.Length || !char.IsLetter(rest[word.Length])))
                {
                    return true;
                }
            }

            return false;
        }

        private void Report(ref Seen s, int category, int start, int end, float score)
        {
            s.Reported = true;
            findings.Add(new Finding(DetectorKind.Content, Rules[category], FindingTypes.Harm, start, end - start, score));
        }
    }

    private static readonly string[] Rules = [.. HarmCategories.All.Select(c => "content.harm." + c)];
}
