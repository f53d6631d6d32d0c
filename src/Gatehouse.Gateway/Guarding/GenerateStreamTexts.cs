using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Guarding;

/// <summary>Pieces of Google's format: each has the shape of an answer; a tool call comes whole.</summary>
internal sealed class GenerateStreamTexts : StreamTexts
{
    private const string Text = "text";
    private const string Thought = "thought";

    public override void Read(JsonElement root, EventTexts to)
    {
        foreach (var candidate in Items(root, "candidates"))
        {
            var group = Number(candidate, "index");
            if (candidate.TryGetProperty("finishReason", out var reason) && reason.ValueKind == JsonValueKind.String)
            {
                to.Closed.Add(group);
            }

            if (candidate.TryGetProperty("logprobsResult", out var shadow))
            {
                to.Shadows.Add(shadow);
            }

            to.SaysMore |= candidate.TryGetProperty("groundingMetadata", out _) || candidate.TryGetProperty("citationMetadata", out _);
            if (!TryObject(candidate, "content", out var content))
            {
                continue;
            }

            foreach (var part in Items(content, "parts"))
            {
                ReadPart(group, part, to);
            }
        }

        to.SaysMore |= root.TryGetProperty("promptFeedback", out _);
    }

    public override void WriteMore(TextKey key, string text, JsonElement latest, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartObject();
        json.WriteStartArray("candidates");
        json.WriteStartObject();
        json.WriteStartObject("content");
        json.WriteStartArray("parts");
        json.WriteStartObject();
        if (key.Name == Thought)
        {
            json.WriteBoolean(Thought, true);
        }

        json.WriteString(Text, text);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteString("role", "model");
        json.WriteEndObject();
        json.WriteNumber("index", key.Group);
        json.WriteEndObject();
        json.WriteEndArray();
        foreach (var name in (string[])["modelVersion", "responseId"])
        {
            if (latest.TryGetProperty(name, out var value))
            {
                json.WriteRaw(name, value);
            }
        }

        json.WriteEndObject();
    }

    private static void ReadPart(int group, JsonElement part, EventTexts to)
    {
        if (part.TryGetProperty(Text, out var text))
        {
            var thinks = part.TryGetProperty(Thought, out var thought) && thought.ValueKind == JsonValueKind.True;
            to.AddPiece(text, new TextKey(group, 0, thinks ? Thought : Text), isThinking: thinks);
            to.SaysMore |= part.TryGetProperty("thoughtSignature", out _);
        }
        else
        {
            to.SaysMore = true;
            if (TryObject(part, "functionCall", out var call) && call.TryGetProperty("name", out var name)
                && call.TryGetProperty("args", out var arguments))
            {
                to.AddCall(group, 0, name, arguments);
            }

            foreach (var member in part.EnumerateObject())
            {
                AddWhole(group, member.Value, member.Name == "functionCall", to);
            }
        }
    }

    /// <summary>Texts that come whole: a tool's arguments, code and what it printed.</summary>
    private static void AddWhole(int group, JsonElement value, bool isArguments, EventTexts to)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    if (member.Name is not ("data" or "mimeType" or "id" or "name" or "thoughtSignature" or "language" or "outcome")
                        || isArguments)
                    {
                        AddWhole(group, member.Value, isArguments, to);
                    }
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    AddWhole(group, item, isArguments, to);
                }

                break;
            case JsonValueKind.String:
                to.AddRepeat(value, new TextKey(group, -1, "whole"), isArguments);
                break;
        }
    }
}
