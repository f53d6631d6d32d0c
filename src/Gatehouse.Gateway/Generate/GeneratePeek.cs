using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Generate;

/// <summary>Proves a request's body to be one JSON object with contents, and reads its sampling parameters for the record.</summary>
internal static class GeneratePeek
{
    public static Problem? Read(ReadOnlySpan<byte> body, bool needsContents, out RequestPeek peek)
    {
        peek = default;
        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return Problem.Malformed("The body must be a JSON object.");
            }

            var contents = false;
            var attributes = default(AttributeSet);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                contents |= reader.ValueTextEquals("contents"u8);
                var config = reader.ValueTextEquals("generationConfig"u8) || reader.ValueTextEquals("generation_config"u8);
                reader.Read();
                if (config && reader.TokenType == JsonTokenType.StartObject)
                {
                    ReadAttributes(ref reader, ref attributes);
                }
                else
                {
                    reader.Skip();
                }
            }

            peek.Attributes = attributes.ToDictionary();
            while (reader.Read())
            {
                // Only to prove that nothing but white space follows: anything else throws.
            }

            return contents || !needsContents
                ? null
                : new Problem("invalid_request", 400, "'contents' is required.") { Field = "contents" };
        }
        catch (JsonException e)
        {
            // The exception's own message may quote the body: say only where.
            return Problem.Malformed($"The body is not valid JSON: look at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}.");
        }
        catch (InvalidOperationException)
        {
            return Problem.Malformed("The body holds half of an escaped surrogate pair where a name belongs; send whole characters.");
        }
    }

    private static void ReadAttributes(ref Utf8JsonReader reader, ref AttributeSet attributes)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = NameOf(ref reader);
            reader.Read();
            if (name is not null)
            {
                attributes.Read(name, ref reader);
            }

            reader.Skip();
        }
    }

    private static string? NameOf(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("temperature"u8) ? TelemetryNames.RequestTemperature
        : reader.ValueTextEquals("topP"u8) || reader.ValueTextEquals("top_p"u8) ? TelemetryNames.RequestTopP
        : reader.ValueTextEquals("topK"u8) || reader.ValueTextEquals("top_k"u8) ? TelemetryNames.RequestTopK
        : reader.ValueTextEquals("maxOutputTokens"u8) || reader.ValueTextEquals("max_output_tokens"u8) ? TelemetryNames.RequestMaxTokens
        : reader.ValueTextEquals("candidateCount"u8) || reader.ValueTextEquals("candidate_count"u8) ? TelemetryNames.RequestChoiceCount
        : reader.ValueTextEquals("seed"u8) ? TelemetryNames.RequestSeed
        : null;
}
