using System.Text;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Conversation;

/// <summary>
/// A schema for the answer at models that enforce none: a tool that takes the answer as its input, and that the model must call. What
/// the tool gets becomes the answer's text again, so the caller sees no tool.
/// </summary>
internal static class SchemaTool
{
    public const string Name = "gatehouse_answer";

    public static ChatTool Of(ResponseFormat format) => new(
        ToolKind.Function,
        Name,
        format.Description is { } about
            ? $"Gives the final answer. {about}"
            : "Gives the final answer to the user, in the form that was asked for.",
        format.Schema);

    /// <summary>Tools take objects; and a caller who already forces a tool has decided what comes.</summary>
    public static bool Fits(ChatRequest r) =>
        r.ResponseFormat?.Schema is { } schema && WireJson.StringOrNull(schema, "type") == "object"
        && r.ToolChoice?.Mode is null or ToolChoiceMode.Auto or ToolChoiceMode.None;

    public static void Unwrap(ChatAnswer answer)
    {
        foreach (var choice in answer.Choices)
        {
            if (choice.Parts.Find(p => p is ToolCallPart { Name: Name }) is not ToolCallPart call)
            {
                continue;
            }

            choice.Parts.RemoveAll(p => p is TextPart or ToolCallPart { Name: Name });
            choice.Parts.Add(new TextPart(call.Arguments));
            if (choice.Finish == FinishReason.ToolCalls && !choice.Parts.Exists(p => p is ToolCallPart))
            {
                choice.Finish = FinishReason.Stop;
            }
        }
    }
}

/// <summary>
/// Undoes <see cref="SchemaTool"/> in a stream. Text waits until it is known whether the tool is called: if it is, the text was only a
/// preface, and the answer would be no JSON with it.
/// </summary>
internal sealed class SchemaToolReader(IStreamReader inner) : IStreamReader
{
    private readonly List<ChatEvent> _events = [];
    private readonly StringBuilder _preface = new();
    private int _answer = -1; // index of the call that is the answer
    private int _calls;

    public bool Ended => inner.Ended;

    public void Read(ReadOnlySpan<byte> eventName, ReadOnlySpan<byte> data, List<ChatEvent> into)
    {
        _events.Clear();
        inner.Read(eventName, data, _events);
        foreach (var e in _events)
        {
            switch (e)
            {
                case TextEvent text:
                    _preface.Append(text.Text);
                    break;
                case ToolStartedEvent { Name: SchemaTool.Name } tool when _answer < 0:
                    _answer = tool.Index;
                    break;
                case ToolArgumentsEvent arguments when arguments.Index == _answer:
                    into.Add(new TextEvent(arguments.Choice, arguments.Arguments));
                    break;
                case ToolStartedEvent tool:
                    _calls++;
                    into.Add(tool with { Index = Shifted(tool.Index) });
                    break;
                case ToolArgumentsEvent arguments:
                    into.Add(arguments with { Index = Shifted(arguments.Index) });
                    break;
                case FinishedEvent finished:
                    Finish(finished, into);
                    break;
                default:
                    into.Add(e);
                    break;
            }
        }
    }

    /// <summary>Indexes of a client's calls have no gap.</summary>
    private int Shifted(int index) => _answer >= 0 && index > _answer ? index - 1 : index;

    private void Finish(FinishedEvent finished, List<ChatEvent> into)
    {
        if (_answer < 0 && _preface.Length > 0)
        {
            into.Add(new TextEvent(finished.Choice, _preface.ToString()));
        }

        into.Add(_answer >= 0 && _calls == 0 && finished.Reason == FinishReason.ToolCalls
            ? finished with { Reason = FinishReason.Stop }
            : finished);
    }
}
