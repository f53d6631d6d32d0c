using System.Buffers.Binary;
using System.Text;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>
/// Incremental parser of <c>application/vnd.amazon.eventstream</c>. A message is: length of all, length of the headers, CRC of both,
/// headers, payload, CRC of everything before it. An event's data comes out as the union it is in AWS's own model,
/// <c>{"contentBlockDelta":{…}}</c>; an exception likewise, under the name <c>error</c>.
/// </summary>
/// <param name="maxEventBytes">Largest message, framing included. Default 16 MiB.</param>
internal sealed class EventStreamParser(int maxEventBytes = 16 << 20) : IEventParser
{
    private const int PreludeBytes = 12;
    private const int CrcBytes = 4;
    private const int MaxNameBytes = 64;

    private readonly PooledBuffer _data = new(1024);
    private GrowingBytes _input = new(4096);
    private int _start; // first byte not yet consumed
    private int _end;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        var unread = _end - _start;
        if (_start > 0 && (unread == 0 || _input.Capacity - _end < bytes.Length))
        {
            _input.Span.Slice(_start, unread).CopyTo(_input.Span);
            _start = 0;
            _end = unread;
        }

        _input.Reserve(_end, bytes.Length);
        bytes.CopyTo(_input.Span[_end..]);
        _end += bytes.Length;
    }

    public void Dispose()
    {
        _input.Dispose();
        _data.Dispose();
        _start = _end = 0;
    }

    /// <summary>What is left is a message that was cut: it never becomes an event.</summary>
    public void Complete()
    {
    }

    public bool TryRead(out SseEvent e)
    {
        while (TryTake(out var headers, out var payload))
        {
            var head = ReadHeaders(headers);
            _data.Clear();
            switch (head.MessageType)
            {
                case "event":
                    WriteUnion(head.EventType, payload);
                    e = new SseEvent(default, _data.Span);
                    return true;
                case "exception":
                    WriteUnion(head.ExceptionType, payload);
                    e = new SseEvent("error"u8, _data.Span);
                    return true;
                case "error":
                    WriteError(head);
                    e = new SseEvent("error"u8, _data.Span);
                    return true;
            }
        }

        e = default;
        return false;
    }

    private bool TryTake(out ReadOnlySpan<byte> headers, out ReadOnlySpan<byte> payload)
    {
        headers = payload = default;
        var unread = _input.Span[_start.._end];
        if (unread.Length < PreludeBytes)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt32BigEndian(unread);
        var headerLength = BinaryPrimitives.ReadUInt32BigEndian(unread[4..]);
        if (BinaryPrimitives.ReadUInt32BigEndian(unread[8..]) != Crc32.Of(unread[..8]))
        {
            throw new FormatException("the event stream's prelude does not match its checksum.");
        }

        if (length > maxEventBytes)
        {
            throw new SseEventTooLargeException(maxEventBytes);
        }

        if (length < PreludeBytes + CrcBytes || headerLength > length - PreludeBytes - CrcBytes)
        {
            throw new FormatException("the event stream's lengths contradict each other.");
        }

        if (unread.Length < length)
        {
            return false;
        }

        var message = unread[..(int)length];
        if (BinaryPrimitives.ReadUInt32BigEndian(message[^CrcBytes..]) != Crc32.Of(message[..^CrcBytes]))
        {
            throw new FormatException("a message of the event stream does not match its checksum.");
        }

        headers = message.Slice(PreludeBytes, (int)headerLength);
        payload = message[(PreludeBytes + (int)headerLength)..^CrcBytes];
        _start += message.Length;
        return true;
    }

    private static Head ReadHeaders(ReadOnlySpan<byte> bytes)
    {
        var head = default(Head);
        while (bytes.Length > 0)
        {
            var name = Take(ref bytes, Take(ref bytes, 1)[0]);
            var type = Take(ref bytes, 1)[0];
            var value = Take(ref bytes, type switch
            {
                0 or 1 => 0, // true, false
                2 => 1,
                3 => 2,
                4 => 4,
                5 or 8 => 8, // a number, a time
                6 or 7 => BinaryPrimitives.ReadUInt16BigEndian(Take(ref bytes, 2)), // bytes, text
                9 => 16,
                _ => throw new FormatException("a header of the event stream has a type that does not exist."),
            });
            if (type != 7)
            {
                continue;
            }

            if (name.SequenceEqual(":message-type"u8))
            {
                head.MessageType = Encoding.UTF8.GetString(value);
            }
            else if (name.SequenceEqual(":event-type"u8))
            {
                head.EventType = Encoding.UTF8.GetString(value);
            }
            else if (name.SequenceEqual(":exception-type"u8))
            {
                head.ExceptionType = Encoding.UTF8.GetString(value);
            }
            else if (name.SequenceEqual(":error-code"u8))
            {
                head.ErrorCode = Encoding.UTF8.GetString(value);
            }
            else if (name.SequenceEqual(":error-message"u8))
            {
                head.ErrorMessage = Encoding.UTF8.GetString(value);
            }
        }

        return head;
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> from, int length)
    {
        if (length > from.Length)
        {
            throw new FormatException("the headers of an event stream's message are cut short.");
        }

        var taken = from[..length];
        from = from[length..];
        return taken;
    }

    private void WriteUnion(string? name, ReadOnlySpan<byte> payload)
    {
        if (name is not { Length: > 0 and <= MaxNameBytes } || !name.All(char.IsAsciiLetterOrDigit))
        {
            throw new FormatException("a message of the event stream does not say what it is.");
        }

        _data.Write("{\""u8);
        Encoding.ASCII.GetBytes(name, _data);
        _data.Write("\":"u8);
        _data.Write(payload.IsEmpty ? "{}"u8 : payload);
        _data.Write("}"u8);
    }

    private void WriteError(in Head head)
    {
        using var json = JsonOut.Begin(_data);
        json.WriteStartObject();
        json.WriteStartObject(head.ErrorCode is { Length: > 0 } code ? code : "error");
        json.WriteString("message", head.ErrorMessage ?? "");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private record struct Head(string? MessageType, string? EventType, string? ExceptionType, string? ErrorCode, string? ErrorMessage);
}
