using System.Text.Json;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Caching;

/// <summary>Finds the text that a user said last, in each format that can be asked in.</summary>
internal static class LastUserText
{
    /// <param name="said">The value that holds it: a text, or a list of nothing but texts.</param>
    /// <returns><see langword="false"/> when the last message is no user's, or holds more than text.</returns>
    public static bool TryFind(JsonElement body, WireFormat wire, out JsonElement said, out string text)
    {
        said = default;
        text = "";
        return wire switch
        {
            WireFormat.OpenAi or WireFormat.Anthropic => TryLast(body, "messages", out var last) && Is(last, "role", "user")
                && last.TryGetProperty("content", out said) && TryText(said, out text),
            WireFormat.Gemini => TryLast(
                body, "contents", out var last) && (!last.TryGetProperty("role", out _) || Is(last, "role", "user"))
                && last.TryGetProperty("parts", out said) && TryText(said, out text),
            WireFormat.Responses => TryFindInput(body, out said, out text),
            _ => false,
        };
    }

    private static bool TryFindInput(JsonElement body, out JsonElement said, out string text)
    {
        text = "";
        if (body.TryGetProperty("input", out said) && said.ValueKind == JsonValueKind.String)
        {
            return TryText(said, out text);
        }

        return TryLast(body, "input", out var last) && Is(last, "role", "user")
            && (!last.TryGetProperty("type", out _) || Is(last, "type", "message"))
            && last.TryGetProperty("content", out said) && TryText(said, out text);
    }

    private static bool TryLast(JsonElement body, string list, out JsonElement last)
    {
        last = default;
        if (!body.TryGetProperty(list, out var items) || items.ValueKind != JsonValueKind.Array
            || items.GetArrayLength() is not (> 0 and var count))
        {
            return false;
        }

        last = items[count - 1];
        return last.ValueKind == JsonValueKind.Object;
    }

    private static bool TryText(JsonElement said, out string text)
    {
        text = "";
        if (said.ValueKind == JsonValueKind.String)
        {
            text = said.GetString()!;
            return text.Length > 0;
        }

        if (said.ValueKind != JsonValueKind.Array)
        {
            return false;
        }

        foreach (var part in said.EnumerateArray())
        {
            if (part.ValueKind != JsonValueKind.Object || !part.TryGetProperty("text", out var piece)
                || piece.ValueKind != JsonValueKind.String)
            {
                return false;
            }

            foreach (var member in part.EnumerateObject())
            {
                if (!member.NameEquals("text"u8) && !member.NameEquals("cache_control"u8)
                    && !(member.NameEquals("type"u8) && member.Value.ValueKind == JsonValueKind.String
                        && (member.Value.ValueEquals("text"u8) || member.Value.ValueEquals("input_text"u8))))
                {
                    return false;
                }
            }

            text += text.Length > 0 ? "\n" + piece.GetString() : piece.GetString();
        }

        return text.Length > 0;
    }

    private static bool Is(JsonElement item, string name, string value) =>
        item.TryGetProperty(name, out var found) && found.ValueKind == JsonValueKind.String && found.ValueEquals(value);
}
