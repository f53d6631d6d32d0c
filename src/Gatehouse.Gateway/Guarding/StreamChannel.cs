using System.Text;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Anonymising;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding;

/// <summary>A guard ended the answer: the session says which rule.</summary>
internal sealed class GuardBlockedException : Exception;

/// <summary>One text of a streamed answer: guarded piece by piece, pseudonyms restored behind the guard.</summary>
/// <param name="isThinking">A model's thinking: pseudonyms stay, since providers want it back as they signed it.</param>
internal sealed class StreamChannel(GuardSession session, DetectionSide side, int part, bool isJson, bool isThinking)
{
    private readonly StreamGuard _guard = session.Stream(new GuardedText(side, part, IsJson: isJson));
    private readonly PseudonymRestorer? _restorer = isThinking ? null : session.Restorer(isJson);
    private readonly StringBuilder _guarded = new();
    private readonly StringBuilder _restored = new();

    public bool Holds => _guard.Held > 0;

    /// <returns>What may go on.</returns>
    /// <exception cref="GuardBlockedException">The answer ends here.</exception>
    public string Write(ReadOnlySpan<char> piece)
    {
        _guard.Write(piece, _guarded);
        return Take(isFinal: false);
    }

    /// <exception cref="GuardBlockedException">The answer ends here.</exception>
    public string Pause()
    {
        _guard.Pause(_guarded);
        return Take(isFinal: false);
    }

    /// <exception cref="GuardBlockedException">The answer ends here.</exception>
    public string Complete()
    {
        _guard.Complete(_guarded);
        return Take(isFinal: true);
    }

    private string Take(bool isFinal)
    {
        if (session.IsBlocked)
        {
            throw new GuardBlockedException();
        }

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
