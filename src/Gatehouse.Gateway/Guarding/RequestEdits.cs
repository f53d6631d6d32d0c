using System.Buffers;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Guarding;

/// <summary>Adds to a request in its own format; every other byte stays, so a provider's cache of what comes before does too.</summary>
internal static class RequestEdits
{
    /// <summary>Appends to the system prompt, or makes one.</summary>
    /// <returns>Whether the format has a system prompt.</returns>
    public static bool AppendToSystem(ReadOnlySpan<byte> json, WireFormat format, string text, IBufferWriter<byte> to)
    {
        switch (format)
        {
            case WireFormat.OpenAi when Find(json, "messages"u8) is { } messages:
                AppendToMessages(json, messages, text, to);
                return true;
            case WireFormat.Anthropic:
                return AppendToMember(json, "system"u8, "", """{"type":"text","text":""", "}", text, to);
            case WireFormat.Responses:
                return AppendToMember(json, "instructions"u8, "", "", "", text, to);
            case WireFormat.Gemini:
                var name = Find(json, "system_instruction"u8) is null ? "systemInstruction"u8 : "system_instruction"u8;
                if (Find(json, name) is not { Kind: JsonTokenType.StartObject } instruction)
                {
                    return AppendToMember(json, name, """{"parts":[{"text":""", "", "}]}", text, to);
                }

                var inner = json.Slice(instruction.Start, instruction.Length);
                to.Write(json[..instruction.Start]);
                var wrote = AppendToMember(inner, "parts"u8, """[{"text":""", """{"text":""", "}", text, to);
                to.Write(json[(instruction.Start + instruction.Length)..]);
                return wrote;
            default:
                return false;
        }
    }

    /// <summary>Appends what the model said, and what is asked then.</summary>
    /// <returns>Whether the request has a conversation of this format.</returns>
    public static bool AppendTurns(ReadOnlySpan<byte> json, WireFormat format, string model, string user, IBufferWriter<byte> to)
    {
        var isGemini = format == WireFormat.Gemini;
        var name = isGemini ? "contents"u8 : format == WireFormat.Responses ? "input"u8 : "messages"u8;
        if (format is not (WireFormat.OpenAi or WireFormat.Anthropic or WireFormat.Gemini or WireFormat.Responses)
            || Find(json, name) is not { } found || found.Kind is not (JsonTokenType.StartArray or JsonTokenType.String))
        {
            return false;
        }

        var (start, end) = (found.Start, found.Start + found.Length);
        to.Write(json[..start]);
        if (found.Kind == JsonTokenType.String)
        {
            to.Write("[{\"role\":\"user\",\"content\":"u8);
            to.Write(json[start..end]);
            to.Write("}"u8);
        }
        else
        {
            to.Write(json[start..(end - 1)]);
        }

        var isFirst = found is { Kind: JsonTokenType.StartArray, IsEmpty: true };
        foreach (var (role, text) in new[] { (isGemini ? "model" : "assistant", model), ("user", user) })
        {
            to.Write(isFirst ? ""u8 : ","u8);
            isFirst = false;
            Write(isGemini ? $$"""{"role":"{{role}}","parts":[{"text":""" : $$"""{"role":"{{role}}","content":""", to);
            WriteText(text, to);
            to.Write(isGemini ? "}]}"u8 : "}"u8);
        }

        to.Write("]"u8);
        to.Write(json[end..]);
        return true;
    }

    /// <summary>The text behind that of the first system message, which is made where there is none.</summary>
    private static void AppendToMessages(ReadOnlySpan<byte> json, in Member messages, string text, IBufferWriter<byte> to)
    {
        var reader = new Utf8JsonReader(json.Slice(messages.Start, messages.Length), new JsonReaderOptions { MaxDepth = 128 });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            var start = messages.Start + (int)reader.TokenStartIndex;
            reader.Skip();
            var message = json[start..(messages.Start + (int)reader.BytesConsumed)];
            if (IsSystem(message))
            {
                to.Write(json[..start]);
                AppendToMember(message, "content"u8, "", """{"type":"text","text":""", "}", text, to);
                to.Write(json[(start + message.Length)..]);
                return;
            }
        }

