using System.Text;
using Gatehouse.Contracts;

namespace Gatehouse.Guardrails.Policies;

/// <summary>
/// What a person is to be asked about one side of a call: the rules that ask, and the texts with the findings marked. It holds text, which
/// goes to the review and nowhere else. What rules take out of the text is not shown to the person either. Made with the first finding that
/// asks; one thread at a time.
/// </summary>
internal sealed class Question
{
    private const int MaxPlaces = 200;
    private const int MaxTexts = 20;

    /// <summary>UTF-16 units of a text that are kept, and shown around its marks when it is longer.</summary>
    private const int MaxChars = 8_000;
    private const int CharsAround = 1_500;

    private readonly List<(GuardedText About, Decision Decision)> _places = [];
    private readonly List<(GuardedText About, string Text)> _texts = [];
    private bool _isPartial; // more was found than is kept

    /// <summary>The first rule that lets the call wait.</summary>
    public GuardRule? HeldBy { get; private set; }

    /// <summary>The first rule that asks afterwards.</summary>
    public GuardRule? AskedBy { get; private set; }

    /// <summary>An attempt at an answer begins: what an earlier one held is gone, and what was decided about the request is over.</summary>
    public void BeginAnswer()
    {
        HeldBy = null;
        _places.RemoveAll(p => IsOver(p.About, p.Decision));
        _texts.RemoveAll(t => IsAnswer(t.About) || !_places.Exists(p => p.About == t.About));
    }

    public void Take(in GuardedText about, in Decision decision)
    {
        if (_places.Count < MaxPlaces)
        {
            _places.Add((about, decision));
        }
        else
        {
            _isPartial = true;
        }

        if (decision.Effect == GuardAction.Escalate && decision.Rule.Escalation.Mode == EscalationMode.Hold)
        {
            HeldBy ??= decision.Rule;
        }
        else if (decision.Effect == GuardAction.Escalate)
        {
            AskedBy ??= decision.Rule;
        }
    }

    /// <summary>Keeps a text that a rule asks about.</summary>
    public void Keep(in GuardedText about, ReadOnlySpan<char> text)
    {
        var known = about;
        if (_texts.Exists(t => t.About == known))
        {
            return;
        }

        if (_texts.Count < MaxTexts)
        {
            _texts.Add((about, text.ToString()));
        }
        else
        {
            _isPartial = true;
        }
    }

    /// <param name="streams">Texts that came in pieces.</param>
    public List<ReviewText> Texts(IEnumerable<(GuardedText About, string Text)> streams)
    {
        var shown = new List<ReviewText>();
        foreach (var (about, text) in _texts.Concat(streams))
        {
            var places = _places.FindAll(p => p.About.Side == about.Side && p.About.Part == about.Part);
            if (places.Exists(p => p.Decision.Effect == GuardAction.Escalate))
            {
                var one = Show(about, text, places);
                shown.Add(_isPartial ? one with { IsCut = true } : one);
            }
        }

        return shown;
    }

    private static bool IsOver(in GuardedText about, in Decision decision) =>
        IsAnswer(about) || (decision.Effect == GuardAction.Escalate && decision.Rule.Escalation.Mode == EscalationMode.Hold);

    private static bool IsAnswer(in GuardedText about) => about.Side is DetectionSide.Output or DetectionSide.ToolCall;

    /// <summary>What others take out becomes its type; the rest stays, and what asks is marked.</summary>
    private static ReviewText Show(in GuardedText about, string text, List<(GuardedText About, Decision Decision)> places)
    {
        places.Sort(static (a, b) => a.Decision.Finding.Start.CompareTo(b.Decision.Finding.Start));
        var shown = new StringBuilder();
        var marks = new List<ReviewMark>();
        var at = 0;
        foreach (var (_, decision) in places)
        {
            var (start, end) = (decision.Finding.Start, Math.Min(decision.Finding.End, text.Length));
            if (start < at || end <= start)
            {
                continue;
            }

            shown.Append(text, at, start - at);
            var from = shown.Length;
            if (decision.Effect == GuardAction.Escalate)
            {
                shown.Append(text, start, end - start);
                marks.Add(new ReviewMark(
                    from, end - start, decision.Finding.Type, decision.Rule.Name, Math.Round(decision.Finding.Score, 3)));
            }
            else
            {
                shown.Append('[').Append(decision.Finding.Type).Append(']');
            }

            at = end;
        }

        shown.Append(text, at, text.Length - at);
        return Cut(GuardLog.NameOf(about.Side), shown.ToString(), marks);
    }

    private static ReviewText Cut(string side, string text, List<ReviewMark> marks)
    {
        if (text.Length <= MaxChars)
        {
            return new ReviewText(side, text, marks, IsContext: false, IsCut: false);
        }

        var from = Math.Max(0, (marks.Count > 0 ? marks[0].Start : 0) - CharsAround);
        from -= from > 0 && char.IsLowSurrogate(text[from]) ? 1 : 0;
        var until = Math.Min(text.Length, from + MaxChars);
        until -= until < text.Length && char.IsLowSurrogate(text[until]) ? 1 : 0;
        return new ReviewText(
            side, text[from..until], [.. marks.Where(m => m.Start + m.Length <= until).Select(m => m with { Start = m.Start - from })],
            IsContext: false, IsCut: true);
    }
}
