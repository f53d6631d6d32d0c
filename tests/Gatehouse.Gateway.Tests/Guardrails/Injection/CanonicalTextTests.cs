using Gatehouse.Guardrails.Text;

namespace Gatehouse.Gateway.Tests.Guardrails.Injection;

public class CanonicalTextTests
{
    [Theory]
    [InlineData("Ｈｅｌｌｏ　ｗｏｒｌｄ", "Hello world")]
    [InlineData("𝗛𝗲𝗹𝗹𝗼 ⓦⓞⓡⓛⓓ", "Hello world")]
    [InlineData("ig\u200Bnore\u2060 th\u00ADis", "ignore this")]
    [InlineData("Рlеаsе", "Please")]
    [InlineData("ﬁne oﬃce", "fine office")]
    [InlineData("привет мир", "привет мир")]
    [InlineData("καλημέρα", "καλημέρα")]
    [InlineData("می‌خواهم", "می‌خواهم")]
    public void Reads_as_a_person_does(string text, string expected)
    {
        using var canonical = CanonicalText.Rent();
        canonical.Read(text);

        Assert.Equal(expected, canonical.Chars.ToString());
    }

    [Fact]
    public void Every_offset_leads_back_to_the_original()
    {
        const string text = "a\u200Bﬃ😀𝗯Ｃ";
        using var canonical = CanonicalText.Rent();
        canonical.Read(text);

        Assert.Equal("affi😀bC", canonical.Chars.ToString());
        Assert.Equal(0, canonical.ToOriginal(0));
        Assert.Equal(2, canonical.ToOriginal(1));
        Assert.Equal(2, canonical.ToOriginal(3));
        Assert.Equal(3, canonical.ToOriginal(4));
        Assert.Equal(5, canonical.ToOriginal(6));
        Assert.Equal(7, canonical.ToOriginal(7));
        Assert.Equal(text.Length, canonical.ToOriginal(8));
    }

    [Fact]
    public void Hidden_text_is_decoded_and_flags_are_not_hidden_text()
    {
        using var canonical = CanonicalText.Rent();
        canonical.Read("x\U000E0068\U000E0069 \U0001F3F4\U000E0067\U000E0062\U000E007F");

        Assert.Equal("hi", canonical.HiddenChars.ToString());
        Assert.Equal(new HiddenSpan(0, 2, 1, 4), Assert.Single(canonical.Hidden.ToArray()));
    }

    [Fact]
    public void Plain_ascii_needs_no_reading() => Assert.True(CanonicalText.IsPlain("Plain text, with\ttabs and {json: \"too\"}.\r\n"));

    [Fact]
    public void A_text_needs_no_reading_only_when_it_reads_as_it_stands()
    {
        const string alphabet = "ab .\t\u0001é漢กя\u0430ﬁＣ\u200B\uFE0F😀";
        var random = new Random(5);
        var plain = 0;
        for (var round = 0; round < 5_000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => alphabet[random.Next(alphabet.Length)]));
            using var canonical = CanonicalText.Rent();
            canonical.Read(text);
            if (CanonicalText.IsPlain(text))
            {
                plain++;
                Assert.Equal(text, canonical.Chars.ToString());
                Assert.Empty(canonical.Hidden.ToArray());
            }
        }

        Assert.True(plain > 500, $"{plain} texts were plain.");
        Assert.True(CanonicalText.IsPlain("Crème brûlée, 漢字 and a “quotation”"));
    }
}
