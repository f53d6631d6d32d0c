using System.Buffers;
using System.Text;

namespace Gatehouse.Guardrails.Policies;

/// <summary>
/// Guards a text that comes in pieces, and lets go of what is certain.
/// <list type="number">
/// <item>Detectors look each time the text has grown by <see cref="Step"/>, counted from its beginning, with <see cref="Context"/> of what
/// went before: where pieces are cut changes nothing.</item>
/// <item>What is let go ends before the last <see cref="Step"/> units, before a word, number or name that may go on, before an address,
/// image or key that is open, and before a finding that does not end there. So at most twice <see cref="Step"/> are held beyond what is
/// open.</item>
/// <item>After a pause (<see cref="Pause"/>) only what is open is held.</item>
/// <item>Nothing is open for longer than <see cref="MaxOpen"/>.</item>
/// </list>
/// </summary>
public sealed class StreamGuard : IDisposable
{
    /// <summary>UTF-16 units between two looks.</summary>
    public const int Step = 32;

    /// <summary>UTF-16 units before the held ones that detectors see.</summary>
    public const int Context = 128;

    /// <summary>Most UTF-16 units that something open may have; what is longer is judged in parts.</summary>
    public const int MaxOpen = 8192;

    /// <summary>Most UTF-16 units of a text that a person can be shown.</summary>
    private const int MaxWhole = 64 << 10;

    /// <summary>Judgements about a text as a whole are made once it is so long, or at its end.</summary>
    private const int Whole = 192;

    private readonly GuardSession _session;
    private readonly GuardedText _about;
    private readonly bool _bites;
    private readonly StringBuilder? _whole;
    private readonly List<TextEdit>? _edits; // of the whole text
    private char[] _text = ArrayPool<char>.Shared.Rent(512);
    private int _length;
    private int _released;
    private int _looked;
    private long _trimmed; // units that are no longer in the buffer
    private bool _judgedWhole;
    private bool _isEnded; // thinking, before something that a rule would replace
    private bool _wasTooLong;

    internal StreamGuard(GuardSession session, in GuardedText about)
    {
        _session = session;
        _about = about;
        _bites = session.Policy.On(about.Side).Bites;
        if (session.Policy.On(about.Side).Escalates)
        {
            (_whole, _edits) = (new StringBuilder(), []);
        }
    }

    /// <summary>UTF-16 units that are held back.</summary>
    public int Held => _bites ? _length - _released : 0;

    /// <summary>UTF-16 units that went on.</summary>
    public long Released => _trimmed + _released;

    internal GuardedText About => _about;

    /// <summary>The text as far as it was let go, as it came; <see langword="null"/> when no rule asks a person about it.</summary>
    internal string? Passed => _whole?.ToString(0, (int)Math.Min(_whole.Length, _trimmed + _released));

    /// <summary>What rules changed in <see cref="Passed"/>.</summary>
    internal IReadOnlyList<TextEdit> Edits => _edits ?? [];

    /// <summary>Appends what may go on, in order. After a block nothing does.</summary>
    public void Write(ReadOnlySpan<char> piece, StringBuilder to)
    {
        if (_whole?.Length < MaxWhole)
        {
            _whole.Append(piece);
        }

        if (!_bites)
        {
            to.Append(piece); // nothing that is found changes it: no need to wait
        }

        while (piece.Length > 0 && !_session.IsBlocked)
        {
            var taken = Math.Min(Step - (_length - _looked), piece.Length);
            Append(piece[..taken]);
            piece = piece[taken..];
            if (_length - _looked == Step)
            {
                Look(isFinal: false, margin: Step, to);
                _looked = _length;
                Trim();
            }
        }
    }

    /// <summary>Nothing came for a while: only what may become a finding is held on.</summary>
    public void Pause(StringBuilder to)
    {
        if (Held > 0 && !_session.IsBlocked)
        {
            Look(isFinal: false, margin: 0, to);
        }
    }

