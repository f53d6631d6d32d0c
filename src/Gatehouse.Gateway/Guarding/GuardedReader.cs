using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Guarding;

/// <summary>
/// Guards a stream that is translated, between the provider's format and the caller's. Held text goes out before what closes it.
/// </summary>
internal sealed class GuardedReader(IStreamReader inner, GuardSession session, AnswerTranscript? transcript = null) : IStreamReader
{
    private readonly List<(int Choice, int Index, string Name)> _tools = [];
    private readonly List<ChatEvent> _events = [];
    private readonly List<(Key Key, StreamChannel Channel)> _channels = [];

    public bool Ended => inner.Ended;

    public bool Holds => _channels.Exists(static c => c.Channel.Holds);

    /// <exception cref="FormatException">The data is not what the provider's format allows.</exception>
    /// <exception cref="GuardBlockedException">The answer ends here.</exception>
    public void Read(ReadOnlySpan<byte> eventName, ReadOnlySpan<byte> data, List<ChatEvent> into)
    {
        _events.Clear();
        inner.Read(eventName, data, _events);
        foreach (var e in _events)
        {
            switch (e)
            {
                case TextEvent text:
                    Complete(text.Choice, Kind.Thinking, into);
                    Write(new Key(text.Choice, Kind.Text, 0), text.Text, into);
                    break;
                case RefusalEvent refusal:
                    transcript?.Refuses = true;
                    Write(new Key(refusal.Choice, Kind.Refusal, 0), refusal.Text, into);
                    break;
                case ThinkingEvent thinking:
                    Complete(thinking.Choice, Kind.Text, into);
                    Write(new Key(thinking.Choice, Kind.Thinking, 0), thinking.Text, into);
                    break;
                case ThinkingSignedEvent signed:
                    Complete(signed.Choice, Kind.Thinking, into);
                    into.Add(e);
                    break;
                case ToolStartedEvent started:
                    Complete(started.Choice, Kind.Text | Kind.Refusal | Kind.Thinking, into);
                    if (transcript is not null)
                    {
                        _tools.Add((started.Choice, started.Index, started.Name));
                    }

                    into.Add(e);
                    break;
                case ToolArgumentsEvent arguments:
                    Write(new Key(arguments.Choice, Kind.Arguments, arguments.Index), arguments.Arguments, into);
                    break;
                case FinishedEvent finished:
                    Complete(finished.Choice, Kind.Text | Kind.Refusal | Kind.Thinking | Kind.Arguments, into);
                    into.Add(e);
                    break;
                default:
                    into.Add(e);
                    break;
            }
        }
    }

    /// <exception cref="GuardBlockedException">The answer ends here.</exception>
    public void Pause(List<ChatEvent> into)
    {
        foreach (var (key, channel) in _channels)
        {
            Add(key, channel.Pause(), into);
        }
    }

    private void Write(Key key, string piece, List<ChatEvent> into)
    {
        StreamChannel? channel = null;
        foreach (var (known, its) in _channels)
        {
            channel = known == key ? its : channel;
        }

        if (channel is null)
        {
            var isTool = key.Kind == Kind.Arguments;
            channel = new StreamChannel(
                session, isTool ? DetectionSide.ToolCall : DetectionSide.Output, _channels.Count, isTool, key.Kind == Kind.Thinking,
                transcript);
            if (isTool && _tools.Find(t => t.Choice == key.Choice && t.Index == key.Index).Name is { } name)
            {
                transcript?.NameTool(_channels.Count, name);
            }

            _channels.Add((key, channel));
        }

        Add(key, channel.Write(piece), into);
    }

    private void Complete(int choice, Kind which, List<ChatEvent> into)
    {
        foreach (var (key, channel) in _channels)
        {
            if (key.Choice == choice && (key.Kind & which) != 0)
            {
                Add(key, channel.Complete(), into);
            }
        }
    }

    private static void Add(Key key, string text, List<ChatEvent> into)
    {
        if (text.Length > 0)
        {
            into.Add(key.Kind switch
            {
                Kind.Text => new TextEvent(key.Choice, text),
                Kind.Refusal => new RefusalEvent(key.Choice, text),
                Kind.Thinking => new ThinkingEvent(key.Choice, text),
                _ => new ToolArgumentsEvent(key.Choice, key.Index, text),
            });
        }
    }

    private readonly record struct Key(int Choice, Kind Kind, int Index);

    [Flags]
    private enum Kind
    {
        Text = 1,
        Refusal = 2,
        Thinking = 4,
        Arguments = 8,
    }
}
