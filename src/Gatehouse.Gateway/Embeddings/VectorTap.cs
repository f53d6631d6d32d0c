using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers.OpenAi;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Embeddings;

/// <summary>Listens to OpenAI's list of vectors without reading the vectors.</summary>
internal sealed class VectorTap : AnswerTap
{
    private TokenUsage? _usage;

    public override TokenUsage? Usage => _usage;

    public override bool IsFinished => true;

    public override TapEvent Read(ReadOnlySpan<byte> data) => throw new FormatException("Vectors are no stream.");

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body)
    {
        var (data, error) = (false, false);
        try
        {
            var reader = new Utf8JsonReader(body);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new FormatException("The answer is not a JSON object.");
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("model"u8))
                {
                    Model = ReadText(ref reader);
                    continue;
                }

                var (isUsage, isData, isError) =
                    (reader.ValueTextEquals("usage"u8), reader.ValueTextEquals("data"u8), reader.ValueTextEquals("error"u8));
                reader.Read();
                data |= isData && reader.TokenType == JsonTokenType.StartArray;
                error |= isError && reader.TokenType != JsonTokenType.Null;
                if (isUsage && reader.TokenType == JsonTokenType.StartObject)
                {
                    _usage = OpenAiUsage.Read(ref reader, hasOutput: false);
                }
                else
                {
                    reader.Skip();
                }
            }

            reader.Read(); // proves that nothing follows
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("The answer is not valid JSON.", e);
        }

        return data ? TapEvent.End : error ? TapEvent.Error : throw new FormatException("The answer has no 'data'.");
    }
}

/// <summary>Listens to Google's vectors, which come without a count of tokens: their cost stays unknown.</summary>
internal sealed class GeminiVectorTap : AnswerTap
{
    public override TokenUsage? Usage => null;

    public override bool IsFinished => true;

    public override TapEvent Read(ReadOnlySpan<byte> data) => throw new FormatException("Vectors are no stream.");

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new FormatException("The answer is not a JSON object.");
            }

            var (vectors, error) = (false, false);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                vectors |= reader.ValueTextEquals("embeddings"u8) || reader.ValueTextEquals("embedding"u8);
                error |= reader.ValueTextEquals("error"u8);
                SkipValue(ref reader);
            }

            reader.Read(); // proves that nothing follows
            return vectors ? TapEvent.End : error ? TapEvent.Error : throw new FormatException("The answer has no 'embeddings'.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("The answer is not valid JSON.", e);
        }
    }
}
