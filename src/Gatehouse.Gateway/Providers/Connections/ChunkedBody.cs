using System.Buffers.Text;

namespace Gatehouse.Gateway.Providers.Connections;

/// <summary>
/// The framing of a body in chunks, however its bytes are cut. Sizes are strict; extensions and trailers are read and forgotten.
/// </summary>
internal struct ChunkedBody
{
    private const int MaxLineBytes = 4 << 10;
    private const int MaxTrailerBytes = 16 << 10;
    private const int MaxSizeDigits = 15;

    private Part _part;
    private int _trailerBytes;

    private enum Part
    {
        Size,
        Data,
        DataEnd,
        Trailer,
        Over,
    }

    public readonly bool IsOver => _part == Part.Over;

    /// <summary>Bytes of data that come next; 0 when framing does.</summary>
    public long Data { get; private set; }

    /// <summary>Passes over framing, up to the next data or the end of the body.</summary>
    /// <returns>How many bytes were framing. Where neither data nor the end follows, more bytes are needed.</returns>
    /// <exception cref="IOException">The framing is broken: nobody can tell where the body ends.</exception>
    public int TakeFraming(ReadOnlySpan<byte> bytes)
    {
        var taken = 0;
        while (_part is not (Part.Data or Part.Over))
        {
            var rest = bytes[taken..];
            var end = rest.IndexOf((byte)'\n');
            if (end < 0 && rest.Length < (_part == Part.DataEnd ? 2 : MaxLineBytes))
            {
                break;
            }

            if (end < 1 || end >= MaxLineBytes || rest[end - 1] != '\r' || rest[..(end - 1)].Contains((byte)'\r'))
            {
                throw new IOException("A line between the chunks of the body is broken.");
            }

            taken += end + 1;
            TakeLine(rest[..(end - 1)]);
        }

        return taken;
    }

    public void TakeData(int count)
    {
        Data -= count;
        if (Data == 0)
        {
            _part = Part.DataEnd;
        }
    }

    private void TakeLine(ReadOnlySpan<byte> line)
    {
        switch (_part)
        {
            case Part.DataEnd when line.IsEmpty:
                _part = Part.Size;
                break;
            case Part.Size:
                Data = ReadSize(line);
                _part = Data > 0 ? Part.Data : Part.Trailer;
                break;
            case Part.Trailer:
                _trailerBytes += line.Length;
                if (_trailerBytes > MaxTrailerBytes)
                {
                    throw new IOException("The trailer of the body is too large.");
                }

                _part = line.IsEmpty ? Part.Over : Part.Trailer;
                break;
            default:
                throw new IOException("A chunk of the body is longer than it says.");
        }
    }

    private static long ReadSize(ReadOnlySpan<byte> line)
    {
        if (!Utf8Parser.TryParse(line, out long size, out var digits, 'x')
            || digits > MaxSizeDigits
            || size < 0
            || (digits < line.Length && line[digits] is not ((byte)';' or (byte)' ' or (byte)'\t')))
        {
            throw new IOException("The size of a chunk is no number.");
        }

        return size;
    }
}
