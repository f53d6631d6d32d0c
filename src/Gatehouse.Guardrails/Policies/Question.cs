using System.Text;
using Gatehouse.Contracts;

namespace Gatehouse.Guardrails.Policies;

/// <summary>A place of a text, in UTF-16 units, and what it became.</summary>
internal readonly record struct TextEdit(int Start, int End, string Value)
{
    /// <summary>The text with its edits, which are in order and do not overlap; those behind its end are none.</summary>
    public static string Apply(string text, IReadOnlyList<TextEdit> edits)
    {
        var edited = new StringBuilder(text.Length);
        var at = 0;
        foreach (var edit in edits)
        {
            if (edit.Start >= text.Length)
            {
                break;
            }

            edited.Append(text, at, edit.Start - at).Append(edit.Value);
            at = Math.Min(edit.End, text.Length);
        }

        return edited.Append(text, at, text.Length - at).ToString();
    }

    /// <summary>Where a finding is when the text has been edited: what was replaced in part is found in the whole replacement.</summary>
    public static Finding Move(in Finding finding, IReadOnlyList<TextEdit> edits)
    {
        var start = Moved(finding.Start, isEnd: false, edits);
        return finding with { Start = start, Length = Math.Max(0, Moved(finding.End, isEnd: true, edits) - start) };
    }

    /// <summary>The one edit that makes a text out of another.</summary>
    public static TextEdit Between(ReadOnlySpan<char> text, ReadOnlySpan<char> other)
    {
        var before = text.CommonPrefixLength(other);
        var after = 0;
        while (after < Math.Min(text.Length, other.Length) - before && text[^(after + 1)] == other[^(after + 1)])
        {
            after++;
        }

        return new TextEdit(before, text.Length - after, other[before..(other.Length - after)].ToString());
    }

    private static int Moved(int place, bool isEnd, IReadOnlyList<TextEdit> edits)
    {
        var by = 0;
        foreach (var edit in edits)
        {
            if (edit.Start >= place)
            {
                break;
            }

            if (edit.End > place)
            {
                return edit.Start + by + (isEnd ? edit.Value.Length : 0);
            }

            by += edit.Value.Length - (edit.End - edit.Start);
        }

        return place + by;
    }
}

/// <summary>
/// What a person is to be asked about one side of a call: the rules that ask, and the texts with the findings marked. It holds text, which
/// goes to the review and nowhere else. Made with the first finding that asks; one thread at a time.
/// <list type="number">
/// <item>A text is kept as all rules left it so far (<see cref="Renew"/>): the person reads what the provider or the client would.</item>
/// <item>A place is one of the text as it is kept: it moves when the text changes.</item>
/// </list>
/// </summary>
internal sealed class Question
{
    private const int MaxPlaces = 200;

    /// <summary>Of a request, and as many of an answer: what it asked leaves room for what was answered.</summary>
    private const int MaxTexts = 20;

    /// <summary>UTF-16 units of a text that are kept, and shown around its marks when it is longer.</summary>
    private const int MaxChars = 8_000;
    private const int CharsAround = 1_500;

    private readonly List<(GuardedText About, Decision Decision)> _places = [];
    private readonly List<(GuardedText About, string Text)> _texts = [];
    private readonly HashSet<GuardedText> _beyond = []; // there was no room to keep them
    private bool _isPartial; // more was found than is kept

    /// <summary>The first rule that lets the call wait.</summary>
    public GuardRule? HeldBy { get; private set; }

    /// <summary>The first rule that asks afterwards.</summary>
    public GuardRule? AskedBy { get; private set; }

    /// <summary>An attempt at an answer begins: what an earlier one held is gone, and what was decided about the request is over.</summary>
    public void BeginAnswer()
    {
        HeldBy = null;
        _places.RemoveAll(p => IsAnswer(p.About) || p.Decision.Rule.Escalation.Mode == EscalationMode.Hold);
        _texts.RemoveAll(t => IsAnswer(t.About) || !_places.Exists(p => p.About == t.About));
        _beyond.Clear();
    }

