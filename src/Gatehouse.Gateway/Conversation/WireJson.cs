using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Conversation;

/// <summary>
/// Reads JSON of callers and providers. <c>Require…</c> and <c>Optional…</c> are for callers: they name the wrong field in a
/// <see cref="ProblemException"/>. <c>…Or…</c> are for providers: what is missing or odd becomes the default. Null counts as missing.
/// </summary>
internal static class WireJson
{
    /// <summary>Deepest nesting accepted; tool schemas are the deepest thing that real requests hold.</summary>
    public const int MaxDepth = 128;

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = MaxDepth };

    /// <summary>Parses a caller's body into a copy of its own; every string in it can be read.</summary>
    public static JsonElement ParseRequest(ReadOnlySpan<byte> body)
    {
        JsonElement root;
        try
        {
            root = JsonElement.Parse(body, Options);
        }
        catch (JsonException e)
        {
            var where = e.LineNumber is { } line ? $" near line {line + 1}, byte {e.BytePositionInLine + 1}" : "";
            throw new ProblemException(Problem.Malformed(
                $"The body is not valid JSON of at most {MaxDepth} levels{where}; send one JSON object in UTF-8."));
        }

        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new ProblemException(Problem.Malformed("The body must be a JSON object."));
        }

        if (!Utf8.IsValid(body) || HasLoneSurrogate(body, namesOnly: false))
        {
            throw new ProblemException(Problem.Malformed("The body holds text that is not valid Unicode; send whole characters in UTF-8."));
        }

        return root;
    }

    /// <summary>Parses a part of a caller's body that was proved to be JSON; every string in it can be read.</summary>
    /// <exception cref="ProblemException">Some string is cut in the middle of a character.</exception>
    public static JsonElement ParseItems(ReadOnlySpan<byte> json) => HasLoneSurrogate(json, namesOnly: false)
        ? throw new ProblemException(Problem.Malformed("The body holds text that is not valid Unicode; send whole characters in UTF-8."))
        : Parse(json);

    /// <summary>Parses JSON that was read or written here before.</summary>
    public static JsonElement Parse(ReadOnlySpan<byte> json) => JsonElement.Parse(json, Options);

    /// <exception cref="FormatException">Not a JSON object.</exception>
    public static JsonElement ParseAnswer(ReadOnlySpan<byte> body)
    {
        try
        {
            var root = JsonElement.Parse(body, Options);
            return root.ValueKind == JsonValueKind.Object && !HasLoneSurrogate(body, namesOnly: true)
                && (Utf8.IsValid(body) || HasReadableNames(body))
                ? root
                : throw new FormatException("The provider's answer is not a JSON object.");
        }
        catch (JsonException e)
        {
            throw new FormatException("The provider's answer is not valid JSON.", e);
        }
    }

    public static ProblemException Invalid(string field, string rule) =>
        new(new Problem("invalid_field", 400, $"'{field}' {rule}.") { Field = field });

    public static string RequireString(JsonElement parent, string path, string name)
    {
        var field = Join(path, name);
        var text = OptionalString(parent, path, name) ?? throw Invalid(field, "is required: send a string");
        return text.Length > 0 ? text : throw Invalid(field, "must not be empty");
    }

    public static string? OptionalString(JsonElement parent, string path, string name) =>
        TryGet(parent, name, out var value) ? String(value, Join(path, name)) : null;

    public static string String(JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Invalid(field, $"must be a string, not {Kind(value)}");

    public static bool Bool(JsonElement value, string field) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Invalid(field, $"must be true or false, not {Kind(value)}"),
    };

    public static double Number(JsonElement value, string field, double least, double most)
    {
        if (value.ValueKind != JsonValueKind.Number)
        {
            throw Invalid(field, $"must be a number, not {Kind(value)}");
        }

        return value.TryGetDouble(out var number) && number >= least && number <= most
            ? number
            : throw Invalid(field, string.Create(CultureInfo.InvariantCulture, $"must be between {least} and {most}"));
    }

    public static long Count(JsonElement value, string field, long least)
    {
        if (value.ValueKind != JsonValueKind.Number)
        {
            throw Invalid(field, $"must be a whole number, not {Kind(value)}");
        }

        return TryGetWhole(value, out var number) && number >= least
            ? number
            : throw Invalid(field, string.Create(CultureInfo.InvariantCulture, $"must be a whole number of at least {least}"));
    }

    public static JsonElement RequireArray(JsonElement parent, string path, string name)
    {
        var field = Join(path, name);
        return TryGet(parent, name, out var value) ? Array(value, field) : throw Invalid(field, "is required: send an array");
    }

    public static JsonElement Array(JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.Array ? value : throw Invalid(field, $"must be an array, not {Kind(value)}");

    public static JsonElement RequireObject(JsonElement parent, string path, string name)
    {
        var field = Join(path, name);
        return TryGet(parent, name, out var value) ? Object(value, field) : throw Invalid(field, "is required: send an object");
    }

    public static JsonElement Object(JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.Object ? value : throw Invalid(field, $"must be an object, not {Kind(value)}");

    /// <returns><see langword="false"/> when the property is missing or null, or the parent is no object.</returns>
    public static bool TryGet(JsonElement parent, string name, out JsonElement value)
    {
        value = default;
        return parent.ValueKind == JsonValueKind.Object
            && parent.TryGetProperty(name, out value)
            && value.ValueKind != JsonValueKind.Null;
    }

    public static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    public static string? StringOrNull(JsonElement parent, string name) =>
        TryGet(parent, name, out var value) ? TextOrNull(value) : null;

    public static string StringOrEmpty(JsonElement parent, string name) => StringOrNull(parent, name) ?? "";

    public static long LongOrZero(JsonElement parent, string name) =>
        TryGet(parent, name, out var value) && value.ValueKind == JsonValueKind.Number && TryGetWhole(value, out var number) ? number : 0;

    public static int IndexOrZero(JsonElement parent, string name) => (int)Math.Clamp(LongOrZero(parent, name), 0, int.MaxValue);

    public static IEnumerable<JsonElement> Items(JsonElement parent, string name) =>
        TryGet(parent, name, out var value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [];

    /// <summary>A provider's JSON as text; bytes that are no UTF-8 are replaced.</summary>
    public static string RawText(JsonElement value) => Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(value));

    /// <summary>A string as UTF-16 even when it holds half a surrogate pair, which some servers split between two deltas.</summary>
    public static string? TextOrNull(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return Unescape(Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(value)[1..^1]));
        }
    }

    private static string Unescape(string raw)
    {
        var text = new StringBuilder(raw.Length);
        for (var i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '\\')
            {
                text.Append(raw[i]);
                continue;
            }

            i++;
            if (raw[i] == 'u')
            {
                text.Append((char)ushort.Parse(raw.AsSpan(i + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                i += 4;
            }
            else
            {
                text.Append(raw[i] switch { 'b' => '\b', 'f' => '\f', 'n' => '\n', 'r' => '\r', 't' => '\t', var c => c });
            }
        }

        return text.ToString();
    }

    /// <summary>Whether some escaped string is cut in the middle of a character: reading it later would throw.</summary>
    private static bool HasLoneSurrogate(ReadOnlySpan<byte> body, bool namesOnly)
    {
        if (body.IndexOf("\\ud"u8) < 0 && body.IndexOf("\\uD"u8) < 0)
        {
            return false;
        }

        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
        while (reader.Read())
        {
            if ((reader.TokenType == JsonTokenType.PropertyName || (reader.TokenType == JsonTokenType.String && !namesOnly))
                && reader.ValueIsEscaped
                && EndsOrBeginsHalfway(reader.ValueSpan))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Text of providers may be broken, and is read with what stands for a broken character; a name that is would throw when it is read.
    /// </summary>
    private static bool HasReadableNames(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName && !Utf8.IsValid(reader.ValueSpan))
            {
                return false;
            }
        }

        return true;
    }

    private static bool EndsOrBeginsHalfway(ReadOnlySpan<byte> escaped)
    {
        var expectLow = false;
        for (var i = 0; i < escaped.Length; i++)
        {
            var high = false;
            var low = false;
            if (escaped[i] == '\\')
            {
                i++;
                if (escaped[i] == 'u')
                {
                    var unit = ushort.Parse(escaped.Slice(i + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                    high = char.IsHighSurrogate((char)unit);
                    low = char.IsLowSurrogate((char)unit);
                    i += 4;
                }
            }

            if (expectLow != low)
            {
                return true;
            }

            expectLow = high;
        }

        return expectLow;
    }

    /// <summary>Accepts 5 and 5.0, as JSON knows no difference.</summary>
    private static bool TryGetWhole(JsonElement value, out long number)
    {
        if (value.TryGetInt64(out number))
        {
            return true;
        }

        if (value.TryGetDouble(out var real) && Math.Abs(real) < 1e15 && real == Math.Truncate(real))
        {
            number = (long)real;
            return true;
        }

        return false;
    }

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.Array => "an array",
        JsonValueKind.Object => "an object",
        JsonValueKind.Null => "null",
        _ => "a boolean",
    };
}
