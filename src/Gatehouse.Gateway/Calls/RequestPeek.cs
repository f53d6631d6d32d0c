using System.Text.Json;
using System.Text.Unicode;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// What routing needs of a request's body, read in one pass that also proves it to be one JSON object. Offsets point into the body, so
/// that the pass-through can patch it without parsing again.
/// </summary>
internal struct RequestPeek
{
    public Range Model;
    public bool ModelIsEscaped;
    public bool Stream;
    public bool IncludeUsage;

    /// <summary>The value of <c>stream_options</c>; empty when absent.</summary>
    public Range StreamOptions;

    /// <summary>The value of <c>stream_options.include_usage</c>; empty when absent.</summary>
    public Range IncludeUsageValue;

    /// <summary>
    /// The name, in its quotes, of the output limit: <c>max_tokens</c> or <c>max_completion_tokens</c>. Empty when neither or both are
    /// there.
    /// </summary>
    public Range LimitName;

    /// <summary>Offset just behind the opening brace of the object.</summary>
    public int BodyStart;

    /// <summary>
    /// Sampling parameters under OpenTelemetry's names; <see langword="null"/> when there are none. Other calls may have the same object:
    /// who adds something takes a copy.
    /// </summary>
    public Dictionary<string, string>? Attributes;

    /// <returns><see langword="null"/> when the body can be routed, else what is wrong with it.</returns>
    public static Problem? Read(ReadOnlySpan<byte> body, out RequestPeek peek, bool needsMessages = true)
    {
        peek = default;
        if (!Utf8.IsValid(body))
        {
            return Problem.Malformed("The body is not valid UTF-8.");
        }

        try
        {
            return peek.Read(body, needsMessages);
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

    /// <summary>The model's name as text.</summary>
    public readonly string ModelText(ReadOnlySpan<byte> body)
    {
        var raw = body[Model];
        if (!ModelIsEscaped)
        {
            return RepeatedTexts.Here.TextOf(raw[1..^1]);
        }

        var reader = new Utf8JsonReader(raw);
        reader.Read();
        return reader.GetString()!;
    }

    private Problem? Read(ReadOnlySpan<byte> body, bool needsMessages)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return Problem.Malformed("The body must be a JSON object.");
        }

        BodyStart = (int)reader.BytesConsumed;
        var limits = 0;
        var attributes = default(AttributeSet);
        var (model, stream, messages, options) = (false, false, false, false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("model"u8))
            {
                if (!Once(ref model))
                {
                    return Twice("model");
                }

                if (!Next(ref reader, JsonTokenType.String))
                {
                    return Wrong("model", "must be a string");
                }

                Model = ValueRange(ref reader);
                ModelIsEscaped = reader.ValueIsEscaped;
                _ = ModelIsEscaped ? reader.GetString() : null; // throws now what would break later
            }
            else if (reader.ValueTextEquals("messages"u8))
            {
                if (!Once(ref messages))
                {
                    return Twice("messages");
                }

                if (!Next(ref reader, JsonTokenType.StartArray))
                {
                    return Wrong("messages", "must be an array");
                }

                reader.Skip();
            }
            else if (reader.ValueTextEquals("stream"u8))
            {
                if (!Once(ref stream))
                {
                    return Twice("stream");
                }

                reader.Read();
                if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null))
                {
                    return Wrong("stream", "must be true or false");
                }

                Stream = reader.TokenType == JsonTokenType.True;
            }
            else if (reader.ValueTextEquals("stream_options"u8))
            {
                if (!Once(ref options))
                {
                    return Twice("stream_options");
                }

                if (ReadStreamOptions(ref reader) is { } problem)
                {
                    return problem;
                }
            }
            else
            {
                var start = (int)reader.TokenStartIndex;
                var length = reader.ValueSpan.Length + 2;
                if (ReadAttribute(ref reader, ref attributes) == TelemetryNames.RequestMaxTokens)
                {
                    LimitName = limits++ == 0 ? start..(start + length) : default;
                }
            }
        }

        Attributes = attributes.ToDictionary();
        while (reader.Read())
        {
            // Only to prove that nothing but white space follows: anything else throws.
        }

        return model switch
        {
            false => Wrong("model", "is required: name a route, see GET /v1/models"),
            _ when needsMessages && !messages => Wrong("messages", "is required"),
            _ => null,
        };
    }

    private Problem? ReadStreamOptions(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.Null))
        {
            return Wrong("stream_options", "must be an object");
        }

        var start = (int)reader.TokenStartIndex;
        while (reader.TokenType != JsonTokenType.Null && reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var usage = reader.ValueTextEquals("include_usage"u8);
            reader.Read();
            if (usage)
            {
                if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null))
                {
                    return Wrong("stream_options.include_usage", "must be true or false");
                }

                IncludeUsage = reader.TokenType == JsonTokenType.True;
                IncludeUsageValue = ValueRange(ref reader);
            }

            reader.Skip();
        }

        StreamOptions = start..(int)reader.BytesConsumed;
        return null;
    }

    /// <returns>The attribute's name, or <see langword="null"/> when the parameter is none.</returns>
    private static string? ReadAttribute(ref Utf8JsonReader reader, ref AttributeSet attributes)
    {
        var name = AttributeName(ref reader);
        reader.Read();
        if (name is not null)
        {
            attributes.Read(name, ref reader);
        }

        reader.Skip();
        return name;
    }

    private static string? AttributeName(ref Utf8JsonReader reader) => reader.ValueSpan.Length switch
    {
        1 when reader.ValueTextEquals("n"u8) => TelemetryNames.RequestChoiceCount,
        4 when reader.ValueTextEquals("seed"u8) => TelemetryNames.RequestSeed,
        5 when reader.ValueTextEquals("top_p"u8) => TelemetryNames.RequestTopP,
        5 when reader.ValueTextEquals("top_k"u8) => TelemetryNames.RequestTopK,
        7 when reader.ValueTextEquals("best_of"u8) => TelemetryNames.RequestChoiceCount, // as many are made, whatever is shown
        10 when reader.ValueTextEquals("max_tokens"u8) => TelemetryNames.RequestMaxTokens,
        11 when reader.ValueTextEquals("temperature"u8) => TelemetryNames.RequestTemperature,
        16 when reader.ValueTextEquals("presence_penalty"u8) => TelemetryNames.RequestPresencePenalty,
        17 when reader.ValueTextEquals("frequency_penalty"u8) => TelemetryNames.RequestFrequencyPenalty,
        21 when reader.ValueTextEquals("max_completion_tokens"u8) => TelemetryNames.RequestMaxTokens,
        _ => null,
    };

    private static Range ValueRange(ref Utf8JsonReader reader) => (int)reader.TokenStartIndex..(int)reader.BytesConsumed;

    private static bool Once(ref bool seen)
    {
        var first = !seen;
        seen = true;
        return first;
    }

    private static bool Next(ref Utf8JsonReader reader, JsonTokenType type) => reader.Read() && reader.TokenType == type;

    private static Problem Wrong(string field, string rule) => new("invalid_request", 400, $"'{field}' {rule}.") { Field = field };

    /// <summary>Two values would let us route by one and the provider answer by the other.</summary>
    private static Problem Twice(string field) => Wrong(field, "appears twice");
}
