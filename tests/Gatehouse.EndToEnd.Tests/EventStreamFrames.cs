using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Writes AWS's event stream, as Bedrock does.</summary>
internal static class EventStreamFrames
{
    /// <summary>
    /// One frame for each line; a line is the event as a union, <c>{"messageStop":{…}}</c>. Names that end in Exception become exceptions.
    /// </summary>
    public static byte[] Encode(string lines) =>
        [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).SelectMany(line =>
        {
            var e = JsonElement.Parse(line).EnumerateObject().Single();
            var kind = e.Name.EndsWith("Exception", StringComparison.Ordinal) ? "exception" : "event";
            return Frame([(":message-type", kind), ($":{kind}-type", e.Name), (":content-type", "application/json")], e.Value.GetRawText());
        })];

    private static byte[] Frame((string Name, string Value)[] headers, string payload)
    {
        var head = new List<byte>();
        foreach (var (name, value) in headers)
        {
            head.AddRange(
                [(byte)name.Length, .. Encoding.ASCII.GetBytes(name), 7, 0, (byte)value.Length, .. Encoding.ASCII.GetBytes(value)]);
        }

        var body = Encoding.UTF8.GetBytes(payload);
        var frame = new byte[12 + head.Count + body.Length + 4];
        BinaryPrimitives.WriteUInt32BigEndian(frame, (uint)frame.Length);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), (uint)head.Count);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(8), Crc32(frame.AsSpan(0, 8)));
        head.CopyTo(frame, 12);
        body.CopyTo(frame, 12 + head.Count);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(frame.Length - 4), Crc32(frame.AsSpan(0, frame.Length - 4)));
        return frame;
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (0xEDB88320 & (uint)-(int)(crc & 1));
            }
        }

        return ~crc;
    }
}
