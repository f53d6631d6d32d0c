using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Grounding;

/// <summary>One sentence of an answer and how far the context carries it.</summary>
/// <param name="Support">Share of its content words found in one place of the context, from 0 to 1.</param>
/// <param name="UnsupportedNumber">A number of the sentence that the context does not have; null when each is there.</param>
public readonly record struct SentenceSupport(int Start, int Length, float Support, string? UnsupportedNumber);

/// <summary>How far an answer is carried by the context it was given.</summary>
/// <param name="Confidence">From 0 to 1: the mean support of the sentences, halved for each that has a number out of nowhere.</param>
public sealed record Grounding(float Confidence, IReadOnlyList<SentenceSupport> Sentences);

/// <summary>
/// Lexical and numeric support of an answer, sentence by sentence, by the passages it was given. It finds what was made up from nothing; it
/// cannot see a negation or a swapped role, which is a judge's work. Linear in the answer times the passages.
/// </summary>
public static class GroundingCheck
{
    private const int StemLength = 5;
    private const int MinWord = 4;

    /// <param name="passages">The retrieved texts, or whatever the answer may rest on, the question included.</param>
    public static Grounding Check(string answer, IReadOnlyList<string> passages)
    {
        var sources = passages.Select(Words).ToList();
        var numbers = new HashSet<string>(passages.SelectMany(p => Numbers(p)), StringComparer.Ordinal);
        var sentences = new List<SentenceSupport>();
        foreach (var (start, length) in Split(answer))
        {
            var sentence = answer.Substring(start, length);
            var words = Words(sentence);
            if (words.Count == 0)
            {
                continue;
            }

            var best = 0f;
            foreach (var source in sources)
            {
                best = MathF.Max(best, words.Count(source.Contains) / (float)words.Count);
            }

            var invented = Numbers(sentence).FirstOrDefault(n => !numbers.Contains(n));
            sentences.Add(new SentenceSupport(start, length, best, invented));
        }

        if (sentences.Count == 0)
        {
            return new Grounding(1, sentences);
        }

        return new Grounding(sentences.Average(s => s.UnsupportedNumber is null ? s.Support : s.Support / 2), sentences);
    }

    /// <summary>Content words by their first letters: enough for endings and plurals of the languages that have them.</summary>
    private static HashSet<string> Words(string text)
    {
        var words = new HashSet<string>(StringComparer.Ordinal);
        var start = -1;
        for (var i = 0; i <= text.Length; i++)
        {
            var kind = i < text.Length ? CharFold.Kind[text[i]] : CharKind.Space;
            if (kind == CharKind.Ideograph)
            {
                words.Add(text[i].ToString());
            }

            if (kind is CharKind.Letter)
            {
                start = start < 0 ? i : start;
            }
            else if (start >= 0)
            {
                if (i - start >= MinWord)
                {
                    var stem = text.AsSpan(start, Math.Min(StemLength, i - start)).ToArray();
                    for (var k = 0; k < stem.Length; k++)
                    {
                        stem[k] = (char)CharFold.Fold[stem[k]];
                    }

                    words.Add(new string(stem));
                }

                start = -1;
            }
        }

        return words;
    }

    /// <summary>Numbers without their grouping: 1,200.50 and 1200.5 are one.</summary>
    private static IEnumerable<string> Numbers(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsAsciiDigit(text[i]) || (i > 0 && char.IsLetter(text[i - 1])))
            {
                continue;
            }

            var end = i;
            while (end < text.Length
                && (char.IsAsciiDigit(text[end]) || (text[end] is '.' or ',' && end + 1 < text.Length && char.IsAsciiDigit(text[end + 1]))))
            {
                end++;
            }

            yield return Normal(text[i..end]);
            i = end;
        }
    }

    private static string Normal(string number)
    {
        var separator = number.LastIndexOfAny(['.', ',']);
        if (separator < 0)
        {
            return number;
        }

        // Three digits after the only kind of separator: grouping. Otherwise the last separator is the decimal one.
        var decimals = number.Length - separator - 1;
        var grouped = decimals == 3
            && (number.IndexOfAny(['.', ',']) == separator ? number[0] != '0' : number.Count(number[separator]) > 1);
        var digits = number.Replace(".", "", StringComparison.Ordinal).Replace(",", "", StringComparison.Ordinal);
        return grouped ? digits : $"{digits[..^decimals]}.{digits[^decimals..].TrimEnd('0')}".TrimEnd('.');
    }

    private static IEnumerable<(int Start, int Length)> Split(string text)
    {
        var start = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            var ends = i == text.Length
                || text[i] == '\n'
                || (CharFold.Kind[text[i]] == CharKind.Sentence
                    && (i + 1 == text.Length || text[i] >= 0x80 || char.IsWhiteSpace(text[i + 1])));
            if (!ends)
            {
                continue;
            }

            var end = Math.Min(i + 1, text.Length);
            if (!string.IsNullOrWhiteSpace(text[start..end]))
            {
                yield return (start, end - start);
            }

            start = end;
        }
    }
}
