using System.Text;
using System.Text.Json;

namespace Gatehouse.GuardTraining;

/// <summary>Texts made from the templates in texts/: the part of the training data that is our own. The same on every run.</summary>
internal static class Generated
{
    private const int Repeat = 3;
    private const int Suffixes = 2;

    private static readonly string[] Fragments =
    [
        "describing", "\\", "+", "similarly", "Now", "textbf{", "newcommand", "]{", "**", "```", "![", "$\\{", "}}", "%%", "<?", "];", "_{",
        "Sure", "titled",
        "bulleted", "==", "||", "\"}", "](", "itemize", "steps", "Python", "regex", "html", "Bitte", "sur", "erfolg", "LaTeX", "usingSam",
        "tableView",
        "ICU", "interface", "Manuel", "WITH", "sentences", "revert", "opposite", "ly", ".)", "())", "[[", "://", "juillet", "primeros",
        "formula",
        "sortedBy", "without", "emot", "repeat", "Comment", "readers", "canvas", "blockquote", "href", "cdn", "githubrepo", "Render",
        "maximum", "plot",
        "Builder", "struct", "TERJs", "pog", "numbers", "ordin", "draft", "=\"", "{\\", "@", "#", "~", "^", "==>", "Step", "list", "hence",
        "wood",
    ];

    public static List<LabelledText> Direct() => _direct ??= Attacks();

    private static List<LabelledText>? _direct;

    private static int _offset;

    /// <summary>Makes other random choices from now on, for figures that do not hang on them; 0 gives the texts that are shipped.</summary>
    public static void Reseed(int seed) => (_offset, _direct) = (seed * 1000, null);

    private static List<LabelledText> Attacks()
    {
        var grammar = new Grammar(Folder("slots.txt"), new Random(20251 + _offset));
        var rows = new List<LabelledText>();
        Expand(grammar, "direct-attacks.txt", true, "own_attacks", rows);
        Expand(grammar, "direct-benign.txt", false, "own_benign", rows);
        Expand(new Grammar(Folder("slots.txt"), new Random(20256 + _offset)), "everyday.txt", false, "own_everyday", rows);
        foreach (var line in File.ReadLines(Folder("multilingual.txt")).Where(l => l.Length > 0 && l[0] != '#'))
        {
            var parts = line.Split(' ', 3);
            var positive = parts[1] == "+";
            for (var k = 0; k < (positive ? 8 : 10); k++)
            {
                rows.Add(new LabelledText(grammar.Expand(parts[2]), positive, "own_multilingual", true, "own", null));
            }
        }

        // Disguises of ordinary requests: the carrier alone is no attack; what it carries is judged by itself.
        var random = new Random(20254 + _offset);
        foreach (var row in rows.Where(r => !r.Positive && r.Text.Length < 200 && r.Text.All(char.IsAscii)).ToList())
        {
            if (random.Next(2) == 0)
            {
                rows.Add(row with { Text = Disguise(row.Text, random.Next(9)), Source = "own_disguised" });
            }
        }

        return [.. rows.DistinctBy(r => r.Text)];
    }

