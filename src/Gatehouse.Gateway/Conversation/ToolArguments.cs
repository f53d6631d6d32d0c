using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Gatehouse.Gateway.Conversation;

/// <summary>
/// Tool input is JSON text in one format and an object in the other. Arguments that are no object (models do break off in the
/// middle) are wrapped, so that they still reach the reader; the input of a custom tool is wrapped in the one field its schema has.
/// </summary>
internal static class ToolArguments
{
    /// <summary>The field that holds the text of a custom tool's input.</summary>
    public const string CustomField = "input";

    /// <summary>The field that holds arguments which are not a JSON object.</summary>
    public const string BrokenField = "raw_arguments";

    /// <summary>The schema that a custom tool has where only functions exist.</summary>
    public static ReadOnlySpan<byte> CustomSchema =>
        """{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"""u8;

    public static void WriteAsObject(Utf8JsonWriter json, ToolCallPart call)
    {
        if (call.Custom)
        {
            WriteWrapped(json, CustomField, call.Arguments);
        }
        else if (string.IsNullOrWhiteSpace(call.Arguments))
        {
            json.WriteRawValue("{}"u8, skipInputValidation: true);
        }
        else if (IsObject(call.Arguments))
        {
            json.WriteRawValue(call.Arguments, skipInputValidation: true);
        }
        else
        {
            WriteWrapped(json, BrokenField, call.Arguments);
        }
    }

    /// <summary>The free text of a custom tool's input as arguments of the function that stands for it.</summary>
    public static string Wrapped(string text)
    {
        var to = new ArrayBufferWriter<byte>(text.Length + 32);
        using (var json = JsonOut.Begin(to))
        {
            WriteWrapped(json, CustomField, text);
        }

        return Encoding.UTF8.GetString(to.WrittenSpan);
    }

    /// <summary>Undoes <see cref="WriteAsObject"/>: the free text of a custom tool's input; anything else unchanged.</summary>
    public static string CustomText(string arguments)
    {
        try
        {
            var input = JsonElement.Parse(arguments);
            return input.ValueKind == JsonValueKind.Object && WireJson.StringOrNull(input, CustomField) is { } text ? text : arguments;
        }
        catch (JsonException)
        {
            return arguments;
        }
    }

    public static bool IsObject(string text)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            var length = Encoding.UTF8.GetBytes(text, bytes);
            var reader = new Utf8JsonReader(bytes.AsSpan(0, length), new JsonReaderOptions { MaxDepth = WireJson.MaxDepth });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }

            while (reader.Read())
            {
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private static void WriteWrapped(Utf8JsonWriter json, string field, string text)
    {
        json.WriteStartObject();
        json.WriteString(field, text);
        json.WriteEndObject();
    }
}
