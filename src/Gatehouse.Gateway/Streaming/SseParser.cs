namespace Gatehouse.Gateway.Streaming;

/// <summary>An event was larger than the parser's limit.</summary>
internal sealed class SseEventTooLargeException(int maxEventBytes)
    : Exception($"A server-sent event is larger than {maxEventBytes} bytes.");

/// <summary>One event; its spans are valid until the next call of the parser.</summary>
/// <param name="name">Empty when the event has no name.</param>
/// <param name="data">The data lines, joined by LF.</param>
internal readonly ref struct SseEvent(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
{
    public ReadOnlySpan<byte> Name { get; } = name;

    public ReadOnlySpan<byte> Data { get; } = data;
}

/// <summary>
/// Incremental parser of server-sent events: lines end in LF, CR or CRLF, a byte order mark and comments are skipped, several data
/// lines are joined. Bytes may be cut anywhere. Its buffers grow to the largest event and are reused.
/// </summary>
/// <remarks>
/// Feed with <see cref="Append"/>, then call <see cref="TryRead"/> until it returns false. Not thread-safe. Disposing gives the buffers
/// back: events are not to be touched afterwards.
/// </remarks>
/// <param name="maxEventBytes">Largest event, field names included. Default 16 MiB.</param>
internal sealed class SseParser(int maxEventBytes = 16 << 20) : IEventParser
{
    private const int BufferBytes = 4096;

    private GrowingBytes _input = new(BufferBytes);
    private int _start;   // first byte not yet consumed
    private int _scanned; // bytes from _start on that hold no line end
    private int _end;

    private GrowingBytes _data = new(BufferBytes);
    private int _dataLength;
    private GrowingBytes _name = new(32);
    private int _nameLength;
    private bool _hasData;
    private bool _dispatched;
    private bool _skipLineFeed;
    private bool _atStart = true;

    /// <summary>Adds bytes of the body. Invalidates spans of the last event.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        var unread = _end - _start;
        if (_start > 0 && (_start == _end || _input.Capacity - _end < bytes.Length))
        {
            _input.Span.Slice(_start, unread).CopyTo(_input.Span);
            _start = 0;
            _end = unread;
        }

        _input.Reserve(_end, bytes.Length);
        bytes.CopyTo(_input.Span[_end..]);
        _end += bytes.Length;
    }

    /// <summary>The body ended: an event without its closing blank line counts as complete, as the official SDKs take it.</summary>
    public void Complete() => Append("\n\n"u8);

    /// <returns><see langword="false"/> when the next event is not complete yet.</returns>
    /// <exception cref="SseEventTooLargeException">The event is larger than the limit.</exception>
    public bool TryRead(out SseEvent e)
    {
        if (_dispatched)
        {
            _dispatched = false;
            _hasData = false;
            _dataLength = 0;
            _nameLength = 0;
        }

        if (!_atStart || SkipByteOrderMark())
        {
            while (TryReadLine(out var line))
            {
                if (line.Length > 0)
                {
                    ReadField(line);
                }
                else if (_hasData)
                {
                    _dispatched = true;
                    e = new SseEvent(_name.Span[.._nameLength], _data.Span[.._dataLength]);
                    return true;
                }
                else
                {
                    _nameLength = 0;
                }
            }
        }

        if (_end - _start + _dataLength > maxEventBytes)
        {
            throw new SseEventTooLargeException(maxEventBytes);
        }

        e = default;
        return false;
    }

    public void Dispose()
    {
        _input.Dispose();
        _data.Dispose();
        _name.Dispose();
        _start = _end = _scanned = 0;
    }

    /// <returns><see langword="false"/> when more bytes are needed to tell.</returns>
    private bool SkipByteOrderMark()
    {
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        var unread = _input.Span[_start.._end];
        if (unread.Length < mark.Length && mark.StartsWith(unread))
        {
            return false;
        }

        if (unread.StartsWith(mark))
        {
            _start += mark.Length;
        }

        _atStart = false;
        return true;
    }

    private bool TryReadLine(out ReadOnlySpan<byte> line)
    {
        if (_skipLineFeed && _start < _end)
        {
            _skipLineFeed = false;
            if (_input.Span[_start] == '\n')
            {
                _start++;
            }
        }

        var unread = _input.Span[_start.._end];
        var length = unread[_scanned..].IndexOfAny((byte)'\r', (byte)'\n');
        if (length < 0)
        {
            _scanned = unread.Length;
            line = default;
            return false;
        }

        length += _scanned;
        _scanned = 0;
        _skipLineFeed = unread[length] == '\r';
        _start += length + 1;
        line = unread[..length];
        return true;
    }

    private void ReadField(ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        var field = colon < 0 ? line : line[..colon];
        var value = colon < 0 ? default : line[(colon + 1)..];
        if (value.Length > 0 && value[0] == ' ')
        {
            value = value[1..];
        }

        if (field.SequenceEqual("data"u8))
        {
            if (_dataLength + value.Length >= maxEventBytes)
            {
                throw new SseEventTooLargeException(maxEventBytes);
            }

            _data.Reserve(_dataLength, value.Length + 1);
            if (_hasData)
            {
                _data.Span[_dataLength++] = (byte)'\n';
            }

            value.CopyTo(_data.Span[_dataLength..]);
            _dataLength += value.Length;
            _hasData = true;
        }
        else if (field.SequenceEqual("event"u8))
        {
            _name.Reserve(0, value.Length);
            value.CopyTo(_name.Span);
            _nameLength = value.Length;
        }
    }
}
