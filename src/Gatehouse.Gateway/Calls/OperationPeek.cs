using System.Text.Json;
using System.Text.Unicode;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Calls;

/// <summary>Proves a request's body to be one JSON object that names a model once, and finds single values in it.</summary>
internal static class OperationPeek
{
    /// <param name="needsModel">Whether a body without a model is wrong; else <see cref="RequestPeek.Model"/> stays empty.</param>
    /// <returns><see langword="null"/> when the body can be routed, else what is wrong with it.</returns>
    public static Problem? Read(ReadOnlySpan<byte> body, out RequestPeek peek, bool needsModel = true)
    {
        peek = default;
        if (!Utf8.IsValid(body))
        {
            return Problem.Malformed("The body is not valid UTF-8.");
        }

        try
        {
            return Prove(body, ref peek, needsModel);
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

    /// <summary>The value of a top-level property of a body that <see cref="Read"/> has proved.</summary>
    /// <returns><see langword="null"/> when it is absent or no string.</returns>
    public static string? Text(ReadOnlySpan<byte> body, ReadOnlySpan<byte> name)
    {
        var reader = Values(body);
        while (TryFind(ref reader, name))
        {
            if (reader.TokenType == JsonTokenType.String)
            {
                return reader.GetString();
            }
        }

        return null;
    }

    /// <summary>Whether a top-level switch of a body that <see cref="Read"/> has proved is on.</summary>
    public static bool IsOn(ReadOnlySpan<byte> body, ReadOnlySpan<byte> name)
    {
        var isOn = false;
        var reader = Values(body);
        while (TryFind(ref reader, name))
        {
            isOn = reader.TokenType == JsonTokenType.True;
        }

        return isOn;
    }

    /// <summary>A reader of a body that <see cref="Read"/> has proved, for <see cref="TryFind"/>.</summary>
    public static Utf8JsonReader Values(ReadOnlySpan<byte> body) => new(body, new JsonReaderOptions { MaxDepth = 128 });

    /// <summary>Moves the reader to the next value of a top-level property; a name may have several.</summary>
    public static bool TryFind(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        if (reader.TokenType == JsonTokenType.None)
        {
            reader.Read();
        }
        else
        {
            reader.Skip(); // what it found last
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var found = reader.ValueTextEquals(name);
            reader.Read();
            if (found)
            {
                return true;
            }

            reader.Skip();
        }

        return false;
    }

    private static Problem? Prove(ReadOnlySpan<byte> body, ref RequestPeek peek, bool needsModel)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return Problem.Malformed("The body must be a JSON object.");
        }

        peek.BodyStart = (int)reader.BytesConsumed;
        var named = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isModel = reader.ValueTextEquals("model"u8);
            reader.Read();
            if (isModel && (named || reader.TokenType != JsonTokenType.String))
            {
                // Of two values we might route by one and the provider answer by the other.
                return Wrong(named ? "appears twice" : "must be a string");
            }

            if (isModel)
            {
                named = true;
                peek.Model = (int)reader.TokenStartIndex..(int)reader.BytesConsumed;
                peek.ModelIsEscaped = reader.ValueIsEscaped;
                _ = peek.ModelIsEscaped ? reader.GetString() : null; // throws now what would break later
            }

            reader.Skip();
        }

        while (reader.Read())
        {
            // Only to prove that nothing but white space follows: anything else throws.
        }

        return named || !needsModel ? null : Wrong("is required: name a route, see GET /v1/models");
    }

    private static Problem Wrong(string rule) => new("invalid_request", 400, $"'model' {rule}.") { Field = "model" };
}
