using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Responses;

/// <summary>
/// Changes the few places of a passed-through <c>response</c> that are Gatehouse's own business: whether it is stored and under which id,
/// what it goes on from, and whose sealed reasoning it holds. Every other byte stays as the provider sent it.
/// </summary>
internal static class ResponsePatch
{
    /// <param name="json">A response, or an event that may hold one in <c>response</c>.</param>
    /// <param name="isWhole">It is the response itself.</param>
    /// <param name="seal">What to put before sealed reasoning.</param>
    /// <exception cref="FormatException">It cannot be read.</exception>
    public static void Write(ReadOnlySpan<byte> json, bool isWhole, ResponseTerms terms, ReadOnlySpan<byte> seal, IBufferWriter<byte> to)
    {
        try
        {
            Copy(json, isWhole, terms, seal, to);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("The provider's answer is not valid JSON.", e);
        }
    }

    private static void Copy(ReadOnlySpan<byte> json, bool isWhole, ResponseTerms terms, ReadOnlySpan<byte> seal, IBufferWriter<byte> to)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 128 });
        var copied = 0;
        var inResponse = isWhole;
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.EndObject && reader.CurrentDepth == 1)
            {
                inResponse = isWhole;
            }

            if (reader.TokenType != JsonTokenType.PropertyName)
            {
                continue;
            }

            if (reader.ValueTextEquals("encrypted_content"u8))
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.String)
                {
                    var at = (int)reader.TokenStartIndex + 1;
                    to.Write(json[copied..at]);
                    to.Write(seal);
                    copied = at;
                }
            }
            else if (!isWhole && reader.CurrentDepth == 1 && reader.ValueTextEquals("response"u8))
            {
                inResponse = true;
            }
            else if (inResponse && reader.CurrentDepth == (isWhole ? 1 : 2) && ValueOf(ref reader, terms) is { } value)
            {
                reader.Read();
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                to.Write(json[copied..start]);
                to.Write(value);
                copied = (int)reader.BytesConsumed;
            }
        }

        to.Write(json[copied..]);
    }

    /// <summary>
    /// Whether an event may need <see cref="Write"/>. Quotes within a text are escaped, so a text cannot look like a name.
    /// </summary>
    public static bool Concerns(ReadOnlySpan<byte> data) =>
        data.IndexOf("\"response\""u8) >= 0 || data.IndexOf("\"encrypted_content\""u8) >= 0;

    /// <summary>The response within an event.</summary>
    public static ReadOnlySpan<byte> ResponseOf(ReadOnlySpan<byte> data) =>
        WireJson.TryGet(WireJson.ParseAnswer(data), "response", out var response) ? JsonMarshal.GetRawUtf8Value(response) : default;

    /// <summary>A response that ends otherwise than its maker said.</summary>
    public static byte[] WithStatus(JsonElement response, string status, Problem? error)
    {
        var to = new ArrayBufferWriter<byte>();
        using (var json = JsonOut.Begin(to))
        {
            json.WriteStartObject();
            foreach (var member in response.EnumerateObject())
            {
                switch (member.Name)
                {
                    case "status":
                        json.WriteString("status", status);
                        break;
                    case "error":
                        ResponseWriter.WriteError(json, error);
                        break;
                    default:
                        json.WriteRaw(member.Name, member.Value);
                        break;
                }
            }

            json.WriteEndObject();
        }

        return to.WrittenSpan.ToArray();
    }

    private static byte[]? ValueOf(ref Utf8JsonReader reader, ResponseTerms terms)
    {
        if (reader.ValueTextEquals("store"u8))
        {
            return terms.IsStored ? "true"u8.ToArray() : "false"u8.ToArray();
        }

        if (reader.ValueTextEquals("previous_response_id"u8))
        {
            return terms.PreviousId is { } id ? Encoding.UTF8.GetBytes($"\"{JsonEncodedText.Encode(id)}\"") : "null"u8.ToArray();
        }

        return terms.IsStored && reader.ValueTextEquals("id"u8)
            ? Encoding.UTF8.GetBytes($"\"{terms.Id}\"") // the provider stores it under no id
            : terms.IsBackground && reader.ValueTextEquals("background"u8) ? "true"u8.ToArray()
            : null;
    }
}

/// <summary>Carries a stream of the responses format, see <see cref="ResponsePatch"/>.</summary>
internal sealed class ResponsesRelay(Calls.Surface surface, ResponseTerms terms, string provider) : Streaming.StreamRelay
{
    private readonly Streaming.PassThroughRelay _same = new(surface, wantsAccounts: true);
    private readonly byte[] _seal = ReasoningSeal.PrefixOf(provider);

    /// <summary>The number of the event after the last one.</summary>
    public int Sequence { get; private set; }

    /// <summary>The response as the last event has it; empty before.</summary>
    public ReadOnlyMemory<byte> Final { get; private set; }

    public override void Write(Streaming.TapEvent kind, in Streaming.SseEvent e, IBufferWriter<byte> to)
    {
        Sequence++;
        if (!ResponsePatch.Concerns(e.Data))
        {
            _same.Write(kind, e, to);
            return;
        }

        var patched = new ArrayBufferWriter<byte>(e.Data.Length + 256);
        ResponsePatch.Write(e.Data, isWhole: false, terms, _seal, patched);
        Final = kind == Streaming.TapEvent.End ? ResponsePatch.ResponseOf(patched.WrittenSpan).ToArray() : default;
        _same.Write(kind, new Streaming.SseEvent(e.Name, patched.WrittenSpan), to);
    }

    public override void End(in Streaming.SseEvent terminator, IBufferWriter<byte> to) => Write(Streaming.TapEvent.End, terminator, to);
}
