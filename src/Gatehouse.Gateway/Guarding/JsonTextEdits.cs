using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Guarding;

/// <summary>Reads texts out of JSON and puts other ones in their places; every other byte stays as it was.</summary>
internal static class JsonTextEdits
{
    /// <summary>Decodes a text of a document.</summary>
    /// <param name="buffer">At least <see cref="JsonText.Length"/> long: a character takes a byte or more.</param>
    /// <exception cref="InvalidOperationException">It holds half of an escaped surrogate pair.</exception>
    public static ReadOnlySpan<char> Decode(ReadOnlySpan<byte> json, in JsonText text, Span<char> buffer)
    {
        if (!text.IsEscaped)
        {
            return buffer[..Encoding.UTF8.GetChars(json.Slice(text.Start, text.Length), buffer)];
        }

        var reader = new Utf8JsonReader(json.Slice(text.Start - 1, text.Length + 2));
        reader.Read();
        return buffer[..reader.CopyString(buffer)];
    }

    /// <summary>Writes a document with its edits, which are in their order.</summary>
    public static void Write(ReadOnlySpan<byte> json, List<(JsonText Place, string Text)> edits, IBufferWriter<byte> to)
    {
        var at = 0;
        foreach (var (place, text) in edits)
        {
            to.Write(json[at..place.Start]);
            WriteEscaped(text, to);
            at = place.Start + place.Length;
        }

        to.Write(json[at..]);
    }

    /// <summary>A text as it stands between the quotes of a JSON string.</summary>
    public static void WriteEscaped(ReadOnlySpan<char> text, IBufferWriter<byte> to)
    {
        if (text.IndexOfAnyExceptInRange(' ', '~') < 0 && text.IndexOfAny('"', '\\') < 0)
        {
            Encoding.UTF8.GetBytes(text, to);
        }
        else
        {
            to.Write(JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes);
        }
    }

    /// <summary>Puts other content in a buffer's place.</summary>
    public static void Replace(PooledBuffer buffer, PooledBuffer with)
    {
        buffer.Clear();
        buffer.Write(with.Span);
    }
}
