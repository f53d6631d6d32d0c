using System.Buffers;
using System.Text;

namespace Gatehouse.Gateway.Providers.Connections;

/// <summary>What tells the end of an answer's body.</summary>
internal enum BodyEnd
{
    Length,
    Chunks,

    /// <summary>The end of the connection.</summary>
    Close,
}

/// <summary>
/// Reads the head of an HTTP/1.1 answer, however its bytes are cut. Strict, because an answer whose end is in doubt would become a part of
/// the next one's: lines end in CRLF, no line is folded, names are tokens, values hold no control characters, and the length of the body is
/// said once.
/// </summary>
internal struct AnswerHead
{
    public const int MaxBytes = 64 << 10;

    private const int StatusLineBytes = 12; // HTTP/1.1 200

    private static readonly SearchValues<byte> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    private static readonly SearchValues<byte> Control =
        SearchValues.Create(
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127]);

    private int _line; // where the line begins that is not read yet
    private int _scanned; // no line end before it
    private bool _begun;
    private bool _isHttp10;
    private bool _closes;
    private bool _keeps;
    private bool _chunked;
    private long _length = -1;

    public AnswerHead()
    {
    }

    public int Status { get; private set; }

    public BodyEnd End { get; private set; }

    /// <summary>Of the body, where <see cref="End"/> is <see cref="BodyEnd.Length"/>.</summary>
    public readonly long Length => Math.Max(0, _length);

    /// <summary>Whether the connection may carry another exchange when the body has ended.</summary>
    public bool KeepsAlive { get; private set; }

    /// <summary>Where the first header begins.</summary>
    public int FieldsStart { get; private set; }

    /// <summary>Length of the whole head, the empty line included.</summary>
    public readonly int Bytes => _line;

    /// <param name="bytes">Everything since the answer's first byte.</param>
    /// <returns><see langword="false"/> when more bytes are needed.</returns>
    /// <exception cref="FormatException">Not an answer that we take.</exception>
    public bool TryRead(ReadOnlySpan<byte> bytes)
    {
        while (true)
        {
            var end = bytes[_scanned..].IndexOf((byte)'\n');
            var next = end < 0 ? bytes.Length : _scanned + end + 1;
            if (next > MaxBytes || (end < 0 && next == MaxBytes))
            {
                throw new FormatException("The head is too large.");
            }

            _scanned = next;
            if (end < 0)
            {
                CheckBeginning(bytes);
                return false;
            }

            var line = bytes[_line..(next - 1)];
            if (line.IsEmpty || line[^1] != '\r')
            {
                throw new FormatException("A line of the head does not end in CRLF.");
            }

            line = line[..^1];
            _line = next;
            if (!_begun)
            {
                ReadStatus(line);
                FieldsStart = next;
                _begun = true;
            }
            else if (line.IsEmpty)
            {
                Conclude();
                return true;
            }
            else
            {
                ReadField(line);
            }
        }
    }

    /// <summary>Finds the next header of a head that has been read.</summary>
    /// <param name="fields">From <see cref="FieldsStart"/>, or from where the last one ended.</param>
    public static bool TryNext(ref ReadOnlySpan<byte> fields, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        var end = fields.IndexOf("\r\n"u8);
        if (end <= 0)
        {
            name = value = default;
            return false;
        }

        var line = fields[..end];
        fields = fields[(end + 2)..];
        var colon = line.IndexOf((byte)':');
        name = line[..colon];
        value = line[(colon + 1)..].Trim(" \t"u8);
        return true;
    }

    /// <summary>A peer that speaks something else is told at once, not when it falls silent.</summary>
    private readonly void CheckBeginning(ReadOnlySpan<byte> bytes)
    {
        var beginning = "HTTP/1."u8;
        if (!_begun && !bytes[..Math.Min(bytes.Length, beginning.Length)].SequenceEqual(
            beginning[..Math.Min(bytes.Length, beginning.Length)]))
        {
            throw new FormatException("The answer does not begin as HTTP/1.1 does.");
        }
    }

    private void ReadStatus(ReadOnlySpan<byte> line)
    {
        var version = line.Length < StatusLineBytes ? default : line[..9];
        _isHttp10 = version.SequenceEqual("HTTP/1.0 "u8);
        if ((!_isHttp10 && !version.SequenceEqual("HTTP/1.1 "u8))
            || !TryReadDigits(line[9..StatusLineBytes], out var status)
            || status < 100
            || (line.Length > StatusLineBytes && line[StatusLineBytes] != ' ')
            || line.ContainsAny(Control))
        {
            throw new FormatException("The status line is not one of HTTP/1.1.");
        }

        Status = (int)status;
    }

    private void ReadField(ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        if (colon <= 0 || line[..colon].ContainsAnyExcept(Token) || line.ContainsAny(Control))
        {
            throw new FormatException("A line of the head is no header.");
        }

        var value = line[(colon + 1)..].Trim(" \t"u8);
        switch (colon)
        {
            case 10 when Ascii.EqualsIgnoreCase(line[..colon], "connection"u8):
                ReadConnection(value);
                break;
            case 14 when Ascii.EqualsIgnoreCase(line[..colon], "content-length"u8):
                if (!TryReadDigits(value, out var length) || (_length >= 0 && _length != length))
                {
                    throw new FormatException("The length of the body is no number, or said twice.");
                }

                _length = length;
                break;
            case 17 when Ascii.EqualsIgnoreCase(line[..colon], "transfer-encoding"u8):
                if (_chunked || _isHttp10 || !Ascii.EqualsIgnoreCase(value, "chunked"u8))
                {
                    throw new FormatException("The body is encoded in a way that we did not ask for.");
                }

                _chunked = true;
                break;
        }
    }

    private void ReadConnection(ReadOnlySpan<byte> value)
    {
        foreach (var range in value.Split((byte)','))
        {
            var token = value[range].Trim(" \t"u8);
            _closes |= Ascii.EqualsIgnoreCase(token, "close"u8);
            _keeps |= Ascii.EqualsIgnoreCase(token, "keep-alive"u8);
        }
    }

    private void Conclude()
    {
        if (_chunked && _length >= 0)
        {
            throw new FormatException("The head gives the body both a length and chunks.");
        }

        if (Status is 204 or 304 or < 200)
        {
            _length = 0;
            _chunked = false;
        }

        End = _chunked ? BodyEnd.Chunks : _length >= 0 ? BodyEnd.Length : BodyEnd.Close;
        KeepsAlive = !_closes && End != BodyEnd.Close && (!_isHttp10 || _keeps);
    }

    private static bool TryReadDigits(ReadOnlySpan<byte> text, out long number)
    {
        number = 0;
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit((char)c))
            {
                return false;
            }

            number = (number * 10) + (c - '0');
        }

        return text.Length is > 0 and <= 18; // below 2^63
    }
}
