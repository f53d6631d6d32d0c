using System.Buffers;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Guarding;

namespace Gatehouse.Gateway.Streaming;

/// <summary>Carries the events of a provider's stream to the client. One per attempt.</summary>
internal abstract class StreamRelay
{
    /// <exception cref="FormatException">The event cannot be translated.</exception>
    public abstract void Write(TapEvent kind, in SseEvent e, IBufferWriter<byte> to);

    /// <summary>Whether text is held back that a pause of the provider would let go.</summary>
    public virtual bool Holds => false;

    /// <summary>The provider pauses: writes what was held back only in case something followed soon.</summary>
    public virtual void Pause(IBufferWriter<byte> to)
    {
    }

    /// <summary>Completes the client's stream.</summary>
    /// <param name="terminator">The provider's; its data is empty when it left it out after a complete answer.</param>
    public abstract void End(in SseEvent terminator, IBufferWriter<byte> to);
}

/// <summary>The same format on both sides: the data of each event goes on as it came.</summary>
/// <param name="wantsAccounts">The client asked for the usage event; otherwise only we did, and it must not see it.</param>
internal sealed class PassThroughRelay(Surface surface, bool wantsAccounts) : StreamRelay
{
    public override void Write(TapEvent kind, in SseEvent e, IBufferWriter<byte> to)
    {
        if (kind == TapEvent.Accounts && !wantsAccounts)
        {
            return;
        }

        if (e.Name.Length > 0)
        {
            to.Write("event: "u8);
            to.Write(e.Name);
            to.Write("\n"u8);
        }

        var rest = e.Data;
        while (true)
        {
            var end = rest.IndexOf((byte)'\n');
            to.Write("data: "u8);
            to.Write(end < 0 ? rest : rest[..end]);
            to.Write("\n"u8);
            if (end < 0)
            {
                break;
            }

            rest = rest[(end + 1)..];
        }

        to.Write("\n"u8);
    }

    public override void End(in SseEvent terminator, IBufferWriter<byte> to)
    {
        if (terminator.Data.IsEmpty)
        {
            surface.WriteTerminator(to);
        }
        else
        {
            Write(TapEvent.End, terminator, to);
        }
    }
}

/// <summary>Another format: the provider's events are read into canonical ones and written in the client's.</summary>
internal sealed class TranslatingRelay(IStreamReader reader, IStreamWriter writer) : StreamRelay
{
    private readonly List<ChatEvent> _events = [];
    private readonly GuardedReader? _guarded = reader as GuardedReader;

    public override bool Holds => _guarded is { Holds: true };

    public IStreamWriter Writer => writer;

    public override void Write(TapEvent kind, in SseEvent e, IBufferWriter<byte> to)
    {
        _events.Clear();
        reader.Read(e.Name, e.Data, _events);
        WriteEvents(to);
    }

    public override void Pause(IBufferWriter<byte> to)
    {
        _events.Clear();
        _guarded!.Pause(_events);
        WriteEvents(to);
    }

    public override void End(in SseEvent terminator, IBufferWriter<byte> to)
    {
        if (!terminator.Data.IsEmpty)
        {
            Write(TapEvent.End, terminator, to);
        }

        writer.End(to);
    }

    private void WriteEvents(IBufferWriter<byte> to)
    {
        foreach (var translated in _events)
        {
            writer.Write(translated, to);
        }
    }
}
