using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gatehouse.Gateway.Providers.Simulator;

/// <summary>
/// A value that a JSON schema allows: constants, enums, required properties, references, bounds and the usual string formats.
/// Patterns and conditional schemas are beyond it.
/// </summary>
internal sealed class SchemaSample
{
    private const int MaxDepth = 24;
    private const int MaxItems = 64;

    private static readonly JsonDocument AnyText = JsonDocument.Parse("""{"type":"string"}""");

    private readonly JsonElement _root;
    private readonly Random _random;

    private SchemaSample(JsonElement root, Random random)
    {
        _root = root;
        _random = random;
    }

    /// <summary>The value as JSON text; an empty object when there is no schema. The same for the same seed.</summary>
    public static string Write(JsonElement schema, int seed)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            if (schema.ValueKind == JsonValueKind.Object)
            {
                new SchemaSample(schema, new Random(seed)).Value(json, schema, "value", 0);
            }
            else
            {
                json.WriteStartObject();
                json.WriteEndObject();
            }
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private void Value(Utf8JsonWriter json, JsonElement schema, string name, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > MaxDepth)
        {
            json.WriteNullValue();
            return;
        }

        if (schema.TryGetProperty("$ref", out var reference) && Resolve(reference.GetString()) is { } target)
        {
            Value(json, target, name, depth + 1);
        }
        else if (schema.TryGetProperty("const", out var constant))
        {
            constant.WriteTo(json);
        }
        else if (schema.TryGetProperty("enum", out var options) && options.ValueKind == JsonValueKind.Array && options.GetArrayLength() > 0)
        {
            options[_random.Next(options.GetArrayLength())].WriteTo(json);
        }
        else if (Alternative(schema, depth) is { } alternative)
        {
            Value(json, alternative, name, depth + 1);
        }
        else
        {
            Typed(json, schema, TypeOf(schema, depth), name, depth);
        }
    }

    private void Typed(Utf8JsonWriter json, JsonElement schema, string type, string name, int depth)
    {
        switch (type)
        {
            case "object":
                Object(json, schema, depth);
                break;
            case "array":
                Array(json, schema, name, depth);
                break;
            case "integer":
                json.WriteNumberValue((long)Number(schema, 1));
                break;
            case "number":
                json.WriteNumberValue(Number(schema, 0.5m));
                break;
            case "boolean":
                json.WriteBooleanValue(_random.Next(2) == 0);
                break;
            case "null":
                json.WriteNullValue();
                break;
            default:
                json.WriteStringValue(Text(schema, name));
                break;
        }
    }

    private void Object(Utf8JsonWriter json, JsonElement schema, int depth)
    {
        json.WriteStartObject();
        var written = new HashSet<string>(StringComparer.Ordinal);
        foreach (var part in Parts(schema))
        {
            if (!part.TryGetProperty("required", out var required) || required.ValueKind != JsonValueKind.Array)
            {
                continue;
            }

            foreach (var item in required.EnumerateArray())
            {
                var property = item.GetString() ?? "";
                if (written.Add(property))
                {
                    json.WritePropertyName(property);
                    Value(json, Property(schema, property), property, depth + 1);
                }
            }
        }

        json.WriteEndObject();
    }

    /// <summary>The schema and, since they all must hold, what it lists under <c>allOf</c>.</summary>
    private IEnumerable<JsonElement> Parts(JsonElement schema)
    {
        yield return schema;
        if (schema.TryGetProperty("allOf", out var all) && all.ValueKind == JsonValueKind.Array)
        {
            foreach (var part in all.EnumerateArray())
            {
                var resolved = part.ValueKind == JsonValueKind.Object && part.TryGetProperty("$ref", out var reference)
                    ? Resolve(reference.GetString()) ?? part
                    : part;
                if (resolved.ValueKind == JsonValueKind.Object)
                {
                    yield return resolved;
                }
            }
        }
    }

    private JsonElement Property(JsonElement schema, string name)
    {
        foreach (var part in Parts(schema))
        {
            if (part.TryGetProperty("properties", out var properties) && properties.TryGetProperty(name, out var found))
            {
                return found;
            }
        }

        return AnyText.RootElement;
    }

    private void Array(Utf8JsonWriter json, JsonElement schema, string name, int depth)
    {
        var least = (int)(Bound(schema, "minItems") ?? 0);
        var most = (int)(Bound(schema, "maxItems") ?? Math.Max(least, 1));
        var wanted = depth > MaxDepth / 2 ? least : Math.Max(least, 1);
        var prefix = schema.TryGetProperty("prefixItems", out var fixedItems) && fixedItems.ValueKind == JsonValueKind.Array
            ? fixedItems
            : default;
        var items = schema.TryGetProperty("items", out var given) && given.ValueKind == JsonValueKind.Object ? given : AnyText.RootElement;
        json.WriteStartArray();
        for (var i = 0; i < Math.Min(Math.Min(wanted, most), MaxItems); i++)
        {
            var item = prefix.ValueKind == JsonValueKind.Array && i < prefix.GetArrayLength() ? prefix[i] : items;
            Value(json, item, $"{name} {i + 1}", depth + 1);
        }

        json.WriteEndArray();
    }

    private decimal Number(JsonElement schema, decimal smallest)
    {
        var low = Bound(schema, "minimum") ?? (Bound(schema, "exclusiveMinimum") is { } above ? above + smallest : null);
        var high = Bound(schema, "maximum") ?? (Bound(schema, "exclusiveMaximum") is { } below ? below - smallest : null);
        var from = low ?? (high is { } top ? top - 10 : 1);
        var to = high ?? from + 100;
        if (smallest == 1)
        {
            from = decimal.Ceiling(from);
            to = decimal.Floor(to);
        }

        var step = Bound(schema, "multipleOf") is { } multiple and > 0 ? multiple : smallest;
        var first = decimal.Ceiling(from / step) * step;
        var steps = first > to ? 0 : (int)Math.Min((to - first) / step, 100);
        return first > to && step == smallest ? from : first + (_random.Next(steps + 1) * step);
    }

    private string Text(JsonElement schema, string name)
    {
        var format = schema.TryGetProperty("format", out var given) ? given.GetString() : null;
        var number = _random.Next(1, 1000);
        var text = format switch
        {
            "date" => "2026-01-15",
            "time" => "09:30:00Z",
            "date-time" => "2026-01-15T09:30:00Z",
            "duration" => "PT15M",
            "email" => "someone@example.com",
            "hostname" => "example.com",
            "ipv4" => "192.0.2.1",
            "ipv6" => "2001:db8::1",
            "uri" or "url" => "https://example.com/",
            "uuid" => "00000000-0000-4000-8000-" + number.ToString("D12", CultureInfo.InvariantCulture),
            _ => string.Create(CultureInfo.InvariantCulture, $"simulated {name} {number}"),
        };
        var least = (int)Math.Min(Bound(schema, "minLength") ?? 0, 10_000);
        var most = (int)Math.Min(Bound(schema, "maxLength") ?? int.MaxValue, int.MaxValue);
        text = text.PadRight(least, 'x');
        return text.Length > most ? text[..most] : text;
    }

    /// <summary>
    /// One of <c>anyOf</c> or <c>oneOf</c>: deep down the one that ends soonest, so that recursive schemas come to an end.
    /// </summary>
    private static JsonElement? Alternative(JsonElement schema, int depth)
    {
        if (!(schema.TryGetProperty("anyOf", out var options) || schema.TryGetProperty("oneOf", out options))
            || options.ValueKind != JsonValueKind.Array || options.GetArrayLength() == 0)
        {
            return null;
        }

        if (depth > 6)
        {
            foreach (var option in options.EnumerateArray())
            {
                if (option.ValueKind == JsonValueKind.Object && !option.TryGetProperty("$ref", out _)
                    && TypeOf(option, depth) is not ("object" or "array"))
                {
                    return option;
                }
            }
        }

        return options[0];
    }

    private static string TypeOf(JsonElement schema, int depth)
    {
        if (schema.TryGetProperty("type", out var type))
        {
            if (type.ValueKind == JsonValueKind.String)
            {
                return type.GetString()!;
            }

            if (type.ValueKind == JsonValueKind.Array && type.GetArrayLength() > 0)
            {
                var names = type.EnumerateArray().Select(t => t.GetString() ?? "string").ToList();
                return depth > 6 && names.Contains("null") ? "null" : names[0];
            }
        }

        var isObject = schema.TryGetProperty("properties", out _) || schema.TryGetProperty("allOf", out _);
        return isObject ? "object" : schema.TryGetProperty("items", out _) ? "array" : "string";
    }

    private static decimal? Bound(JsonElement schema, string name) =>
        schema.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var bound)
            ? bound
            : null;

    /// <summary>Follows <c>#/$defs/Name</c> within this schema.</summary>
    private JsonElement? Resolve(string? reference)
    {
        if (reference is null || !reference.StartsWith('#'))
        {
            return null;
        }

        var at = _root;
        foreach (var step in reference[1..].Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            var name = step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(name, out at))
            {
                return null;
            }
        }

        return at;
    }
}
