using System.Text;
using System.Text.RegularExpressions;
using Gatehouse.Guardrails.Pii.Names;

namespace Gatehouse.Guardrails.Training;

/// <summary>Fills templates with values made from lists, so that no name of a data set is in the weights.</summary>
internal sealed partial class NameCorpus(SlotValues values, Random random)
{
    /// <summary>Reads lists of words in sections: a line <c>[name]</c>, then one word or name a line.</summary>
    public static Dictionary<string, List<string>> ReadLists(IEnumerable<string> lines)
    {
        var lists = new Dictionary<string, List<string>>();
        List<string> section = [];
        foreach (var line in lines.Where(l => l.Length > 0))
        {
            if (line[0] == '[')
            {
                lists[line.Trim('[', ']')] = section = [];
            }
            else
            {
                section.Add(line);
            }
        }

        return lists;
    }

    /// <summary>The lists that the tagger looks up, and more for training.</summary>
    public static Dictionary<string, List<string>> AllLists(IEnumerable<string> training) =>
        new(ReadLists(Gazetteer.Lines("words.txt")).Concat(ReadLists(training)));

    public TrainingText Fill(string template)
    {
        var text = new StringBuilder();
        List<TrainingSpan> spans = [];
        var at = 0;
        foreach (Match slot in Slot().Matches(template))
        {
            text.Append(template, at, slot.Index - at);
            at = slot.Index + slot.Length;
            var (value, type) = values.Make(slot.Groups[1].Value);
            if (type != "O")
            {
                spans.Add(new(text.Length, text.Length + value.Length, type, random.NextDouble() < .4));
            }

            text.Append(value);
        }

        text.Append(template, at, template.Length - at);
        var filled = text.ToString();
        var recased = random.NextDouble() switch { < .05 => filled.ToLowerInvariant(), < .07 => filled.ToUpperInvariant(), _ => filled };
        return new(recased.Length == filled.Length ? recased : filled, spans);
    }

    /// <summary>
    /// Sentences of plain texts as texts without names: those in which every word with a capital is either at the start or no known name.
    /// </summary>
    public static IEnumerable<TrainingText> Plain(string text)
    {
        foreach (Match sentence in Sentence().Matches(text))
        {
            if (sentence.Length is > 20 and < 240 && IsPlain(sentence.Value))
            {
                yield return new(sentence.Value, []);
            }
        }
    }

    private static bool IsPlain(string sentence)
    {
        var tokens = new Token[128];
        var position = 0;
        var count = Tokenizer.Split(sentence, ref position, tokens);
        const WordFlags Named = WordFlags.First | WordFlags.Last | WordFlags.City | WordFlags.Country | WordFlags.Company
            | WordFlags.Honorific;
        foreach (var token in tokens.AsSpan(0, count))
        {
            var flags = Gazetteer.Shared[token.Hash];
            var hasCapital = token.Shape is Shape.Capital or Shape.Mixed or Shape.Upper or Shape.Initial;
            var isUnknown = token.Shape == Shape.Capital && (flags & WordFlags.Common) == 0;
            if (isUnknown || (hasCapital && (flags & Named) != 0 && (flags & WordFlags.Common) == 0) || token.Shape == Shape.Code)
            {
                return false;
            }
        }

        return position == sentence.Length;
    }

    [GeneratedRegex(@"[^.!?\n]+[.!?\n]?")]
    private static partial Regex Sentence();

    [GeneratedRegex(@"\{\{(\w+)\}\}")]
    private static partial Regex Slot();
}