    /// <summary>A rule asks.</summary>
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

        if (decision.Rule.Escalation.Mode == EscalationMode.Hold)
        {
            HeldBy ??= decision.Rule;
        }
        else
        {
            AskedBy ??= decision.Rule;
        }
    }

    /// <summary>Keeps a text that a rule asks about.</summary>
    public void Keep(in GuardedText about, ReadOnlySpan<char> text)
    {
        if (Index(about) >= 0)
        {
            return;
        }

        var isAnswer = IsAnswer(about);
        if (_texts.Count(t => IsAnswer(t.About) == isAnswer) < MaxTexts)
        {
            _texts.Add((about, text.ToString()));
        }
        else
        {
            _isPartial = true;
            _beyond.Add(about);
        }
    }

    /// <summary>A text has become another one.</summary>
    /// <param name="edits">How; <see langword="null"/>: nobody knows, so what lies where the two differ is found in all of that.</param>
    public void Renew(in GuardedText about, ReadOnlySpan<char> text, IReadOnlyList<TextEdit>? edits)
    {
        var index = Index(about);
        if (index < 0 || text.SequenceEqual(_texts[index].Text))
        {
            return; // what was not kept is not shown as it becomes
        }

        edits ??= [TextEdit.Between(_texts[index].Text, text)];
        _texts[index] = (about, text.ToString());
        for (var i = 0; i < _places.Count; i++)
        {
            var (at, decision) = _places[i];
            if (at.Side == about.Side && at.Part == about.Part)
            {
                _places[i] = (at, decision with { Finding = TextEdit.Move(decision.Finding, edits) });
            }
        }
    }

    /// <param name="streams">Texts that came in pieces, as far as they were let go, and what rules changed in them.</param>
    public List<ReviewText> Texts(IEnumerable<StreamGuard> streams)
    {
        var shown = new List<ReviewText>();
        foreach (var (about, text) in _texts)
        {
            Show(about, text, PlacesIn(about), shown);
        }

        foreach (var stream in streams)
        {
            // Where others were asked, what they left would be shown, and that was not kept.
            if (stream.Passed is { Length: > 0 } passed && Index(stream.About) < 0 && !_beyond.Contains(stream.About))
            {
                var places = PlacesIn(stream.About).ConvertAll(p => p with { Finding = TextEdit.Move(p.Finding, stream.Edits) });
                Show(stream.About, TextEdit.Apply(passed, stream.Edits), places, shown);
            }
        }

        return shown;
    }

    public bool Keeps(in GuardedText about) => Index(about) >= 0;

    private static bool IsAnswer(in GuardedText about) => about.Side is DetectionSide.Output or DetectionSide.ToolCall;

    private int Index(GuardedText about) => _texts.FindIndex(t => t.About == about);

    private List<Decision> PlacesIn(GuardedText about) =>
        [.. _places.Where(p => p.About.Side == about.Side && p.About.Part == about.Part).Select(p => p.Decision)
            .OrderBy(d => d.Finding.Start)];

    private void Show(in GuardedText about, string text, List<Decision> places, List<ReviewText> shown)
    {
        if (places.Count == 0)
        {
            return;
        }

        var marks = new List<ReviewMark>();
        var at = 0;
        foreach (var (finding, rule, _, _, _) in places)
        {
            var end = Math.Min(finding.End, text.Length);
            if (finding.Start >= at && end > finding.Start)
            {
                marks.Add(new ReviewMark(finding.Start, end - finding.Start, finding.Type, rule.Name, Math.Round(finding.Score, 3)));
                at = end;
            }
        }

        var one = Cut(GuardLog.NameOf(about.Side), text, marks);
        shown.Add(_isPartial ? one with { IsCut = true } : one);
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
