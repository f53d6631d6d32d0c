using System.Text.Json;
using System.Text.Unicode;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Responses;

/// <summary>
/// What Gatehouse itself must know of a body of <c>POST /v1/responses</c>, read in one pass that proves it to be one JSON object.
/// </summary>
internal struct ResponsesPeek
{
    private const int MostPairs = 16;
    private const int LongestName = 64;
    private const int LongestText = 512;

    /// <summary>The value of <c>input</c>; empty when absent.</summary>
    public Range Input;

    /// <summary><see langword="null"/> when the caller says nothing about it.</summary>
    public bool? Store;

    public bool Background;

    public string? PreviousId;

    /// <summary>Some item of the input names another one by its id.</summary>
    public bool HasReferences;

    /// <returns><see langword="null"/> when the body can be routed, else what is wrong with it.</returns>
    public static Problem? Read(ReadOnlySpan<byte> body, out RequestPeek peek, out ResponsesPeek own)
    {
        peek = default;
        own = default;
        if (!Utf8.IsValid(body))
        {
            return Problem.Malformed("The body is not valid UTF-8.");
        }

        try
        {
            return own.Read(body, ref peek);
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

    private Problem? Read(ReadOnlySpan<byte> body, ref RequestPeek peek)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return Problem.Malformed("The body must be a JSON object.");
        }

        peek.BodyStart = (int)reader.BytesConsumed;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var attributes = default(AttributeSet);
        var (prompt, conversation) = (false, false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (!seen.Add(name) && name is "model" or "stream" or "input" or "store" or "background" or "previous_response_id")
            {
                return Wrong(name, "appears twice"); // we would go by the one value and the provider by the other
            }

            var start = (int)reader.TokenStartIndex;
            var given = reader.TokenType != JsonTokenType.Null;
            switch (name)
            {
                case "model" when reader.TokenType == JsonTokenType.String:
                    peek.ModelIsEscaped = reader.ValueIsEscaped;
                    peek.Model = start..(int)reader.BytesConsumed;
                    _ = reader.GetString();
                    break;
                case "model":
                    return Wrong(name, "must be a string");
                case "stream" or "store" or "background":
                    if (reader.TokenType is not (JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null))
                    {
                        return Wrong(name, "must be true or false");
                    }

                    Keep(name, given ? reader.TokenType == JsonTokenType.True : null, ref peek);
                    break;
                case "previous_response_id" when given:
                    if (reader.TokenType != JsonTokenType.String)
                    {
                        return Wrong(name, "must be a string");
                    }

                    PreviousId = reader.GetString();
                    break;
                case "input" when given:
                    if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.StartArray))
                    {
                        return Wrong(name, "must be a string or an array of items");
                    }

                    reader.Skip();
                    Input = start..(int)reader.BytesConsumed;
                    break;
                case "include" when given:
                    if (reader.TokenType != JsonTokenType.StartArray)
                    {
                        return Wrong(name, "must be an array");
                    }

                    reader.Skip();
                    break;
                case "metadata" when given:
                    if (!IsMetadata(ref reader))
                    {
                        return Wrong(
                            name, $"must be an object of at most {MostPairs} texts, with names of at most {LongestName} and texts of at most {LongestText} characters");
                    }

                    break;
                default:
                    prompt |= name == "prompt" && given;
                    conversation |= name == "conversation" && given;
                    ReadAttribute(name, ref reader, ref attributes);
                    break;
            }
        }

        peek.Attributes = attributes.ToDictionary();
        while (reader.Read())
        {
            // Only to prove that nothing but white space follows: anything else throws.
        }

        HasReferences = body[Input].IndexOf("\"item_reference\""u8) >= 0;
        return peek.Model.Equals(default) ? Wrong("model", "is required: name a route, see GET /v1/models")
            : conversation ? Wrong("conversation", "is not served: go on from an earlier response with 'previous_response_id'")
            : Input.Equals(default) && PreviousId is null && !prompt ? Wrong("input", "is required: send a string or an array of items")
            : null;
    }

    /// <summary>Each stored response repeats it, so it is bounded as OpenAI bounds it.</summary>
    private static bool IsMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return false;
        }

        for (var pairs = 0; reader.Read() && reader.TokenType == JsonTokenType.PropertyName; pairs++)
        {
            var isName = reader.GetString()!.Length <= LongestName;
            reader.Read();
            if (!isName || pairs == MostPairs || reader.TokenType != JsonTokenType.String || reader.GetString()!.Length > LongestText)
            {
                return false;
            }
        }

        return true;
    }

    private void Keep(string name, bool? value, ref RequestPeek peek)
    {
        switch (name)
        {
            case "stream":
                peek.Stream = value == true;
                break;
            case "store":
                Store = value;
                break;
            default:
                Background = value == true;
                break;
        }
    }

    private static void ReadAttribute(string name, ref Utf8JsonReader reader, ref AttributeSet attributes)
    {
        var attribute = name switch
        {
            "temperature" => TelemetryNames.RequestTemperature,
            "top_p" => TelemetryNames.RequestTopP,
            "max_output_tokens" => TelemetryNames.RequestMaxTokens,
            _ => null,
        };
        if (attribute is not null)
        {
            attributes.Read(attribute, ref reader);
        }

        reader.Skip();
    }

    private static Problem Wrong(string field, string rule) => new("invalid_request", 400, $"'{field}' {rule}.") { Field = field };
}
