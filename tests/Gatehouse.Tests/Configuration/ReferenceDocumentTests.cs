using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gatehouse.Configuration;
using Gatehouse.Tests.House;

namespace Gatehouse.Tests.Configuration;

public sealed class ReferenceDocumentTests
{
    [Fact]
    public void The_schema_is_that_of_the_definitions() =>
        Golden.Check("docs/reference/gatehouse.schema.json", ReferenceDocuments.Schema());

    [Fact]
    public void The_reference_of_the_configuration_is_that_of_the_definitions() =>
        Golden.Check("docs/reference/configuration.md", ReferenceDocuments.Configuration());

    [Fact]
    public void The_reference_of_policy_files_is_that_of_the_definitions() =>
        Golden.Check("docs/reference/policies.md", ReferenceDocuments.Policies());

    [Fact]
    public void The_reference_of_providers_is_that_of_the_presets() =>
        Golden.Check("docs/reference/providers.md", ReferenceDocuments.Providers());

    [Fact]
    public void Every_default_and_every_bound_can_be_written_in_a_file()
    {
        var faults = new List<string>();
        Visit(typeof(GatehouseOptions));
        Assert.Empty(faults);

        void Visit(Type type)
        {
            foreach (var d in Definition.Of(type))
            {
                if (d.Kind == SettingKind.Section || (d.Item is { } i && i != typeof(string)))
                {
                    Visit(d.Item ?? d.Value);
                }

                foreach (var bound in new[] { d.About.Min, d.About.Max }.OfType<string>())
                {
                    var fits = d.Kind switch
                    {
                        SettingKind.Duration => Duration.TryParse(bound, out _),
                        SettingKind.Size => ByteSize.TryParse(bound, out _),
                        SettingKind.Whole or SettingKind.Number or SettingKind.Money => decimal.TryParse(bound, out _),
                        _ => false,
                    };
                    if (!fits)
                    {
                        faults.Add($"{type.Name}.{d.Key}: {bound}");
                    }
                }
            }
        }
    }

    [Fact]
    public void The_sample_fits_the_schema_and_a_misspelt_name_does_not()
    {
        var schema = JsonNode.Parse(ReferenceDocuments.Schema())!.AsObject();

        Assert.Empty(Misfits(schema, Tree(Configurations.SampleText), "sample"));
        Assert.NotEmpty(
            Misfits(schema, Tree(Configurations.SampleText.Replace("targets:", "target:", StringComparison.Ordinal)), "sample"));
        Assert.NotEmpty(Misfits(schema, Tree(Configurations.SampleText.Replace("3s", "3 seconds", StringComparison.Ordinal)), "sample"));
        Assert.NotEmpty(
            Misfits(schema, Tree(Configurations.SampleText.Replace("kind: vllm", "kind: vlm", StringComparison.Ordinal)), "sample"));
    }

    private static YamlMapping Tree(string text) => YamlReader.Read(null, text, [])!;

    /// <summary>The parts of JSON Schema that the schema uses.</summary>
    private static IEnumerable<string> Misfits(JsonObject schema, YamlTree tree, string path)
    {
        if (schema["anyOf"] is JsonArray either)
        {
            return either.Any(s => !Misfits(s!.AsObject(), tree, path).Any()) ? [] : [$"{path}: fits none"];
        }

        switch (tree)
        {
            case YamlMapping mapping:
                var properties = schema["properties"]?.AsObject();
                return mapping.Entries.SelectMany(e => properties?[e.Key.Text] is JsonObject known
                    ? Misfits(known, e.Value, $"{path}.{e.Key.Text}")
                        : schema["additionalProperties"] is JsonObject entry ? Misfits(entry, e.Value, $"{path}.{e.Key.Text}")
                        : [$"{path}.{e.Key.Text}: unknown"])
                    .Concat((schema["required"]?.AsArray() ?? []).Where(r => mapping.Entries.All(e => e.Key.Text != (string)r!))
                        .Select(r => $"{path}.{r}: missing"));
            case YamlList list:
                return schema["items"] is JsonObject item
                    ? list.Items.SelectMany((n, i) => Misfits(item, n, $"{path}[{i}]"))
                    : [$"{path}: no list"];
            default:
                var text = ((YamlValue)tree).Text;
                var fits = schema["enum"] is JsonArray words ? words.Any(w => (string)w! == text)
                    : schema["pattern"] is { } pattern ? Regex.IsMatch(text, (string)pattern!)
                    : (schema["type"] as JsonValue)?.GetValue<string>() switch
                    {
                        "string" => true,
                        "boolean" => text is "true" or "false",
                        "integer" or "number" => decimal.TryParse(text, out var number)
                            && (schema["minimum"] is not { } min || number >= min.GetValue<decimal>())
                            && (schema["maximum"] is not { } max || number <= max.GetValue<decimal>()),
                        _ => false,
                    };
                return fits ? [] : [$"{path}: {text}"];
        }
    }
}
