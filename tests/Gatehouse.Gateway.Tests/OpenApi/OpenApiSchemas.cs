using System.Collections.Concurrent;
using System.Text.Json;
using Gatehouse.Guardrails.Schema;

namespace Gatehouse.Gateway.Tests.OpenApi;

/// <summary>OpenAI's public API description as far as answers go, in <c>openai.json</c>.</summary>
internal static class OpenApiSchemas
{
    private static readonly string Definitions =
        JsonElement.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "OpenApi", "openai.json"))).GetProperty("$defs")
            .GetRawText();

    private static readonly ConcurrentDictionary<string, JsonSchema> Schemas = new(StringComparer.Ordinal);

    /// <param name="name">Of the schema, as the description calls it.</param>
    public static JsonElement AssertValid(string name, string json)
    {
        var value = JsonElement.Parse(json);
        var errors = Schemas.GetOrAdd(name, n => JsonSchema.Parse($$"""{"$ref":"#/$defs/{{n}}","$defs":{{Definitions}}}"""))
            .Validate(value);
        Assert.True(errors.Count == 0, $"{name}: {string.Join("; ", errors)}\n{json}");
        return value;
    }

    public static bool IsValid(string name, string json) =>
        JsonSchema.Parse($$"""{"$ref":"#/$defs/{{name}}","$defs":{{Definitions}}}""").IsValid(JsonElement.Parse(json));
}
