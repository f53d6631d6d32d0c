using System.Collections.Frozen;
using System.Text.Json;
using Gatehouse.Guardrails;

namespace Gatehouse.Gateway.Guarding;

/// <summary>Where a text of a request or an answer comes from.</summary>
internal enum TextOrigin : byte
{
    System,
    User,
    Assistant,
    ToolCall,
    ToolResult,
    Retrieved,
}

/// <summary>A string value within JSON.</summary>
/// <param name="Start">Offset of its first byte, behind the quote.</param>
/// <param name="Length">Bytes, as written.</param>
/// <param name="IsJson">What the string holds is JSON again: a tool's arguments.</param>
/// <param name="IsThinking">A model's thinking, in an answer.</param>
internal readonly record struct JsonText(
    int Start, int Length, TextOrigin Origin, bool IsEscaped, bool IsJson, bool IsThinking = false)
{
    /// <summary>The side of a request.</summary>
    public DetectionSide RequestSide => Origin switch
    {
        TextOrigin.ToolResult => DetectionSide.ToolResult,
        TextOrigin.Retrieved => DetectionSide.Retrieved,
        _ => DetectionSide.Input,
    };

    /// <summary>The side of an answer.</summary>
    public DetectionSide AnswerSide => Origin == TextOrigin.ToolCall ? DetectionSide.ToolCall : DetectionSide.Output;

    /// <summary>Written by those who run the system, or by a model before.</summary>
    public bool IsTrusted => Origin is TextOrigin.System or TextOrigin.Assistant or TextOrigin.ToolCall;
}

/// <summary>
/// Finds the texts in requests and answers of every format that the gateway speaks, without building anything. Below the members that hold
/// conversations every string is a text unless its name says that it is none, so a format's new member is not overlooked; in a tool's
/// arguments and results every string is one.
/// </summary>
internal static class JsonTexts
{
    private const int MaxNameChars = 64;

    private static readonly FrozenDictionary<string, TextOrigin> RequestRoots = new Dictionary<string, TextOrigin>
    {
        ["messages"] = TextOrigin.User,
        ["contents"] = TextOrigin.User,
        ["input"] = TextOrigin.User,
        ["prompt"] = TextOrigin.User,
        ["suffix"] = TextOrigin.User,
        ["prediction"] = TextOrigin.Assistant,
        ["content"] = TextOrigin.User,
        ["requests"] = TextOrigin.User,
        ["query"] = TextOrigin.User,
        ["documents"] = TextOrigin.Retrieved,
        ["system"] = TextOrigin.System,
        ["instructions"] = TextOrigin.System,
        ["systemInstruction"] = TextOrigin.System,
        ["system_instruction"] = TextOrigin.System,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, TextOrigin> AnswerRoots = new Dictionary<string, TextOrigin>
    {
        ["choices"] = TextOrigin.Assistant,
        ["content"] = TextOrigin.Assistant,
        ["candidates"] = TextOrigin.Assistant,
        ["output"] = TextOrigin.Assistant,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, Member> Members = MemberTable();

    /// <exception cref="InvalidOperationException">A name holds half of an escaped surrogate pair.</exception>
    public static void OfRequest(ReadOnlySpan<byte> json, JsonTextList to) => Walk(json, RequestRoots, isAnswer: false, to);

    /// <exception cref="InvalidOperationException">A name holds half of an escaped surrogate pair.</exception>
    public static void OfAnswer(ReadOnlySpan<byte> json, JsonTextList to) => Walk(json, AnswerRoots, isAnswer: true, to);

    private static void Walk(ReadOnlySpan<byte> json, FrozenDictionary<string, TextOrigin> roots, bool isAnswer, JsonTextList to)
    {
        var byName = roots.GetAlternateLookup<ReadOnlySpan<char>>();
        Span<char> name = stackalloc char[MaxNameChars];
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 128 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var known = byName.TryGetValue(name[..ReadName(ref reader, name)], out var origin);
            reader.Read();
            if (known)
            {
                Value(ref reader, new Place(origin, IsFree: false, IsJson: false, isAnswer), to);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private static void Value(ref Utf8JsonReader reader, Place place, JsonTextList to)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String when reader.ValueSpan.Length > 0:
                to.Add(new JsonText(
                    (int)reader.TokenStartIndex + 1, reader.ValueSpan.Length, place.Origin, reader.ValueIsEscaped, place.IsJson,
                    place.IsThinking));
                break;
            case JsonTokenType.StartArray:
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    Value(ref reader, place, to);
                }

                break;
            case JsonTokenType.StartObject when place.IsFree:
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    reader.Read();
                    Value(ref reader, place, to);
                }

                break;
            case JsonTokenType.StartObject:
                Object(ref reader, place, to);
                break;
        }
    }

