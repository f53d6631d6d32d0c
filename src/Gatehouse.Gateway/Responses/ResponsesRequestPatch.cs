using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Responses;

/// <summary>
/// Prepares a request for a provider that speaks responses itself. What is stored is stored here, so the provider is told to store nothing;
/// reasoning then has to come sealed, so that a later call can hand it back. Members that need no change are copied byte by byte.
/// </summary>
internal static class ResponsesRequestPatch
{
    private const string Sealed = "reasoning.encrypted_content";

    /// <param name="wantsSeal">The response is to be stored, and the model reasons.</param>
    /// <param name="isCount">Only its tokens are counted: what concerns its answer is left out, and the address of counts knows no
    /// <c>store</c>.</param>
    /// <param name="dropped">Gets what is not passed on.</param>
    public static void Write(
        ReadOnlySpan<byte> body, Attempt attempt, bool wantsSeal, bool isCount, List<string> dropped, IBufferWriter<byte> to)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
        reader.Read();
        var included = !wantsSeal;
        to.Write(isCount ? "{"u8 : "{\"store\":false"u8);
        var isFirst = isCount;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            var nameStart = (int)reader.TokenStartIndex;
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            var given = reader.TokenType != JsonTokenType.Null;
            reader.Skip();
            var value = body[start..(int)reader.BytesConsumed];
            if (name is "store" or "background" or "previous_response_id" || (isCount && name is ("stream" or "stream_options")))
            {
                continue;
            }

            to.Write(isFirst ? ""u8 : ","u8);
            isFirst = false;
            to.Write(body[nameStart..start]);
            switch (name)
            {
                case "model":
                    WriteString(attempt.Model, to);
                    break;
                case "input" when value[0] == '[' && value.IndexOf("\"encrypted_content\""u8) >= 0:
                    WriteInput(value, attempt.Settings.Name, dropped, to);
                    break;
                case "include" when wantsSeal && given:
                    WriteInclude(value, to);
                    included = true;
                    break;
                default:
                    to.Write(value);
                    break;
            }
        }

        to.Write(included ? "}"u8 : ",\"include\":[\"reasoning.encrypted_content\"]}"u8);
    }

    private static void WriteInclude(ReadOnlySpan<byte> value, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartArray();
        var found = false;
        foreach (var item in WireJson.ParseItems(value).EnumerateArray())
        {
            found |= WireJson.TextOrNull(item) == Sealed;
            json.WriteRaw(item);
        }

        if (!found)
        {
            json.WriteStringValue(Sealed);
        }

        json.WriteEndArray();
    }

    /// <summary>Sealed reasoning goes back to the provider that sealed it; another one would refuse the whole request.</summary>
    private static void WriteInput(ReadOnlySpan<byte> value, string provider, List<string> dropped, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStartArray();
        foreach (var item in WireJson.ParseItems(value).EnumerateArray())
        {
            if (WireJson.StringOrNull(item, "encrypted_content") is not { } seal)
            {
                json.WriteRaw(item);
            }
            else if (ReasoningSeal.OpenFor(seal, provider) is { } opened)
            {
                json.WriteStartObject();
                foreach (var member in item.EnumerateObject())
                {
                    if (member.Name == "encrypted_content")
                    {
                        json.WriteString(member.Name, opened);
                    }
                    else
                    {
                        json.WriteRaw(member.Name, member.Value);
                    }
                }

                json.WriteEndObject();
            }
            else
            {
                dropped.AddOnce("input[].encrypted_content");
            }
        }

        json.WriteEndArray();
    }

    private static void WriteString(string text, IBufferWriter<byte> to)
    {
        using var json = JsonOut.Begin(to);
        json.WriteStringValue(text);
    }
}
