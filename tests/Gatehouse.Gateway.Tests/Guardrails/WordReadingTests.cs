using Gatehouse.Guardrails.Pii.Names;
using Gatehouse.Guardrails.Secrets;
using Gatehouse.Guardrails.Text;

namespace Gatehouse.Gateway.Tests.Guardrails;

/// <summary>The vectorised readers against the plain meaning of what they do.</summary>
public sealed class WordReadingTests
{
    private const string Alphabet = "ABCXYZabcxyz059-_.+/=~$|:@";

    [Fact]
    public void A_word_read_at_once_has_the_hashes_and_capitals_of_its_letters()
    {
        var random = new Random(11);
        for (var round = 0; round < 3_000; round++)
        {
            var word = Text(random, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", random.Next(1, 20));
            var after = " .,\u00e9\u2019'5\ud83d_[@`{"[random.Next(13)];
            var hashes = default(AsciiWord.Beginnings);

            var length = AsciiWord.Read(word + after + new string(' ', AsciiWord.Room), 0, ref hashes, out var upper);

            var isRead = word.Length <= AsciiWord.Most && after < 0x80 && after is not ('\'' or '5');
            Assert.Equal(isRead ? word.Length : 0, length);
            for (var i = 1; i <= length; i++)
            {
                Assert.Equal(Tokenizer.HashOf(word.AsSpan(0, i)), hashes[i]);
                Assert.Equal(char.IsUpper(word[i - 1]), (upper & (1u << (i - 1))) != 0);
            }
        }
    }

    [Fact]
    public void Words_are_the_same_where_the_text_goes_on_and_where_it_ends()
    {
        var random = new Random(12);
        var (whole, cut) = (new Token[400], new Token[400]);
        for (var round = 0; round < 500; round++)
        {
            var text = Text(random, "aaeeiiABZé 5'.-\n", random.Next(1, 60));
            var (position, last) = (0, 0);
            var count = Tokenizer.Split(text + "\n" + new string(' ', AsciiWord.Room), ref position, whole);

            // Word by word there is never room to read one at once.
            var found = 0;
            foreach (var token in whole.AsSpan(0, count))
            {
                var word = text[token.Start..token.End];
                Tokenizer.Split(word, ref last, cut);
                Assert.Equal((token.Hash, token.Shape, word.Length), (cut[0].Hash, cut[0].Shape, cut[0].End));
                (last, found) = (0, found + 1);
            }

            Assert.Equal(count, found);
        }
    }

    [Fact]
    public void Runs_of_key_characters_are_found_wherever_they_lie()
    {
        var random = new Random(13);
        for (var round = 0; round < 2_000; round++)
        {
            var text = Text(random, Alphabet + "  \u00e9\u0141\ud83d,\n\u0430", random.Next(0, 300));
            List<(int, int)> expected = [];
            for (var i = 0; i < text.Length;)
            {
                var end = i;
                while (end < text.Length && (char.IsAsciiLetterOrDigit(text[end]) || Alphabet.Contains(text[end])))
                {
                    end++;
                }

                if (end - i >= TokenRuns.Least)
                {
                    expected.Add((i, end));
                }

                i = end + 1;
            }

            List<(int, int)> runs = [];
            for (var at = 0; TokenRuns.Next(text, ref at, out var end); at = end + 1)
            {
                runs.Add((at, end));
            }

            Assert.Equal(expected, runs);
        }
    }

    private static string Text(Random random, string of, int length) =>
        new([.. Enumerable.Range(0, length).Select(_ => of[random.Next(of.Length)])]);
}
