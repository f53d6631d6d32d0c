using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Guarding;

/// <summary>Chunks of OpenAI's chat format, and of the older completions format.</summary>
internal sealed class ChatStreamTexts : StreamTexts
{
    private const string Arguments = "arguments";
    private const string Input = "input";
    private const string OldArguments = "function_call";
    private const string Text = "text";

    public override void Read(JsonElement root, EventTexts to)
    {
        to.SaysMore |= root.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object;
        foreach (var choice in Items(root, "choices"))
        {
            var group = Number(choice, "index");
            foreach (var member in choice.EnumerateObject())
            {
                switch (member.Name)
                {
                    case "finish_reason" when member.Value.ValueKind == JsonValueKind.String:
                        to.Closed.Add(group);
                        break;
                    case "logprobs" when member.Value.ValueKind != JsonValueKind.Null:
                        to.Shadows.Add(member.Value);
                        break;
                    case Text:
                        to.AddPiece(member.Value, new TextKey(group, 0, Text));
                        break;
                    case "delta" when member.Value.ValueKind == JsonValueKind.Object:
                        ReadDelta(group, member.Value, to);
                        break;
                }
            }
        }
    }

    public override void WriteMore(TextKey key, string text, JsonElement latest, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        foreach (var member in latest.EnumerateObject())
        {
            switch (member.Name)
            {
                case "choices":
                    json.WriteStartArray("choices");
                    WriteChoice(key, text, json);
                    json.WriteEndArray();
                    break;
                case "usage":
                    json.WriteNull("usage");
                    break;
                default:
                    json.WriteRaw(member.Name, member.Value);
                    break;
            }
        }

        json.WriteEndObject();
    }

    private static void ReadDelta(int group, JsonElement delta, EventTexts to)
    {
        foreach (var member in delta.EnumerateObject())
        {
            if (member.Name == "role")
            {
                to.SaysMore |= member.Value.ValueKind == JsonValueKind.String;
            }
            else if (member.Name == "tool_calls")
            {
                foreach (var call in Items(delta, member.Name))
                {
                    ReadCall(group, call, to);
                }
            }
            else if (member.Name == OldArguments && member.Value.ValueKind == JsonValueKind.Object)
            {
                if (member.Value.TryGetProperty("name", out var name))
                {
                    to.SaysMore = true;
                    to.AddCall(group, 0, name);
                }

                if (member.Value.TryGetProperty(Arguments, out var arguments))
                {
                    to.AddPiece(arguments, new TextKey(group, 0, OldArguments), isArguments: true);
                }
            }
            else
            {
                // Content, refusals, and whatever word a server has for a model's thinking.
                to.AddPiece(member.Value, new TextKey(group, 0, member.Name),
                    isThinking: member.Name.StartsWith("reasoning", StringComparison.Ordinal));
            }
        }
    }

    private static void ReadCall(int group, JsonElement call, EventTexts to)
    {
        to.SaysMore |= call.TryGetProperty("id", out _);
        var index = Number(call, "index");
        if (TryObject(call, "function", out var called) && called.TryGetProperty("name", out var name))
        {
            to.AddCall(group, index, name);
        }

        if (TryObject(call, "function", out var function) && function.TryGetProperty(Arguments, out var arguments))
        {
            to.AddPiece(arguments, new TextKey(group, index, Arguments), isArguments: true);
        }

        if (TryObject(call, "custom", out var custom) && custom.TryGetProperty(Input, out var input))
        {
            to.AddPiece(input, new TextKey(group, index, Input), isArguments: true);
        }
    }

    private static void WriteChoice(TextKey key, string text, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("index", key.Group);
        if (key.Name == Text)
        {
            json.WriteString(Text, text);
        }
        else
        {
            json.WriteStartObject("delta");
            WriteDelta(key, text, json);
            json.WriteEndObject();
        }

        json.WriteNull("logprobs");
        json.WriteNull("finish_reason");
        json.WriteEndObject();
    }

    private static void WriteDelta(TextKey key, string text, Utf8JsonWriter json)
    {
        switch (key.Name)
        {
            case Arguments or Input:
                json.WriteStartArray("tool_calls");
                json.WriteStartObject();
                json.WriteNumber("index", key.Index);
                json.WriteStartObject(key.Name == Input ? "custom" : "function");
                json.WriteString(key.Name, text);
                json.WriteEndObject();
                json.WriteEndObject();
                json.WriteEndArray();
                break;
            case OldArguments:
                json.WriteStartObject(OldArguments);
                json.WriteString(Arguments, text);
                json.WriteEndObject();
                break;
            default:
                json.WriteString(key.Name, text);
                break;
        }
    }
}
