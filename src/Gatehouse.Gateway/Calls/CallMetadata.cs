using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Calls;

/// <summary>
/// What a call says about itself, for conditions of targets: the header <c>x-gatehouse-metadata</c>, else <c>metadata</c> of the body, and
/// who its user is. Read only when a route asks for it. It is the caller's word: nothing that protects data depends on it.
/// </summary>
internal sealed class CallMetadata
{
    public const string Header = "x-gatehouse-metadata";
    public const string UserHeader = "x-gatehouse-user";

    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    private CallMetadata()
    {
    }

    /// <summary>The application's name of its user, or <see langword="null"/>.</summary>
    public string? User { get; private set; }

    public string? this[string name] => _values.GetValueOrDefault(name);

    /// <exception cref="ProblemException">The header is not a JSON object of texts, numbers and switches.</exception>
    public static CallMetadata Read(Call call)
    {
        var metadata = new CallMetadata();
        metadata.ReadBody(call.Body.Span);
        var headers = call.Http.Request.Headers;
        if (headers[Header].ToString() is { Length: > 0 } text)
        {
            metadata._values.Clear();
            metadata.ReadHeader(text);
        }

        metadata.User = headers[UserHeader].ToString() is { Length: > 0 } user ? user : metadata["user"] ?? metadata.User;
        return metadata;
    }

    private void ReadHeader(string text)
    {
        try
        {
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text));
            if (reader.Read() && reader.TokenType == JsonTokenType.StartObject && TryReadValues(ref reader) && !reader.Read())
            {
                return;
            }
        }
        catch (JsonException)
        {
            // Refused below, in words of ours.
        }

        throw new ProblemException(new Problem(
            "invalid_request", 400,
            $$"""The header '{{Header}}' must be a JSON object of texts, numbers, true and false, such as {"tier":"gold"}.""")
        {
            Field = Header,
        });
    }

    /// <summary>
    /// The body is one valid JSON object, as the peek has proved; metadata that is no object of plain values is the provider's business.
    /// </summary>
    private void ReadBody(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMetadata = reader.ValueTextEquals("metadata"u8);
            var isUser = reader.ValueTextEquals("user"u8) || reader.ValueTextEquals("safety_identifier"u8);
            reader.Read();
            if (isMetadata && reader.TokenType == JsonTokenType.StartObject)
            {
                TryReadValues(ref reader);
                User ??= this["user_id"]; // where Anthropic's format has it
            }
            else if (isUser && reader.TokenType == JsonTokenType.String)
            {
                User = reader.GetString();
            }
            else
            {
                reader.Skip();
            }
        }
    }

    /// <returns><see langword="false"/> when a value is an object or a list; it is left out.</returns>
    private bool TryReadValues(ref Utf8JsonReader reader)
    {
        var plain = true;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            switch (reader.TokenType)
            {
                case JsonTokenType.String:
                    _values[name] = reader.GetString()!;
                    break;
                case JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False:
                    _values[name] = Encoding.UTF8.GetString(reader.ValueSpan);
                    break;
                case JsonTokenType.Null:
                    break;
                default:
                    plain = false;
                    reader.Skip();
                    break;
            }
        }

        return plain;
    }
}
