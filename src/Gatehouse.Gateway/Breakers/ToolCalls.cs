using System.Text.Json;

namespace Gatehouse.Gateway.Breakers;

/// <summary>
/// Finds the calls of tools whose results a request brings: those of the model's last turn, in every format. An agent makes one such
/// request for each round of tools, so counting them counts what was really done. Allocates nothing.
/// </summary>
internal static class ToolCalls
{
    /// <summary>Most calls of one turn that are told apart.</summary>
    public const int Most = 64;

    /// <param name="into">Gets a fingerprint of name and arguments for each; room for <see cref="Most"/>.</param>
    /// <returns>How many there are.</returns>
    public static int Read(ReadOnlySpan<byte> body, Span<ulong> into)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
        var found = 0;
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return 0;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isConversation = reader.ValueTextEquals("messages"u8) || reader.ValueTextEquals("contents"u8)
                || reader.ValueTextEquals("input"u8);
            reader.Read();
            if (isConversation && reader.TokenType == JsonTokenType.StartArray)
            {
                found = ReadTurns(body, ref reader, into);
            }
            else
            {
                reader.Skip();
            }
        }

        return found;
    }

    private static int ReadTurns(ReadOnlySpan<byte> body, ref Utf8JsonReader reader, Span<ulong> into)
    {
        var (found, wasCall) = (0, false);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var before = wasCall ? found : 0; // calls of one turn follow each other
            var (count, isResult) = (before, false);
            Scan(body, ref reader, into, ref count, ref isResult);
            wasCall = count > before;
            found = wasCall ? count : isResult ? found : 0; // whatever else is said begins something new
        }

        return found;
    }

    /// <summary>What has a name and arguments is a call, whatever the format calls it.</summary>
    private static void Scan(ReadOnlySpan<byte> body, ref Utf8JsonReader reader, Span<ulong> into, ref int count, ref bool isResult)
    {
        if (reader.TokenType == JsonTokenType.StartArray)
        {
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                Scan(body, ref reader, into, ref count, ref isResult);
            }
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return;
        }

        var (name, arguments) = (0UL, 0UL);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isName = reader.ValueTextEquals("name"u8);
            var isArguments = reader.ValueTextEquals("arguments"u8) || reader.ValueTextEquals("args"u8)
                || reader.ValueTextEquals("input"u8);
            var isKind = reader.ValueTextEquals("type"u8) || reader.ValueTextEquals("role"u8);
            isResult |= reader.ValueTextEquals("functionResponse"u8) || reader.ValueTextEquals("function_response"u8);
            reader.Read();
            if (isArguments)
            {
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                arguments = Fingerprint.Of(body[start..(int)reader.BytesConsumed]);
            }
            else if (reader.TokenType == JsonTokenType.String)
            {
                name = isName ? Fingerprint.Of(reader.ValueSpan) : name;
                isResult |= isKind && (reader.ValueTextEquals("tool"u8) || reader.ValueTextEquals("function"u8)
                    || reader.ValueSpan.EndsWith("tool_result"u8) || reader.ValueSpan.EndsWith("_output"u8));
            }
            else
            {
                Scan(body, ref reader, into, ref count, ref isResult);
            }
        }

        if (name != 0 && arguments != 0 && count < into.Length)
        {
            into[count++] = name ^ (arguments * 31);
        }
    }
}
