using System.Buffers;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Generate;

/// <summary>
/// Google's own schemas as JSON Schema: types in upper case become lower case, <c>nullable</c> a type of its own, numbers written as
/// strings become numbers, and the order of properties has no word.
/// </summary>
internal static class GoogleSchema
{
    public static JsonElement ToJsonSchema(JsonElement schema)
    {
        var to = new ArrayBufferWriter<byte>();
        using (var json = JsonOut.Begin(to))
        {
            Write(json, schema);
        }

        return WireJson.Parse(to.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter json, JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            json.WriteRaw(schema);
            return;
        }

        var nullable = WireJson.TryGet(schema, "nullable", out var flag) && flag.ValueKind == JsonValueKind.True;
        json.WriteStartObject();
        foreach (var keyword in schema.EnumerateObject())
        {
            var (name, value) = (GenerateRequestReader.Camel(keyword.Name), keyword.Value);
            switch (name)
            {
                case "nullable" or "propertyOrdering":
                    break;
                case "type" when value.ValueKind == JsonValueKind.String:
                    WriteType(json, value.GetString()!, nullable);
                    break;
                case "properties" when value.ValueKind == JsonValueKind.Object:
                    json.WriteStartObject(name);
                    foreach (var property in value.EnumerateObject())
                    {
                        json.WritePropertyName(property.Name);
                        Write(json, property.Value);
                    }

                    json.WriteEndObject();
                    break;
                case "items":
                    json.WritePropertyName(name);
                    Write(json, value);
                    break;
                case "anyOf" when value.ValueKind == JsonValueKind.Array:
                    json.WriteStartArray(name);
                    foreach (var choice in value.EnumerateArray())
                    {
                        Write(json, choice);
                    }

                    json.WriteEndArray();
                    break;
                case "minItems" or "maxItems" or "minLength" or "maxLength" or "minProperties" or "maxProperties"
                    when value.ValueKind == JsonValueKind.String && long.TryParse(value.GetString(), out var number):
                    json.WriteNumber(name, number);
                    break;
                default:
                    json.WriteRaw(name, value);
                    break;
            }
        }

        json.WriteEndObject();
    }

    private static void WriteType(Utf8JsonWriter json, string type, bool nullable)
    {
        if (type == "TYPE_UNSPECIFIED")
        {
            return;
        }

        var lower = type.ToLowerInvariant();
        if (!nullable)
        {
            json.WriteString("type", lower);
            return;
        }

        json.WriteStartArray("type");
        json.WriteStringValue(lower);
        json.WriteStringValue("null");
        json.WriteEndArray();
    }
}
