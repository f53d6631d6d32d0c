using System.Buffers;
using System.Text.Json;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Generate;

/// <summary>Puts the target's model in place of every name of a model that a body repeats from its path.</summary>
internal static class GenerateModelPatch
{
    private const int DeepestModel = 3; // requests[].model

    /// <returns><see langword="false"/> when the body names none: send it as it is.</returns>
    /// <exception cref="ProblemException">Some name in it cannot be read.</exception>
    public static bool TryWrite(ReadOnlySpan<byte> body, string model, IBufferWriter<byte> to)
    {
        try
        {
            return TryReplace(body, model, to);
        }
        catch (InvalidOperationException)
        {
            throw new ProblemException(
                Problem.Malformed("The body holds half of an escaped surrogate pair where a name belongs; send whole characters."));
        }
    }

    private static bool TryReplace(ReadOnlySpan<byte> body, string model, IBufferWriter<byte> to)
    {
        var name = JsonEncodedText.Encode(model.StartsWith("models/", StringComparison.Ordinal) ? model : "models/" + model);
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
        var position = 0;
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName || reader.CurrentDepth > DeepestModel || !reader.ValueTextEquals("model"u8))
            {
                continue;
            }

            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
            {
                to.Write(body[position..(int)reader.TokenStartIndex]);
                to.Write("\""u8);
                to.Write(name.EncodedUtf8Bytes);
                to.Write("\""u8);
                position = (int)reader.BytesConsumed;
            }
        }

        if (position > 0)
        {
            to.Write(body[position..]);
        }

        return position > 0;
    }
}
