using Gatehouse.Guardrails.Injection;

namespace Gatehouse.GuardTraining;

/// <summary>
/// The words that many texts of the data have in common, from rows whose licence allows it. Everyday lines, short and in many languages,
/// would push words of English out, without which a reversed text is not known as one.
/// </summary>
internal static class KnownWords
{
    private const int Words = 4500;

    public static Vocabulary Build(string data)
    {
        var frequency = new Dictionary<uint, int>();
        var rows = LabelledText.ReadDirect(data).Concat(LabelledText.ReadIndirect(data))
            .Where(r => r.TrainOk && r.Source is not ("notinject" or "jbb_GCG" or "jbb_DSN"))
            .Concat(Generated.Direct().Where(r => r.Source != "own_everyday"));
        foreach (var row in rows)
        {
            var seen = new HashSet<uint>();
            foreach (var piece in row.Text.Split(
                (char[])[' ', '\n', '\t', ',', '.', '?', '!', '"', '(', ')', ':', ';', '`', '[', ']', '/'],
                StringSplitOptions.RemoveEmptyEntries))
            {
                var word = piece.Trim('\'');
                if (word.Length is > 0 and < 20 && word.All(c => char.IsAsciiLetter(c) || c == '\''))
                {
                    seen.Add(Hash(word));
                }
            }

            foreach (var hash in seen)
            {
                frequency[hash] = frequency.GetValueOrDefault(hash) + 1;
            }
        }

        var bits = new ulong[Vocabulary.Bits / 64];
        foreach (var (hash, _) in frequency.Where(p => p.Value >= 3).OrderByDescending(p => p.Value).ThenBy(p => p.Key).Take(Words))
        {
            bits[(hash >> 6) & ((Vocabulary.Bits / 64) - 1)] |= 1UL << (int)(hash & 63);
        }

        return new Vocabulary(bits);
    }

    private static uint Hash(string word)
    {
        var state = WordHash.Seed;
        foreach (var c in word)
        {
            if (c != '\'')
            {
                state = WordHash.Next(state, char.ToLowerInvariant(c));
            }
        }

        return WordHash.Word(state);
    }
}
