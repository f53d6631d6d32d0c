using System.Buffers;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Generate;

/// <summary>What stands around the pieces of a stream: server-sent events, or the items of one JSON array.</summary>
/// <param name="begun">Whether an item has gone out before.</param>
internal sealed class GenerateFrames(bool asArray, bool begun = false)
{
    private bool _begun = begun;

    public void Open(IBufferWriter<byte> to)
    {
        to.Write(!asArray ? "data: "u8 : _begun ? ",\r\n"u8 : "["u8);
        _begun = true;
    }

    public void Close(IBufferWriter<byte> to) => to.Write(asArray ? default : "\n\n"u8);

    public void End(IBufferWriter<byte> to) => to.Write(!asArray ? default : _begun ? "]"u8 : "[]"u8);
}

/// <summary>A provider's events passed on as the items of an array.</summary>
internal sealed class GenerateArrayRelay(GenerateFrames frames) : StreamRelay
{
    public override void Write(TapEvent kind, in SseEvent e, IBufferWriter<byte> to)
    {
        frames.Open(to);
        to.Write(e.Data);
        frames.Close(to);
    }

    public override void End(in SseEvent terminator, IBufferWriter<byte> to) => frames.End(to);
}
