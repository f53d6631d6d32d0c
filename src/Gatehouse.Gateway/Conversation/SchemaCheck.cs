using System.Globalization;
using System.Text.Json;

namespace Gatehouse.Gateway.Conversation;

/// <summary>
/// Whether a JSON value follows a JSON Schema, as far as it can be told from what models are commonly asked for: types, properties, items,
/// enumerations, bounds, combinations and local references. What it does not know (patterns, formats) it does not judge.
/// </summary>
internal sealed class SchemaCheck(JsonElement root)
{
    /// <summary>A schema that refers to itself is followed so far.</summary>
    private const int MaxDepth = 64;

    /// <returns><see langword="false"/> when the text is not JSON, or JSON that breaks the schema.</returns>
    public static bool Follows(JsonElement schema, string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return new SchemaCheck(schema).Holds(schema, document.RootElement, 0);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private bool Holds(JsonElement schema, JsonElement value, int depth)
    {
        if (schema.ValueKind == JsonValueKind.False)
        {
            return false;
        }

        if (schema.ValueKind != JsonValueKind.Object || depth > MaxDepth)
        {
            return true;
        }

        foreach (var rule in schema.EnumerateObject())
        {
            if (!Holds(rule, schema, value, depth))
            {
                return false;
            }
        }

        return true;
    }

    private bool Holds(JsonProperty rule, JsonElement schema, JsonElement value, int depth) => rule.Name switch
    {
        "$ref" => rule.Value.GetString() is not { } path || Find(path) is not { } target || Holds(target, value, depth + 1),
        "type" => rule.Value.ValueKind == JsonValueKind.Array ? rule.Value.EnumerateArray().Any(t => Is(t.GetString(), value)) : Is(rule.Value.GetString(), value),
        "enum" => rule.Value.EnumerateArray().Any(e => JsonElement.DeepEquals(e, value)),
        "const" => JsonElement.DeepEquals(rule.Value, value),
        "allOf" => rule.Value.EnumerateArray().All(s => Holds(s, value, depth + 1)),
        "anyOf" => rule.Value.EnumerateArray().Any(s => Holds(s, value, depth + 1)),
        "oneOf" => rule.Value.EnumerateArray().Count(s => Holds(s, value, depth + 1)) == 1,
        "not" => !Holds(rule.Value, value, depth + 1),
        "properties" => value.ValueKind != JsonValueKind.Object
            || rule.Value.EnumerateObject().All(p => !value.TryGetProperty(p.Name, out var inner) || Holds(p.Value, inner, depth + 1)),
        "required" => value.ValueKind != JsonValueKind.Object || rule.Value.EnumerateArray().All(n => value.TryGetProperty(n.GetString()!, out _)),
        "additionalProperties" => value.ValueKind != JsonValueKind.Object || value.EnumerateObject().All(p => IsNamed(schema, p.Name) || Holds(rule.Value, p.Value, depth + 1)),
        "items" => value.ValueKind != JsonValueKind.Array || value.EnumerateArray().All(i => Holds(rule.Value, i, depth + 1)),
        "minItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() >= rule.Value.GetDouble(),
        "maxItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() <= rule.Value.GetDouble(),
        "minLength" => value.ValueKind != JsonValueKind.String || Length(value) >= rule.Value.GetDouble(),
        "maxLength" => value.ValueKind != JsonValueKind.String || Length(value) <= rule.Value.GetDouble(),
        "minimum" => value.ValueKind != JsonValueKind.Number || value.GetDouble() >= rule.Value.GetDouble(),
        "maximum" => value.ValueKind != JsonValueKind.Number || value.GetDouble() <= rule.Value.GetDouble(),
        _ => true,
    };

    /// <summary>Properties that a pattern names are not judged.</summary>
    private static bool IsNamed(JsonElement schema, string name) =>
        (schema.TryGetProperty("properties", out var properties) && properties.TryGetProperty(name, out _)) || schema.TryGetProperty("patternProperties", out _);

    private static bool Is(string? type, JsonElement value) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "null" => value.ValueKind == JsonValueKind.Null,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && double.IsInteger(value.GetDouble()),
        _ => true,
    };

    private static int Length(JsonElement value) => new StringInfo(value.GetString()!).LengthInTextElements;

    /// <summary>A pointer within the schema: <c>#/$defs/item</c>.</summary>
    private JsonElement? Find(string path)
    {
        if (!path.StartsWith('#'))
        {
            return null;
        }

        var at = root;
        foreach (var part in path[1..].Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            var name = part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(name, out at))
            {
                return null;
            }
        }

        return at;
    }
}
