using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Guarding;

/// <summary>Names a text of a streamed answer.</summary>
/// <param name="Group">The choice, block or item that it belongs to.</param>
/// <param name="Index">Which of the texts of the same name within the group.</param>
/// <param name="Name">What the format calls it.</param>
internal readonly record struct TextKey(int Group, int Index, string Name);

/// <summary>A string of an event.</summary>
/// <param name="Repeats">It repeats the whole of a text that came in pieces before, and is no piece itself.</param>
internal readonly record struct EventText(JsonElement Value, TextKey Key, bool IsArguments, bool IsThinking, bool Repeats);

/// <summary>What an event of a stream means for its texts.</summary>
internal sealed class EventTexts
{
    public List<EventText> Texts { get; } = [];

    /// <summary>Groups that get no more text.</summary>
    public List<int> Closed { get; } = [];

    /// <summary>No text gets any more.</summary>
    public bool ClosesAll { get; set; }

    /// <summary>The event says something besides its texts, so it goes on even when they are held back.</summary>
    public bool SaysMore { get; set; }

    /// <summary>Values that repeat texts in another form (token probabilities): they go where a guard may change the texts.</summary>
    public List<JsonElement> Shadows { get; } = [];

    /// <summary>Tools that are called, by where their arguments come; these, where they come as one value.</summary>
    public List<((int Group, int Index) Key, string Name, JsonElement? Whole)> Calls { get; } = [];

    public void Clear()
    {
        Calls.Clear();
        Texts.Clear();
        Closed.Clear();
        Shadows.Clear();
        (ClosesAll, SaysMore) = (false, false);
    }

    public void AddCall(int group, int index, JsonElement name, JsonElement? whole = null)
    {
        if (name.ValueKind == JsonValueKind.String)
        {
            Calls.Add(((group, index), name.GetString()!, whole));
        }
    }

    public void AddPiece(JsonElement value, TextKey key, bool isArguments = false, bool isThinking = false)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            Texts.Add(new EventText(value, key, isArguments, isThinking, Repeats: false));
        }
        else
        {
            SaysMore |= value.ValueKind != JsonValueKind.Null;
        }
    }

    public void AddRepeat(JsonElement value, TextKey key, bool isArguments = false)
    {
        if (value.ValueKind == JsonValueKind.String && value.GetRawTextLength() > 2)
        {
            Texts.Add(new EventText(value, key, isArguments, IsThinking: false, Repeats: true));
        }
    }
}

/// <summary>Where the texts stand in the events of a format that passes through, and how more of a text is written.</summary>
internal abstract class StreamTexts
{
    private static readonly StreamTexts Chat = new ChatStreamTexts();
    private static readonly StreamTexts Messages = new MessagesStreamTexts();
    private static readonly StreamTexts Generate = new GenerateStreamTexts();

    /// <summary>One for each stream.</summary>
    public static StreamTexts Of(WireFormat format) => format switch
    {
        WireFormat.OpenAi or WireFormat.Completions => Chat,
        WireFormat.Anthropic => Messages,
        WireFormat.Gemini => Generate,
        WireFormat.Responses => new ResponsesStreamTexts(),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "No client speaks it."),
    };

    /// <summary>The name of the events that <see cref="WriteMore"/> writes, in formats that name events.</summary>
    public virtual ReadOnlySpan<byte> EventName(TextKey key) => default;

    public abstract void Read(JsonElement root, EventTexts to);

    /// <summary>Writes the data of an event with more of a text.</summary>
    /// <param name="latest">The data of an event of the same stream.</param>
    public abstract void WriteMore(TextKey key, string text, JsonElement latest, IBufferWriter<byte> to);

    /// <summary>The number that the event has where the format counts its events; <see langword="null"/> where it does not.</summary>
    public virtual int? NextNumber() => null;

    protected static int Number(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : 0;

    protected static JsonElement.ArrayEnumerator Items(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array
            ? value.EnumerateArray()
            : default;

    protected static bool TryObject(JsonElement of, string name, out JsonElement value) =>
        of.TryGetProperty(name, out value) && value.ValueKind == JsonValueKind.Object;
}

/// <summary>Lengths of raw JSON, without copying it.</summary>
internal static class RawJson
{
    public static int GetRawTextLength(this JsonElement element) =>
        System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(element).Length;
}
