using System.Diagnostics;
using System.Text;
using Gatehouse.Gateway.Guarding;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Tests.Guarding;

/// <summary>What guards cost a call that has nothing to find.</summary>
public sealed class GuardCostTests(ITestOutputHelper output)
{
    private static readonly GuardRule[] Rules =
    [
        Policy.Rule(GuardDetector.Secrets, GuardAction.Redact),
        Policy.Pii(GuardAction.Redact, PiiTypes.Card, PiiTypes.Iban, PiiTypes.Ssn),
        Policy.Pii(GuardAction.Flag, PiiTypes.Email, PiiTypes.Phone, PiiTypes.Ip),
        Policy.Rule(GuardDetector.Injection, GuardAction.Flag, DetectionSide.Input, DetectionSide.ToolResult, DetectionSide.Retrieved),
    ];

    [Fact]
    public void Clean_text_allocates_nothing_however_long_it_is()
    {
        var (small, large) = (Request(1), Request(100));
        using var session = Policy.Session(Rules);
        using var texts = JsonTextList.Rent();
        var buffer = new char[large.Length];
        Check(session, small, texts, buffer);
        Check(session, large, texts, buffer);

        Assert.Equal(0, Allocations.Of(() => Check(session, large, texts, buffer)));
    }

    [Fact]
    public void Time_grows_with_the_text_and_not_faster()
    {
        var (small, large) = (Request(16), Request(256));
        using var session = Policy.Session(Rules);
        using var texts = JsonTextList.Rent();
        var buffer = new char[large.Length];
        Best(session, small, texts, buffer, 3);

        var one = Best(session, small, texts, buffer, 20);
        var sixteen = Best(session, large, texts, buffer, 8);

        output.WriteLine(
            $"{one.TotalMicroseconds / (small.Length / 1024.0):0.0} µs/KB of a request of {small.Length} bytes, {sixteen.TotalMicroseconds / (large.Length / 1024.0):0.0} of {large.Length}");
        Assert.InRange(sixteen / one, 0, 64);
    }

    private static byte[] Request(int kilobytes)
    {
        const string Prose =
            "Could you please summarise what was said about the new warehouse, and what the next steps are for the people who plan it? ";
        var text = string.Concat(Enumerable.Repeat(Prose, (kilobytes * 1024 / Prose.Length) + 1));
        return Encoding.UTF8.GetBytes(
            $$"""{"model":"m","messages":[{"role":"system","content":"You help."},{"role":"user","content":"{{text}}"}]}""");
    }

    private static TimeSpan Best(GuardSession session, byte[] request, JsonTextList texts, char[] buffer, int rounds)
    {
        var best = TimeSpan.MaxValue;
        for (var i = 0; i < rounds; i++)
        {
            var began = Stopwatch.GetTimestamp();
            Check(session, request, texts, buffer);
            var took = Stopwatch.GetElapsedTime(began);
            best = took < best ? took : best;
        }

        return best;
    }

    private static void Check(GuardSession session, byte[] request, JsonTextList texts, char[] buffer)
    {
        texts.Clear();
        JsonTexts.OfRequest(request, texts);
        session.Restart();
        foreach (ref readonly var text in texts.Items)
        {
            var chars = JsonTextEdits.Decode(request, text, buffer);
            Assert.Null(session.Check(chars, new GuardedText(text.RequestSide, 0, text.IsTrusted)));
        }
    }
}
