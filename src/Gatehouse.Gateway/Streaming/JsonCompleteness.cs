namespace Gatehouse.Gateway.Streaming;

/// <summary>Tells when pieces of text add up to one whole JSON object, after which nothing but white space may follow.</summary>
internal sealed class JsonCompleteness
{
    private int _depth;
    private bool _begun;
    private bool _inString;
    private bool _escaped;

    public bool Complete { get; private set; }

    public void Add(ReadOnlySpan<char> piece)
    {
        foreach (var c in piece)
        {
            if (Complete)
            {
                return;
            }

            if (!_begun)
            {
                _begun = !char.IsWhiteSpace(c);
                _depth = c == '{' ? 1 : 0;
            }
            else if (_inString)
            {
                _inString = _escaped || c != '"';
                _escaped = !_escaped && c == '\\';
            }
            else if (_depth > 0)
            {
                _inString = c == '"';
                _depth += c is '{' or '[' ? 1 : c is '}' or ']' ? -1 : 0;
                Complete = _depth == 0;
            }
        }
    }
}
