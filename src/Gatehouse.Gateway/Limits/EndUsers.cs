using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Limits;

/// <summary>
/// The end user that a call names: the header <c>x-gatehouse-user</c>, else the request's <c>user</c>, <c>safety_identifier</c> or
/// <c>metadata.user_id</c>. Calls that name none share what a rule gives to one end user: nobody escapes it by leaving the name out.
/// </summary>
internal static class EndUsers
{
    public const string Header = "x-gatehouse-user";

    /// <summary>Longer names, as tokens of a sign-in are, are known by their beginning and a hash of the whole.</summary>
    private const int MaxChars = 128;

    private const int HashChars = 64;

    public static string Of(Call call)
    {
        var header = call.Http.Request.Headers[Header].ToString();
        var name = header.Length > 0 ? header : Read(call.Body.Span) ?? "";
        return name.Length <= MaxChars ? name : Shortened(name);
    }

    /// <summary>Two people whose long names begin alike are two people: to budgets, and to answers that are kept.</summary>
    private static string Shortened(string name) =>
        $"{name.AsSpan(0, MaxChars - HashChars - 1)}~{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))}";

    /// <param name="body">Proved to be one JSON object.</param>
    private static string? Read(ReadOnlySpan<byte> body)
    {
        string? found = null;
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("user"u8) || reader.ValueTextEquals("safety_identifier"u8))
            {
                found = ReadText(ref reader) ?? found;
            }
            else if (reader.ValueTextEquals("metadata"u8))
            {
                found = ReadUserId(ref reader) ?? found;
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return found;
    }

    private static string? ReadUserId(ref Utf8JsonReader reader)
    {
        string? found = null;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return null;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("user_id"u8))
            {
                found = ReadText(ref reader);
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return found;
    }

    private static string? ReadText(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.String)
        {
            try
            {
                return reader.GetString() is { Length: > 0 } text ? text : null;
            }
            catch (InvalidOperationException)
            {
                return null; // half of a surrogate pair names nobody
            }
        }

        reader.Skip();
        return null;
    }
}
