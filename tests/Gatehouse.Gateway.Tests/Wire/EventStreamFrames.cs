using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Providers.Bedrock;

namespace Gatehouse.Gateway.Tests.Wire;

/// <summary>Writes AWS's event stream, as Bedrock does: the parser's counterpart.</summary>
internal static class EventStreamFrames
{
    /// <summary>
    /// One frame for each line; a line is the event as a union, <c>{"messageStop":{…}}</c>. Names that end in Exception become exceptions.
    /// </summary>
    public static byte[] Encode(string lines) =>
        [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).SelectMany(line =>
        {
            var e = JsonElement.Parse(line, new JsonDocumentOptions { MaxDepth = 1000 }).EnumerateObject().Single();
            var kind = e.Name.EndsWith("Exception", StringComparison.Ordinal) ? "exception" : "event";
            return Frame([(":message-type", kind), ($":{kind}-type", e.Name), (":content-type", "application/json")], e.Value.GetRawText());
        })];

    public static byte[] Frame((string Name, string Value)[] headers, string payload)
    {
        var head = new List<byte>();
        foreach (var (name, value) in headers)
        {
            var text = Encoding.UTF8.GetBytes(value);
            head.Add((byte)name.Length);
            head.AddRange(Encoding.ASCII.GetBytes(name));
            head.Add(7);
            head.AddRange([(byte)(text.Length >> 8), (byte)text.Length, .. text]);
        }

        var body = Encoding.UTF8.GetBytes(payload);
        var frame = new byte[12 + head.Count + body.Length + 4];
        BinaryPrimitives.WriteUInt32BigEndian(frame, (uint)frame.Length);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), (uint)head.Count);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(8), Crc32.Of(frame.AsSpan(0, 8)));
        head.CopyTo(frame, 12);
        body.CopyTo(frame, 12 + head.Count);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(frame.Length - 4), Crc32.Of(frame.AsSpan(0, frame.Length - 4)));
        return frame;
    }
}
