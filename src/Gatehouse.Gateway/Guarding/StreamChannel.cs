using System.Text;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Anonymising;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding;

/// <summary>A guard ended the answer: the session says which rule.</summary>
internal sealed class GuardBlockedException : Exception;

/// <summary>One text of a streamed answer: guarded piece by piece, pseudonyms restored behind the guard.</summary>
/// <param name="isThinking">A model's thinking: pseudonyms stay, since providers want it back as they signed it.</param>
/// <param name="transcript">Gets the text as guarded, for those who judge it whole; <see langword="null"/>: nobody does.</param>
internal sealed class StreamChannel(
    GuardSession session, DetectionSide side, int part, bool isJson, bool isThinking, AnswerTranscript? transcript = null)
{
    private readonly GuardedText _about = new(side, part, IsJson: isJson, IsThinking: isThinking);
    private readonly StreamGuard _guard = session.Stream(new GuardedText(side, part, IsJson: isJson, IsThinking: isThinking));
    private readonly PseudonymRestorer? _restorer = isThinking ? null : session.Restorer(new GuardedText(side, part, IsJson: isJson));
    private readonly StringBuilder _guarded = new();
    private readonly StringBuilder _restored = new();

    public bool Holds => _guard.Held > 0;

    /// <returns>What may go on.</returns>
    /// <exception cref="GuardBlockedException">The answer ends here.</exception>
    public string Write(ReadOnlySpan<char> piece)
    {
        if (transcript is { IsReplay: true })
        {
            return "";
        }

        _guard.Write(piece, _guarded);
        return Take(isFinal: false);
    }

    /// <exception cref="GuardBlockedException">The answer ends here.</exception>
    public string Pause()
    {
        if (transcript is { IsReplay: true })
        {
            return "";
        }

        _guard.Pause(_guarded);
        return Take(isFinal: false);
    }

    /// <exception cref="GuardBlockedException">The answer ends here.</exception>
    public string Complete()
    {
        if (transcript is { IsReplay: true })
        {
            return Replayed();
        }

        _guard.Complete(_guarded);
        return Take(isFinal: true);
    }

    private string Take(bool isFinal)
    {
        if (session.IsBlocked)
        {
            throw new GuardBlockedException();
        }

        transcript?.Append(_about, _guarded);
        if (_restorer is null)
        {
            return Emptied(_guarded);
        }

        foreach (var chunk in _guarded.GetChunks())
        {
            _restorer.Write(chunk.Span, _restored);
        }

        _guarded.Clear();
        if (isFinal)
        {
            _restorer.Complete(_restored);
        }

        return Emptied(_restored);
    }

    /// <summary>The whole text as it was decided, once.</summary>
    private string Replayed()
    {
        var text = transcript!.Take(part);
        return _restorer is null || text.Length == 0 ? text : session.Restore(text, _about);
    }

    private static string Emptied(StringBuilder builder)
    {
        if (builder.Length == 0)
        {
            return "";
        }

        var text = builder.ToString();
        builder.Clear();
        return text;
    }
}
