using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Injection;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Pii.Identifiers;
using Gatehouse.Guardrails.Pii.Names;
using Gatehouse.Guardrails.Pii.Network;
using Gatehouse.Guardrails.Pii.Numbers;
using Gatehouse.Guardrails.Secrets;

namespace Gatehouse.Gateway.Tests.Guardrails;

/// <summary>Work that detectors leave out because no finding can come of it: none does.</summary>
public sealed class ShortcutTests
{
    private static readonly DetectionContext Input = new(DetectionSide.Input);
    private static readonly DetectionContext Retrieved = new(DetectionSide.Retrieved);

    private static readonly string[] Words =
        [.. ("the of a to write please list what is story ignore all previous prior instructions system prompt print reveal your rules you "
            + "are now DAN must never refuse password secret key token is api_key = : \" ' pass= pwd access auth private basic bearer -u "
            + "curl --user root:hunter2hunter --user=x https://bob:s3cr3tpw@example.com -----BEGIN RSA PRIVATE KEY----- hunter2! "
            + "aB3dE5gH7jK9mN1p Xk29dkwLq81mzPqw4 sid monkey keyboard authentication accesskey antidisestablishmentarianism 7 2024 dr. "
            + "dr hurst mr Paris rose germans poles zzyzx Berlin von der Jane Doe o'clock don't vtaber nyy cerivbhf vafgehpgvbaf "
            + "erongi snoitcurtsni 1gn0r3 ; , . ? \n")
            .Split(' ')];

    [Fact]
    public void A_text_below_the_bar_of_raw_scores_has_a_score_below_the_threshold_and_no_other_has()
    {
        var (random, detector) = (new Random(31), new InjectionDetector());
        var texts = Enumerable.Range(0, 4_000).Select(_ => Text(random, random.Next(1, 60)))
            .Concat(GuardData.Read("injection.jsonl").Where((_, i) => i % 5 == 0).Select(r => r.Text));
        foreach (var text in texts)
        {
            foreach (var context in new[] { Input, Retrieved })
            {
                var score = InjectionDetector.Score(text, context);

                var findings = Find(detector, text, context);

                Assert.Equal(score >= 0.5f ? [score] : [], findings.Select(f => f.Score));
            }
        }
    }

    [Theory]
    [InlineData(0.05f)]
    [InlineData(0.95f)]
    [InlineData(0f)]
    [InlineData(1f)]
    public void Other_thresholds_have_bars_of_their_own(float threshold)
    {
        var random = new Random(32);
        var detector = new InjectionDetector(new InjectionOptions { DirectThreshold = threshold, IndirectThreshold = threshold });
        for (var round = 0; round < 1_000; round++)
        {
            var text = Text(random, random.Next(1, 40));
            var score = InjectionDetector.Score(text, Input);

            Assert.Equal(score >= threshold, Find(detector, text, Input).Length > 0);
        }
    }

    /// <summary>Signs far before and behind a text make the whole of it worth searching.</summary>
    [Fact]
    public void Secrets_are_found_the_same_where_signs_say_to_look_and_where_everything_is_looked_at()
    {
        var random = new Random(33);
        var around = new string(' ', 300);
        for (var round = 0; round < 6_000; round++)
        {
            var text = around + Text(random, random.Next(1, 80)) + around;

            var alone = Find(SecretDetector.Default, text, Input);
            var amid = Find(SecretDetector.Default, $"={text}=", Input);

            // A private key without an end goes on to that of the text.
            Assert.Equal(alone.Select(f => (f.Rule, f.Start + 1)), amid.Select(f => (f.Rule, f.Start)));
        }
    }

    [Fact]
    public void A_word_that_is_passed_over_is_no_candidate_for_a_name()
    {
        var random = new Random(34);
        var (tokens, telling) = (new Token[2048], new ushort[2049]);
        var tagger = new NameTagger(Gazetteer.Shared, NameModel.Shared);
        for (var round = 0; round < 2_000; round++)
        {
            var (text, position) = (Text(random, random.Next(1, 40)), 0);
            var window = tokens.AsSpan(0, Tokenizer.Split(text, ref position, tokens));
            var told = telling.AsSpan(0, tagger.Prepare(text, window, telling));
            Honorifics(window);
            for (var i = 0; i < window.Length; i++)
            {
                Assert.True(told.Contains((ushort)i) || !NameTagger.IsCandidate(window, i), text[window[i].Start..window[i].End]);
            }
        }
    }

