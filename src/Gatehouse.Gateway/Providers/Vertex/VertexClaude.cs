using System.Buffers;
using System.Text.Json;

namespace Gatehouse.Gateway.Providers.Vertex;

/// <summary>Anthropic's format as Google Cloud serves it: the model stands in the path, the version in the body.</summary>
internal static class VertexClaude
{
    public const string CountPath = "/models/count-tokens:rawPredict";

    private static ReadOnlySpan<byte> Version => "\"anthropic_version\":\"vertex-2023-10-16\""u8;

    public static string PathOf(string model, bool stream) =>
        $"/models/{Uri.EscapeDataString(model)}:{(stream ? "streamRawPredict" : "rawPredict")}";

    public static void WriteVersion(Utf8JsonWriter json) => json.WriteString("anthropic_version", "vertex-2023-10-16");

    /// <summary>
    /// Takes the model out of a body of Anthropic's format and puts the version in; every other byte of a member stays as it came.
    /// </summary>
    /// <param name="model">Named in the body all the same, as counts of tokens want it.</param>
    public static void Patch(ReadOnlySpan<byte> body, string? model, IBufferWriter<byte> to)
    {
        to.Write("{"u8);
        to.Write(Version);
        if (model is not null)
        {
            to.Write(",\"model\":\""u8);
            to.Write(JsonEncodedText.Encode(model).EncodedUtf8Bytes);
            to.Write("\""u8);
        }

        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var start = (int)reader.TokenStartIndex;
            var ours = reader.ValueTextEquals("model"u8) || reader.ValueTextEquals("anthropic_version"u8);
            reader.Read();
            reader.Skip();
            if (!ours)
            {
                to.Write(","u8);
                to.Write(body[start..(int)reader.BytesConsumed]);
            }
        }

        to.Write("}"u8);
    }
}