    /// <summary>The text is over, or something else comes between: lets go of the rest. More may follow.</summary>
    public void Complete(StringBuilder to)
    {
        if (_length > _released && !_session.IsBlocked)
        {
            Look(isFinal: true, margin: 0, to);
        }
    }

    public void Dispose()
    {
        var text = _text;
        _text = [];
        _length = _released = _looked = 0;
        if (text.Length > 0)
        {
            ArrayPool<char>.Shared.Return(text, clearArray: true);
        }
    }

    private void Look(bool isFinal, int margin, StringBuilder to)
    {
        var text = _text.AsSpan(0, _length);
        var total = _trimmed + _length;
        var wholes = !_judgedWhole && (isFinal || total >= Whole);
        _judgedWhole |= wholes;
        var any = _session.Find(text, _about, _wasTooLong ? 0 : total, wholes, _released);
        if (_session.IsBlocked)
        {
            return; // a guard failed, and the policy fails closed
        }

        var decisions = _session.Decisions;
        var safe = isFinal ? _length : OpenText.Releasable(text, _released, margin);
        var isForced = !isFinal && _length - _released > MaxOpen;
        if (isForced)
        {
            safe = _length - Step;
        }

        for (var i = decisions.Length - 1; i >= 0 && !isForced; i--)
        {
            var finding = decisions[i].Finding;
            if (finding.Start < safe && finding.End > safe && !IsAboutAll(decisions[i]))
            {
                safe = Math.Max(finding.Start, _released);
            }
        }

        if (safe < _length && safe > 0 && char.IsHighSurrogate(text[safe - 1]))
        {
            safe--;
        }

        foreach (ref readonly var decision in decisions)
        {
            if ((decision.Finding.Start >= safe && !IsAboutAll(decision)) || _session.IsBlocked)
            {
                continue;
            }

            _wasTooLong |= decision.Rule.Detector == GuardDetector.Length;
            _session.Take(
                _about, decision with { Finding =
                    decision.Finding with { Start = (int)Math.Min(int.MaxValue, _trimmed + decision.Finding.Start) } });
        }

        if (_session.IsBlocked || safe <= _released)
        {
            return;
        }

        if (_bites && !_isEnded)
        {
            if (any && _about.IsThinking)
            {
                var end = _session.FirstChange(_released);
                _isEnded = end < safe;
                to.Append(text[_released..(_isEnded ? end!.Value : safe)]);
                if (_isEnded)
                {
                    _edits?.Add(new TextEdit((int)(_trimmed + end!.Value), int.MaxValue, ""));
                }
            }
            else if (any)
            {
                to.Append(_session.Rewrite(text, _released, safe, _about.IsJson, onlyIfChanged: false, _edits, _trimmed));
            }
            else
            {
                to.Append(text[_released..safe]);
            }
        }

        _released = safe;
    }

    /// <summary>It is known whatever follows.</summary>
    private static bool IsAboutAll(in Decision decision) =>
        decision.Rule.Detector is GuardDetector.Language or GuardDetector.Length or GuardDetector.Refusal;

    private void Append(ReadOnlySpan<char> piece)
    {
        if (_text.Length - _length < piece.Length)
        {
            var larger = ArrayPool<char>.Shared.Rent(Math.Max(_text.Length * 2, _length + piece.Length));
            _text.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<char>.Shared.Return(_text, clearArray: true);
            _text = larger;
        }

        piece.CopyTo(_text.AsSpan(_length));
        _length += piece.Length;
    }

    /// <summary>Forgets what lies before the context; the context begins with a whole word where it can.</summary>
    private void Trim()
    {
        var from = _released - Context;
        if (from <= 0)
        {
            return;
        }

        while (from < _released && !char.IsWhiteSpace(_text[from - 1]) && from > _released - Context - 32 && from > 1)
        {
            from--;
        }

        if (from > 0 && char.IsLowSurrogate(_text[from]))
        {
            from--;
        }

        _text.AsSpan(from, _length - from).CopyTo(_text);
        (_length, _released, _looked, _trimmed) = (_length - from, _released - from, _looked - from, _trimmed + from);
    }
}