    /// <summary>Nationalities and beliefs in every form that a text may have them in.</summary>
    [Fact]
    public void A_word_that_is_passed_over_is_no_group()
    {
        var tagger = new NameTagger(Gazetteer.Shared, NameModel.Shared);
        var (found, plurals) = (0, 0);
        foreach (var group in Gazetteer.Lines("groups.txt").Where(line => line[0] != '['))
        {
            foreach (var word in new[] { group, group.ToLowerInvariant(), group.ToUpperInvariant() })
            {
                var text = $"we met {word} and {word}s and {word}es, zzyx {word}ses";

                var passed = Groups(text, tagger, isWhole: false);

                Assert.Equal(Groups(text, tagger, isWhole: true), passed);
                found += passed.Length;
                plurals += passed.Count(f => text[f.End - 1] == 's' && f.Length > word.Length);
            }
        }

        Assert.True(found > 300 && plurals > 100, $"{found} groups, {plurals} of them plurals");
    }

    /// <summary>A text without a sign of theirs is not shown to the scanners at all.</summary>
    [Fact]
    public void Scanners_find_nothing_in_a_text_that_has_no_sign_of_theirs()
    {
        var random = new Random(35);
        var (network, dates) = (new NetworkScanner(true, true, true, true), new DateScanner(-1));
        var (identifiers, phones) = (new IdentifierScanner(IdentifierRules.All, -1), new PhoneScanner(-1));
        string[] pieces =
            ["a", "day", "Mon", "Sun", "sunday ", "DAY", "may ", ".", ":", "://", "@", "-", "aa-", "--", "com", "www.", "b.c", " ", "\n", "é",
                "\u7801", "\u5145.com", "\ud83d", "1", "2024", "may 1", "::", "f:", "bob@a.de", "192.168.1.7", "x.y", "00-11-22-33-44-5a",
                "ab-cd-ef-ab-cd-ef", "DE44500105175407324931", "+49 151 23456789", "the old house by the river "];
        var skipped = 0;
        for (var round = 0; round < 20_000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(30)).Select(_ => pieces[random.Next(random.Next(2, pieces.Length))]));
            var signs = PiiSigns.Of(text);

            Assert.Equal(Enumerable.Range(0, text.Length).Aggregate(PiiSign.None, (all, at) => all | PiiSigns.At(text, at)), signs);
            using var findings = FindingList.Rent();
            if ((signs & PiiSign.Network) == 0)
            {
                network.Find(text, findings);
                skipped++;
            }

            if ((signs & PiiSign.Digit) == 0)
            {
                identifiers.Find(text, findings);
                phones.Find(text, findings);
                Assert.Equal(0, findings.Count);
                dates.Find(text, findings);
                var all = findings.Items.ToArray();
                findings.Clear();
                dates.FindWeekdays(text, findings);
                Assert.Equal(all, findings.Items.ToArray());
                Assert.True(findings.Count == 0 || (signs & PiiSign.Day) != 0, text);
            }

            Assert.True(findings.Count == 0 || (signs & PiiSign.Digit) == 0, text);
        }

        Assert.InRange(skipped, 1_000, 19_000);
    }

    [Fact]
    public void Every_character_has_the_class_and_the_lower_case_that_it_has_elsewhere()
    {
        var tokens = new Token[4];
        for (var i = 0; i <= char.MaxValue; i++)
        {
            var (c, position) = ((char)i, 0);
            var isWord = char.IsAsciiDigit(c) || char.IsLetter(c) || char.IsSurrogate(c);

            var count = Tokenizer.Split(c.ToString(), ref position, tokens);

            Assert.Equal(unchecked((2166136261 ^ char.ToLowerInvariant(c)) * 16777619), Tokenizer.HashOf(c.ToString()));
            Assert.Equal(isWord, count > 0 && tokens[0].Shape != Shape.Mark);
        }
    }

    private static Finding[] Groups(string text, NameTagger tagger, bool isWhole)
    {
        var (tokens, telling, position) = (new Token[64], new ushort[65], 0);
        var window = tokens.AsSpan(0, Tokenizer.Split(text, ref position, tokens));
        var told = tagger.Prepare(text, window, telling);
        if (isWhole)
        {
            told = window.Length;
            for (var i = 0; i < told; i++)
            {
                telling[i] = (ushort)i;
            }
        }

        using var findings = FindingList.Rent();
        NameRules.Find(text, window, telling.AsSpan(0, told), -1, findings);
        return [.. findings.Items.ToArray().Where(f => f.Rule == "pii.group")];
    }

    /// <summary>As the rules do before words are tagged: an honorific and its stop are taken.</summary>
    private static void Honorifics(Span<Token> tokens)
    {
        for (var i = 0; i + 1 < tokens.Length; i++)
        {
            if ((tokens[i].Flags & WordFlags.Honorific) != 0)
            {
                tokens[i].IsMasked = true;
                tokens[i + 1].IsMasked = tokens[i + 1].Shape == Shape.Mark;
            }
        }
    }

    private static Finding[] Find(IDetector detector, string text, in DetectionContext context)
    {
        using var findings = FindingList.Rent();
        detector.Find(text, context, findings);
        return findings.Items.ToArray();
    }

    private static string Text(Random random, int words) =>
        string.Join(' ', Enumerable.Range(0, words).Select(_ => Words[random.Next(Words.Length)]));
}