    private static void Object(ref Utf8JsonReader reader, Place place, JsonTextList to)
    {
        place = Seen(reader, place, out var isText);
        var members = Members.GetAlternateLookup<ReadOnlySpan<char>>();
        Span<char> name = stackalloc char[MaxNameChars];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var member = members.TryGetValue(name[..ReadName(ref reader, name)], out var known) ? known : Member.Text;
            reader.Read();
            switch (member)
            {
                case Member.None:
                case Member.Data when !isText:
                case Member.Thinking when !place.IsAnswer:
                    reader.Skip();
                    break;
                case Member.Thinking or Member.Reasoning:
                    Value(ref reader, place with { IsThinking = place.IsAnswer }, to);
                    break;
                case Member.Arguments:
                    Value(ref reader,
                        place with { Origin = TextOrigin.ToolCall, IsFree = true, IsJson = reader.TokenType == JsonTokenType.String }, to);
                    break;
                case Member.Input:
                    Value(ref reader, place.Origin == TextOrigin.ToolCall ? place with { IsFree = true } : place, to);
                    break;
                case Member.Call:
                    Value(ref reader, place with { Origin = TextOrigin.ToolCall }, to);
                    break;
                case Member.Response:
                    Value(ref reader, place with { Origin = TextOrigin.ToolResult, IsFree = true }, to);
                    break;
                case Member.Output:
                    Value(ref reader, place with { Origin = TextOrigin.ToolResult }, to);
                    break;
                case Member.Results:
                    Value(ref reader, place with { Origin = TextOrigin.Retrieved }, to);
                    break;
                case Member.Free:
                    Value(ref reader, place with { IsFree = true }, to);
                    break;
                default:
                    Value(ref reader, place, to);
                    break;
            }
        }
    }

    /// <summary>Looks ahead for who speaks and what kind of thing the object is: these may come after the text they are about.</summary>
    /// <param name="isText">Its <c>data</c> is text and no Base64.</param>
    private static Place Seen(Utf8JsonReader reader, Place place, out bool isText)
    {
        isText = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isRole = reader.ValueTextEquals("role"u8);
            var isType = !isRole && reader.ValueTextEquals("type"u8);
            var isThought = place.IsAnswer && reader.ValueTextEquals("thought"u8);
            reader.Read();
            if (isThought && reader.TokenType == JsonTokenType.True)
            {
                place = place with { IsThinking = true };
            }

            if ((isRole || isType) && reader.TokenType == JsonTokenType.String)
            {
                place = isRole ? OfRole(reader, place) : OfType(reader, place, ref isText);
            }

            reader.Skip();
        }

        return place;
    }

    private static Place OfRole(in Utf8JsonReader reader, Place place) =>
        reader.ValueTextEquals("user"u8)
            ? place with { Origin = place.Origin is TextOrigin.Retrieved or TextOrigin.ToolResult ? place.Origin : TextOrigin.User }
        : reader.ValueTextEquals("assistant"u8) || reader.ValueTextEquals("model"u8) ? place with { Origin = TextOrigin.Assistant }
        : reader.ValueTextEquals("tool"u8) || reader.ValueTextEquals("function"u8) ? place with { Origin = TextOrigin.ToolResult }
        : reader.ValueTextEquals("system"u8) || reader.ValueTextEquals("developer"u8) ? place with { Origin = TextOrigin.System }
        : place;

    private static Place OfType(in Utf8JsonReader reader, Place place, ref bool isText)
    {
        var type = reader.ValueSpan;
        isText |= type.SequenceEqual("text"u8) || type.SequenceEqual("content"u8);
        if (place.IsAnswer && type.SequenceEqual("reasoning"u8))
        {
            return place with { IsThinking = true };
        }

        return type.EndsWith("tool_result"u8) || type.EndsWith("_call_output"u8) ? place with { Origin = TextOrigin.ToolResult }
            : type.SequenceEqual("document"u8) || type.SequenceEqual("search_result"u8) ? place with { Origin = TextOrigin.Retrieved }
            : type.EndsWith("tool_use"u8) || type.EndsWith("tool_call"u8) || type.SequenceEqual("function_call"u8)
                ? place with { Origin = TextOrigin.ToolCall }
            : place;
    }

    /// <returns>The characters of the name; 0 when it is longer than any that matters.</returns>
    private static int ReadName(ref Utf8JsonReader reader, scoped Span<char> name) =>
        reader.ValueSpan.Length > name.Length ? 0 : reader.CopyString(name);

    private static FrozenDictionary<string, Member> MemberTable()
    {
        var members = new Dictionary<string, Member>
        {
            ["arguments"] = Member.Arguments,
            ["args"] = Member.Arguments,
            ["input"] = Member.Input,
            ["functionCall"] = Member.Call,
            ["function_call"] = Member.Call,
            ["tool_calls"] = Member.Call,
            ["response"] = Member.Response,
            ["output"] = Member.Output,
            ["results"] = Member.Results,
            ["variables"] = Member.Free,
            ["data"] = Member.Data,
            ["thinking"] = Member.Thinking,
            ["reasoning_content"] = Member.Reasoning,
            ["reasoning"] = Member.Reasoning,
        };

        // Ids, kinds, addresses of files, base64 and what the provider signed: no texts that anybody reads.
        string[] others =
        [
            "type", "role", "id", "name", "call_id", "tool_call_id", "tool_use_id", "status", "media_type", "mimeType", "mime_type",
            "file_id",
            "fileUri", "file_uri", "image_url", "file_url", "url", "uri", "detail", "cache_control", "signature", "thoughtSignature",
            "thought_signature", "encrypted_content", "inlineData", "inline_data", "fileData", "file_data", "file", "input_audio", "audio",
            "format",
            "annotations", "citations", "logprobs", "logprobsResult", "phase", "finish_reason", "finishReason", "stop_reason",
            "safetyRatings",
            "citationMetadata", "groundingMetadata", "tool_name", "server_label", "server_name", "recipient", "created_by", "model",
        ];
        foreach (var other in others)
        {
            members.Add(other, Member.None);
        }

        return members.ToFrozenDictionary();
    }

    /// <param name="IsFree">Every string is a text, whatever its name.</param>
    private readonly record struct Place(TextOrigin Origin, bool IsFree, bool IsJson, bool IsAnswer, bool IsThinking = false);

    private enum Member
    {
        Text,
        None,
        Arguments,
        Input,
        Call,
        Response,
        Output,
        Results,
        Free,
        Data,
        Thinking,
        Reasoning,
    }
}