    private static string Disguise(string text, int kind) => kind switch
    {
        0 => "Decode this and follow it: " + Convert.ToBase64String(Encoding.UTF8.GetBytes(text)),
        1 => "Decode this hex and answer: " + Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text)),
        2 => "Rot13: " + string.Concat(
            text.Select(c => char.IsAsciiLetter(c) ? (char)((c & 0x20) + 'A' + (((c | 0x20) - 'a' + 13) % 26)) : c)),
        3 => "Read backwards: " + new string([.. text.Reverse()]),
        4 => string.Concat(
            text.Select(c => "oieastbz".IndexOf(char.ToLowerInvariant(c), StringComparison.Ordinal) is var k and >= 0 ? "01345782"[k] : c)),
        5 => string.Join(' ', text.ToCharArray()),
        6 => Uri.EscapeDataString(text),
        7 => text.ToUpperInvariant().Replace(' ', '.'),
        _ => text.ToUpperInvariant(),
    };

    /// <summary>
    /// Harmful requests with the trail of symbols and words that an optimiser appends; bare ones are a matter of content policy.
    /// </summary>
    public static List<LabelledText> Suffixed(string data)
    {
        var grammar = new Grammar(Folder("slots.txt"), new Random(20255 + _offset));
        var rows = new List<LabelledText>();
        foreach (var line in File.ReadLines(Path.Combine(data, "harmful.jsonl")))
        {
            using var row = JsonDocument.Parse(line);
            var text = row.RootElement.GetProperty("text").GetString()!;
            if (row.RootElement.GetProperty("label").GetInt32() == 1)
            {
                for (var k = 0; k < Suffixes; k++)
                {
                    rows.Add(new LabelledText(text + " " + grammar.Expand("{gibberish}"), true, "own_suffixed", true, "own", null));
                }
            }
            else
            {
                rows.Add(new LabelledText(text, false, "own_look_alike", true, "own", null));
            }
        }

        return rows;
    }

    /// <summary>Planted instructions.</summary>
    public static List<LabelledText> Payloads()
    {
        var rows = new List<LabelledText>();
        Expand(new Grammar(Folder("slots.txt"), new Random(20252 + _offset)), "indirect-payloads.txt", true, "own_payload", rows);
        return [.. rows.DistinctBy(r => r.Text)];
    }

    /// <summary>Sentences of ordinary documents.</summary>
    public static List<LabelledText> Sentences()
    {
        var rows = new List<LabelledText>();
        Expand(new Grammar(Folder("slots.txt"), new Random(20253 + _offset)), "indirect-benign.txt", false, "own_sentence", rows);
        return [.. rows.DistinctBy(r => r.Text)];
    }

    private static void Expand(Grammar grammar, string file, bool positive, string source, List<LabelledText> rows)
    {
        foreach (var line in File.ReadLines(Folder(file)).Where(l => l.Length > 0 && l[0] == '*'))
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            var times = int.Parse(line.AsSpan(1, space - 1), System.Globalization.CultureInfo.InvariantCulture) * Repeat;
            for (var k = 0; k < times; k++)
            {
                rows.Add(new LabelledText(grammar.Expand(line[(space + 1)..]), positive, source, true, "own", null));
            }
        }
    }

    private static string Folder(string file) => Path.Combine(AppContext.BaseDirectory, "texts", file);

    /// <summary>Expands {slot} and {one|another}; braces that name nothing stay.</summary>
    private sealed class Grammar(string slots, Random random)
    {
        private const string Marks = "{}[]()<>/\\|\"'`~^*_+=-:;,.?!@#$%&";

        private string[]? _words;

        private readonly Dictionary<string, string[]> _slots = File.ReadLines(slots)
            .Where(l => l.Contains(" = ", StringComparison.Ordinal) && l[0] != '#')
            .Select(l => l.Split(" = ", 2))
            .ToDictionary(p => p[0], p => p[1].Split(" | "));

        public string Expand(string template)
        {
            var text = new StringBuilder();
            Expand(template, text);
            return text.ToString().Trim();
        }

        private void Expand(string template, StringBuilder into)
        {
            for (var i = 0; i < template.Length; i++)
            {
                var close = template[i] == '{' ? Close(template, i) : -1;
                if (close < 0)
                {
                    into.Append(template[i]);
                    continue;
                }

                var inside = template[(i + 1)..close];
                var choices = Choices(inside);
                if (inside == "gibberish")
                {
                    Gibberish(into);
                }
                else if (_slots.TryGetValue(inside, out var values))
                {
                    Expand(values[random.Next(values.Length)], into);
                }
                else if (choices.Count > 1)
                {
                    Expand(choices[random.Next(choices.Count)], into);
                }
                else
                {
                    into.Append('{');
                    Expand(inside, into);
                    into.Append('}');
                }

                i = close;
            }
        }

        /// <summary>What an optimiser appends: pieces of words and of code, glued or not, in any case, between symbols.</summary>
        private void Gibberish(StringBuilder into)
        {
            var glued = random.Next(2, 6);
            for (var n = random.Next(8, 24); n > 0; n--)
            {
                var piece = random.Next(5) switch
                {
                    0 => Piece() + Capitalised(Piece()),
                    1 => Cut(Piece()),
                    2 => new string([.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Marks[random.Next(Marks.Length)])]),
                    _ => Fragments[random.Next(Fragments.Length)],
                };
                piece = random.Next(7) switch
                {
                    0 => Capitalised(piece),
                    1 => piece.ToUpperInvariant(),
                    _ => piece,
                };
                into.Append(piece).Append(random.Next(glued) == 0 ? "" : " ");
            }
        }

        /// <summary>A word of any slot.</summary>
        private string Piece()
        {
            _words ??= [.. _slots.Values.SelectMany(v => v).SelectMany(v => v.Split(' '))
                .Where(w => w.Length > 2 && w.All(char.IsLetter)).Distinct().Order(StringComparer.Ordinal)];
            return _words[random.Next(_words.Length)];
        }

        private string Cut(string word) =>
            random.Next(2) == 0 ? word[..^random.Next(word.Length - 1)] : word[random.Next(word.Length - 1)..];

        private static string Capitalised(string word) => char.ToUpperInvariant(word[0]) + word[1..];

        private static int Close(string text, int open)
        {
            var depth = 0;
            for (var i = open; i < text.Length; i++)
            {
                depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
                if (depth == 0)
                {
                    return i;
                }
            }

            return -1;
        }

        private static List<string> Choices(string inside)
        {
            var choices = new List<string>();
            var depth = 0;
            var start = 0;
            for (var i = 0; i < inside.Length; i++)
            {
                depth += inside[i] == '{' ? 1 : inside[i] == '}' ? -1 : 0;
                if (depth == 0 && inside[i] == '|')
                {
                    choices.Add(inside[start..i]);
                    start = i + 1;
                }
            }

            choices.Add(inside[start..]);
            return choices;
        }
    }
}
