using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Guarding;

/// <summary>Events of Anthropic's messages format: one block after the other, each opened and closed.</summary>
internal sealed class MessagesStreamTexts : StreamTexts
{
    private const string Text = "text";
    private const string Thinking = "thinking";
    private const string Arguments = "partial_json";

    public override ReadOnlySpan<byte> EventName(TextKey key) => "content_block_delta"u8;

    public override void Read(JsonElement root, EventTexts to)
    {
        var group = Number(root, "index");
        switch (root.TryGetProperty("type", out var type) ? type.GetString() : null)
        {
            case "content_block_delta" when TryObject(root, "delta", out var delta):
                ReadDelta(group, delta, to);
                break;
            case "content_block_start" when TryObject(root, "content_block", out var block):
                to.SaysMore = true;
                if (block.TryGetProperty("name", out var tool))
                {
                    to.AddCall(group, 0, tool);
                }

                foreach (var name in (string[])[Text, Thinking])
                {
                    if (block.TryGetProperty(name, out var begun) && begun.ValueKind == JsonValueKind.String)
                    {
                        to.AddPiece(begun, new TextKey(group, 0, name), isThinking: name == Thinking);
                    }
                }

                break;
            case "content_block_stop":
                to.Closed.Add(group);
                break;
            case "ping" or "message_start":
                to.SaysMore = true;
                break;
            default:
                (to.ClosesAll, to.SaysMore) = (true, true);
                break;
        }
    }

    public override void WriteMore(TextKey key, string text, JsonElement latest, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteString("type", "content_block_delta");
        json.WriteNumber("index", key.Group);
        json.WriteStartObject("delta");
        json.WriteString("type", key.Name switch { Thinking => "thinking_delta", Arguments => "input_json_delta", _ => "text_delta" });
        json.WriteString(key.Name, text);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void ReadDelta(int group, JsonElement delta, EventTexts to)
    {
        var texts = to.Texts.Count;
        foreach (var name in (string[])[Text, Thinking, Arguments])
        {
            if (delta.TryGetProperty(name, out var piece))
            {
                to.AddPiece(piece, new TextKey(group, 0, name), name == Arguments, name == Thinking);
            }
        }

        if (to.Texts.Count == texts)
        {
            to.SaysMore = true; // a signature or a citation: about the text before it
            to.Closed.Add(group);
        }
    }
}
