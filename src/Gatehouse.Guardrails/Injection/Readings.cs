using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Injection;

/// <summary>Another text that a model may read in a text: folded, decoded, or carried by characters that nobody sees.</summary>
/// <param name="Rule">How it was hidden.</param>
/// <param name="Start">Where its carrier begins, in UTF-16 units of the text.</param>
/// <param name="Length">Of its carrier.</param>
/// <param name="Text">What it reads as.</param>
public sealed record Reading(string Rule, int Start, int Length, string Text);

/// <summary>What the injection detector reads in a text besides its surface: for people who want to see why it was found.</summary>
public static class Readings
{
    /// <returns>In the order of the text; empty for plain text without a disguise.</returns>
    public static IReadOnlyList<Reading> Of(string text)
    {
        if (CanonicalText.IsPlain(text))
        {
            return [.. Disguised(text).OrderBy(r => r.Start)];
        }

        using var canonical = CanonicalText.Rent();
        canonical.Read(text);
        List<Reading> readings = [];
        foreach (var hidden in canonical.Hidden)
        {
            var carried = canonical.HiddenChars.Slice(hidden.Start, hidden.Length).ToString();
            readings.Add(new Reading("injection.hidden.invisible", hidden.CarrierStart, hidden.CarrierLength, carried));
        }

        var folded = canonical.Chars.ToString();
        if (canonical.Disguised + canonical.Invisible > 0)
        {
            readings.Add(new Reading("injection.folded", 0, text.Length, folded));
        }

        foreach (var inner in Disguised(folded))
        {
            var start = canonical.ToOriginal(inner.Start);
            readings.Add(inner with { Start = start, Length = canonical.ToOriginal(inner.Start + inner.Length) - start });
        }

        return [.. readings.OrderBy(r => r.Start)];
    }

    private static List<Reading> Disguised(string text)
    {
        var model = InjectionModel.Default;
        var sink = new InjectionReading(model, untrusted: false);
        var counts = SignalScanner.Scan(text, model.Words.Words, ref sink);
        List<Reading> readings = [];
        if (Disguises.Suspects(counts, text))
        {
            using var found = Unmaskings.Rent();
            Disguises.Find(text, counts, model.Words, found);
            for (var i = 0; i < found.Count; i++)
            {
                readings.Add(new Reading(found[i].Rule, found[i].Start, found[i].Length, found.TextOf(found[i]).ToString()));
            }
        }

        return readings;
    }
}
