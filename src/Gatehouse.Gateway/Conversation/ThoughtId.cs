using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace Gatehouse.Gateway.Conversation;

/// <summary>
/// Gemini signs its tool calls and refuses the next turn without that signature; the other formats have no place for it. It rides in the
/// call's id, which every client hands back, so that nothing is to be remembered here: <c>call_1__thought__…</c>. No provider gets to see
/// such an id.
/// </summary>
internal static class ThoughtId
{
    private const string Mark = "__thought__";

    /// <summary>Uses only letters, digits, hyphen and underscore, which every format allows in an id.</summary>
    public static string Join(string id, string signature) =>
        signature.Length == 0 ? id : string.Concat(id, Mark, Base64Url.EncodeToString(Encoding.UTF8.GetBytes(signature)));

    /// <returns>The id as the provider knows it.</returns>
    public static string Split(string id, out string signature)
    {
        signature = "";
        var at = id.IndexOf(Mark, StringComparison.Ordinal);
        if (at < 0)
        {
            return id;
        }

        var encoded = id.AsSpan(at + Mark.Length);
        if (Base64Url.IsValid(encoded))
        {
            signature = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(encoded));
        }

        return id[..at];
    }

    /// <summary>The id without what rides in it.</summary>
    public static string Plain(string id) => Split(id, out _);

    /// <summary>Takes signatures out of the ids of a body that is otherwise passed on as it came.</summary>
    /// <returns><see langword="false"/> when there are none: send the body itself.</returns>
    public static bool TryStrip(ReadOnlySpan<byte> body, IBufferWriter<byte> to)
    {
        if (body.IndexOf("__thought__"u8) < 0)
        {
            return false;
        }

        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = WireJson.MaxDepth });
        var (copied, isId) = (0, false);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName)
            {
                isId = reader.ValueTextEquals("id"u8) || reader.ValueTextEquals("tool_call_id"u8) || reader.ValueTextEquals("tool_use_id"u8)
                    || reader.ValueTextEquals("call_id"u8);
                continue;
            }

            var at = isId && reader.TokenType == JsonTokenType.String ? reader.ValueSpan.IndexOf("__thought__"u8) : -1;
            if (at >= 0)
            {
                to.Write(body[copied..((int)reader.TokenStartIndex + 1 + at)]);
                copied = (int)reader.BytesConsumed - 1; // the closing quote stays
            }

            isId = false;
        }

        to.Write(body[copied..]);
        return copied > 0;
    }
}
