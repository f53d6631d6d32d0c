using Gatehouse.Gateway.Reviews;

namespace Gatehouse.Gateway.Streaming;

/// <summary>Bytes of a provider's stream in, bytes of the client's stream out, and how far the answer has come.</summary>
/// <param name="hold">Learns from where on the client's bytes wait for a person.</param>
internal sealed class EventPump(AnswerTap tap, StreamRelay relay, IEventParser parser, StreamHold? hold = null) : IDisposable
{
    private byte[] _error = [];
    private bool _hasContent;

    /// <summary>The data of the event that made <see cref="Take"/> return <see cref="TapEvent.Error"/>.</summary>
    public ReadOnlySpan<byte> Error => _error;

    /// <param name="bytes">Empty at the end of the body.</param>
    /// <returns>
    /// <see cref="TapEvent.Preamble"/> until content came, then <see cref="TapEvent.Content"/>; <see cref="TapEvent.End"/> when the answer
    /// is complete, <see cref="TapEvent.Error"/> when the provider says that it will not be, <see cref="TapEvent.Cut"/> when it ended
    /// before.
    /// </returns>
    /// <exception cref="FormatException">Not a stream of the provider's format.</exception>
    /// <exception cref="SseEventTooLargeException">An event without end.</exception>
    public TapEvent Take(ReadOnlySpan<byte> bytes, PooledBuffer to)
    {
        if (bytes.IsEmpty)
        {
            parser.Complete();
        }
        else
        {
            parser.Append(bytes);
        }

        while (parser.TryRead(out var e))
        {
            var isError = e.Name.SequenceEqual("error"u8);
            if (e.Data.IsEmpty && !isError)
            {
                continue; // some servers send these as signs of life
            }

            var kind = isError ? TapEvent.Error : tap.Read(e.Data);
            var before = to.Length;
            switch (kind)
            {
                case TapEvent.End when !tap.IsFinished:
                    return TapEvent.Cut;
                case TapEvent.End:
                    relay.End(e, to);
                    hold?.Note(before);
                    return TapEvent.End;
                case TapEvent.Error:
                    tap.BrokeFirst = !_hasContent;
                    _error = e.Data.ToArray();
                    return TapEvent.Error;
                default:
                    Write(kind, e, before, to);
                    _hasContent |= kind == TapEvent.Content;
                    break;
            }
        }

        if (bytes.IsEmpty && !tap.IsFinished)
        {
            return TapEvent.Cut;
        }

        if (bytes.IsEmpty)
        {
            var before = to.Length;
            relay.End(default, to);
            hold?.Note(before);
            return TapEvent.End;
        }

        return _hasContent ? TapEvent.Content : TapEvent.Preamble;
    }

    private void Write(TapEvent kind, in SseEvent e, int before, PooledBuffer to)
    {
        try
        {
            relay.Write(kind, e, to);
        }
        finally
        {
            hold?.Note(before); // also when a guard ends the answer here
        }
    }

    public void Dispose() => parser.Dispose();
}