        to.Write(json[..(messages.Start + 1)]);
        Write("""{"role":"system","content":""", to);
        WriteText(text, to);
        to.Write(messages.IsEmpty ? "}"u8 : "},"u8);
        to.Write(json[(messages.Start + 1)..]);
    }

    private static bool IsSystem(ReadOnlySpan<byte> message) =>
        Find(message, "role"u8) is { Kind: JsonTokenType.String } role
        && message.Slice(role.Start + 1, role.Length - 2) is var word
        && (word.SequenceEqual("system"u8) || word.SequenceEqual("developer"u8));

    /// <summary>Text behind a member's: within a string, as another item of an array, or as a member of its own.</summary>
    /// <param name="before">Where the member is not there: what stands before the text within its value.</param>
    /// <param name="item">What stands before the text in an item of an array.</param>
    private static bool AppendToMember(
        ReadOnlySpan<byte> json, ReadOnlySpan<byte> name, string before, string item, string after, string text, IBufferWriter<byte> to)
    {
        if (Find(json, name) is not { Kind: not JsonTokenType.Null } found)
        {
            var open = json.IndexOf((byte)'{') + 1;
            var rest = Find(json, name) is { } nothing ? Without(json, nothing) : json[open..];
            to.Write(json[..open]);
            to.Write("\""u8);
            to.Write(name);
            to.Write("\":"u8);
            Write(before, to);
            WriteText(text, to);
            Write(before.StartsWith('[') ? after + "]" : before.Length > 0 ? after : "", to);
            to.Write(rest.TrimStart(" \t\r\n"u8) is [(byte)'}', ..] ? ""u8 : ","u8);
            to.Write(rest);
            return true;
        }

        var end = found.Start + found.Length - 1;
        if (found.Kind is not (JsonTokenType.String or JsonTokenType.StartArray))
        {
            return false;
        }

        to.Write(json[..end]);
        if (found.Kind == JsonTokenType.String)
        {
            to.Write("\\n\\n"u8);
            JsonTextEdits.WriteEscaped(text, to);
        }
        else
        {
            to.Write(found.IsEmpty ? ""u8 : ","u8);
            Write(item, to);
            WriteText(text, to);
            Write(after, to);
        }

        to.Write(json[end..]);
        return true;
    }

    /// <summary>What stands behind the opening brace, its null member left out.</summary>
    private static byte[] Without(ReadOnlySpan<byte> json, in Member member)
    {
        var open = json.IndexOf((byte)'{') + 1;
        var (from, until) = (member.NameStart, member.Start + member.Length);
        var behind = json[until..].TrimStart(" \t\r\n"u8);
        if (behind is [(byte)',', ..])
        {
            return [.. json[open..from], .. behind[1..]];
        }

        var ahead = json[open..from].TrimEnd(" \t\r\n"u8);
        return [.. ahead is [.., (byte)','] ? ahead[..^1] : ahead, .. behind];
    }

    private static Member? Find(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 128 });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var at = (int)reader.TokenStartIndex;
            var isIt = reader.ValueTextEquals(name);
            reader.Read();
            var (start, kind) = ((int)reader.TokenStartIndex, reader.TokenType);
            reader.Skip();
            var length = (int)reader.BytesConsumed - start;
            if (isIt)
            {
                var isEmpty = kind == JsonTokenType.StartArray && json.Slice(start + 1, length - 2).Trim(" \t\r\n"u8).IsEmpty;
                return new Member(at, start, length, kind, isEmpty);
            }
        }

        return null;
    }

    private static void WriteText(string text, IBufferWriter<byte> to)
    {
        to.Write("\""u8);
        JsonTextEdits.WriteEscaped(text, to);
        to.Write("\""u8);
    }

    private static void Write(string raw, IBufferWriter<byte> to) => Encoding.UTF8.GetBytes(raw, to);

    /// <summary>Where a member's name and value stand.</summary>
    private readonly record struct Member(int NameStart, int Start, int Length, JsonTokenType Kind, bool IsEmpty);
}
