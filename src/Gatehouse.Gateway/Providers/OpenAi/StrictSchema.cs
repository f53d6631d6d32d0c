using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>
/// Whether a schema keeps OpenAI's rules of strict mode. A schema that does not is refused there under <c>strict</c>, while the other
/// formats enforce it as far as it goes.
/// </summary>
internal static class StrictSchema
{
    /// <summary>The root is an object; every object names all its properties as required and allows no others.</summary>
    public static bool IsMet(JsonElement schema) =>
        IsObject(schema) && !WireJson.TryGet(schema, "anyOf", out _) && Check(schema);

    private static bool Check(JsonElement schema)
    {
        if (schema.ValueKind != JsonValueKind.Object || (IsObject(schema) && !IsClosed(schema)))
        {
            return false;
        }

        var says = false;
        foreach (var keyword in schema.EnumerateObject())
        {
            switch (keyword.Name)
            {
                case "oneOf" or "allOf" or "not" or "if" or "then" or "else" or "patternProperties" or "propertyNames"
                    or "unevaluatedProperties"
                    or "dependentRequired" or "dependentSchemas" or "contains" or "prefixItems":
                    return false;
                case "type" or "enum" or "const" or "$ref":
                    says = true;
                    break;
                case "properties" or "$defs" or "definitions" when !AllMembers(keyword.Value):
                case "items" when !Check(keyword.Value):
                    return false;
                case "anyOf":
                    says = true;
                    if (!AllItems(keyword.Value))
                    {
                        return false;
                    }

                    break;
            }
        }

        return says; // a schema that allows anything is refused too
    }

    private static bool IsObject(JsonElement schema) =>
        WireJson.TryGet(schema, "properties", out _)
        || (WireJson.TryGet(schema, "type", out var type)
            && (type.ValueKind == JsonValueKind.String ? type.ValueEquals("object")
                : type.ValueKind == JsonValueKind.Array
                    && type.EnumerateArray().Any(t => t.ValueKind == JsonValueKind.String && t.ValueEquals("object"))));

    private static bool IsClosed(JsonElement schema)
    {
        if (!WireJson.TryGet(schema, "additionalProperties", out var additional) || additional.ValueKind != JsonValueKind.False)
        {
            return false;
        }

        if (!WireJson.TryGet(schema, "properties", out var properties))
        {
            return true;
        }

        var required = WireJson.Items(schema, "required").Select(WireJson.TextOrNull).ToHashSet();
        return properties.ValueKind == JsonValueKind.Object && properties.EnumerateObject().All(p => required.Contains(p.Name));
    }

    private static bool AllMembers(JsonElement schemas) =>
        schemas.ValueKind == JsonValueKind.Object && schemas.EnumerateObject().All(s => Check(s.Value));

    private static bool AllItems(JsonElement schemas) =>
        schemas.ValueKind == JsonValueKind.Array && schemas.EnumerateArray().All(Check);
}
