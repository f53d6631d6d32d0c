using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gatehouse.Configuration;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Tests.Configuration;

/// <summary>Writes the JSON Schema and the reference pages from the same definitions that the binder reads.</summary>
internal static class ReferenceDocuments
{
    private const string Reference = @"^.*\$\{.+\}.*$";
    private static readonly JsonSerializerOptions Indented =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Schema()
    {
        var schema = Section(typeof(GatehouseOptions));
        var root = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "gatehouse.yaml",
            ["description"] =
                "The configuration of Gatehouse. Generated; every value may hold ${NAME}, ${NAME:-default}, ${file:path}, ${secret:NAME} or ${vault:path#field}.",
        };
        foreach (var (name, value) in schema.ToList())
        {
            schema.Remove(name);
            root[name] = value;
        }

        return root.ToJsonString(Indented);
    }

    public static string Configuration()
    {
        var text = new StringBuilder("""
            # gatehouse.yaml

            Generated from `src/Gatehouse.ControlPlane/Configuration/Definitions`; a test fails when this file is stale. `samples/gatehouse.yaml` is a file to begin
            with, and `docs/reference/gatehouse.schema.json` teaches these settings to an editor.

            The file is strict: an unknown, repeated or wrong setting is an error that names line, column and the nearest valid name. Changes are picked up
            while Gatehouse runs, as one revision: calls in flight keep the old one, and a file with an error changes nothing. `gatehouse config check` looks at
            a file before it is used; `gatehouse doctor` says what is wrong with the one in use.

            - **Durations**: `200ms`, `5s`, `2m`, `1h`, `1d`, or `0`. **Sizes**: `64KiB`, `32MiB`, `1GiB`.
            - **References** may stand in every value: `${NAME}` is an environment variable, `${NAME:-default}` one with a default, `${file:path}` the content
              of a file without surrounding space, `${secret:NAME}` a secret that Gatehouse keeps, `${vault:path#field}` a field in a vault
              ([Secrets](../guides/secrets.md)); `$${` is a literal `${`. A file is read again when it changes; a variable at the next start.
            - **Secrets** are shown as `***`, or as the reference they were written as.
            - **Restart**: marked settings take effect at the next start. A change is reported and the others are live.
            - Relative paths start at the folder of the file. Anchors, aliases and tags are refused.
            - Without a file: SQLite in `data`, the simulator, a provider for each credential in the environment with routes by the prefixes of
              [its kind](providers.md), and an Ollama that answers on 127.0.0.1:11434 with a route for each of its models.


            """);
        foreach (var section in Definition.Of(typeof(GatehouseOptions)))
        {
            var type = section.Item ?? section.Value;
            var name = section.Kind == SettingKind.Entries ? $"{section.Key}.<{section.About.EntryName}>" : section.Key;
            text.Append(CultureInfo.InvariantCulture, $"## {section.Key}\n\n{section.About.Description}\n\n");
            Table(text, name, type);
        }

        return text.ToString();
    }

    public static string Policies()
    {
        var text = new StringBuilder("""
            # Policy files

            Generated from `PolicyFileOptions`; a test fails when this file is stale. [The guide](../guides/policies.md) says how they work; `gatehouse policy show
            standard` prints one to begin with. Files are strict as `gatehouse.yaml` is: a mistake is named with line and column.


            """);
        Table(text, "policy", typeof(PolicyFileOptions));
        return text.ToString();
    }

    public static string Providers()
    {
        var text = new StringBuilder("""
            # Kinds of providers

            Generated from `ProviderPresets`; a test fails when this file is stale. A provider's `kind` sets what the table shows; every part may be set otherwise
            in `gatehouse.yaml`. The credential is `api_key`, or else the first environment variable that is set.

            | kind | is | wire format | address | credential | header | output limit | usage in streams | routes without a file |
            | --- | --- | --- | --- | --- | --- | --- | --- | --- |

            """);
        foreach (var p in ProviderPresets.All)
        {
            var key = p.KeyVariables.Count > 0
                ? string.Join(", ", p.KeyVariables.Select(k => $"`{k}`")) + (p.NeedsKey ? "" : " (optional)")
                : p.Kind == "simulator" ? "none" : "optional";
            var address = p.Kind == "simulator"
                ? "in process"
                : p.Kind is "bedrock" or "vertex" or "vertex-anthropic"
                    ? "made of its settings"
                    : p.BaseUrl is null ? "`base_url` required" : $"`{p.BaseUrl}`";
            text.AppendJoin(" | ", $"| `{p.Kind}`", p.Title, WireName(p.Wire), address, key, $"`{p.ApiKeyHeader}`",
                $"`{p.MaxTokensField}`", p.StreamUsage ? "asked for" : "not asked for",
                p.Prefixes.Count == 0 ? "–" : string.Join(" ", p.Prefixes.Select(r => $"`{r}`")) + " |").Append('\n');
            if (p.Prefixes.Count == 0)
            {
                text.Insert(text.Length - 1, " |");
            }
        }

        text.Append("\n## Notes\n\n");
        foreach (var p in ProviderPresets.All.Where(p => p.Notes.Length > 0))
        {
            text.Append(CultureInfo.InvariantCulture, $"- `{p.Kind}`: {p.Notes}\n");
        }

        return text.Append("""
            - A value of such a variable that begins with `gh_` is a Gatehouse key of a client on this machine, and is not used as a provider's credential.

            ## Prices

            The built-in table holds list prices of common models in US dollars, without discounts. It was put together on 2026-11-21 and not checked against the
            providers' pages on that day: check it against your contract, import the public LiteLLM-shaped file with `prices.import`, or write your own in `prices.models`. A price belongs to a kind of provider, since
            the same model costs something else elsewhere; a model without a price is shown as unknown, never as zero. **The price of the simulator is fictitious**
            (1 USD per million input tokens, 2 per million output tokens), so that demonstrations show a cost.

            """).ToString();
    }

    private static string WireName(WireFormat wire) => wire switch
    {
        WireFormat.OpenAi => "OpenAI chat",
        WireFormat.Anthropic => "Anthropic messages",
        WireFormat.Bedrock => "Bedrock Converse",
        WireFormat.Cohere => "Cohere chat",
        _ => "Gemini generateContent",
    };

    private static void Table(StringBuilder text, string path, Type type)
    {
        text.Append(CultureInfo.InvariantCulture, $"| `{path}` | | value | default |\n| --- | --- | --- | --- |\n");
        var inner = new List<(string, Type)>();
        foreach (var d in Definition.Of(type))
        {
            var about = d.About;
            var marks = (about.Required ? " **Required.**" : "") + (about.Secret ? " Secret." : "") + (about.Restart ? " Restart." : "");
            text.Append(CultureInfo.InvariantCulture, $"| `{d.Key}` | {about.Description}{marks} | {Value(d)} | {DefaultOf(d)} |\n");
            if (d.Kind == SettingKind.Section)
            {
                inner.Add(($"{path}.{d.Key}", d.Value));
            }
            else if (d.Item is { } item && item != typeof(string))
            {
                inner.Add((d.Kind == SettingKind.List ? $"{path}.{d.Key}[]" : $"{path}.{d.Key}.<{about.EntryName}>", item));
            }
        }

        text.Append('\n');
        foreach (var (name, section) in inner)
        {
            Table(text, name, section);
        }
    }

    private static string Value(Definition d) => d.Kind switch
    {
        SettingKind.Section => "settings, below",
        SettingKind.List when d.Item == typeof(string) => "list of texts",
        SettingKind.List => "list of settings, below",
        SettingKind.Entries when d.Item == typeof(string) => $"text by {d.About.EntryName} name",
        SettingKind.Entries => $"settings by {d.About.EntryName} name, below",
        SettingKind.Choice => string.Join(", ", d.Choices.Select(c => $"`{c}`")),
        SettingKind.Text => "text",
        SettingKind.Url => "http(s) address",
        _ => Binder.Allowed(d),
    };

    private static string DefaultOf(Definition d) =>
        d.About.Required || (d.Kind == SettingKind.Section && d.Default is not null) ? ""
        : d.About.DefaultText is { } words ? words
        : d.Default is { } value && d.Kind is not (SettingKind.Section or SettingKind.List or SettingKind.Entries)
            ? $"`{Definition.Format(value)}`"
        : "none";

    private static JsonObject Section(Type type)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        foreach (var d in Definition.Of(type))
        {
            properties[d.Key] = Setting(d);
            if (d.About.Required)
            {
                required.Add((JsonNode)d.Key);
            }
        }

        var section =
            new JsonObject { ["type"] = new JsonArray("object", "null"), ["additionalProperties"] = false, ["properties"] = properties };
        if (required.Count > 0)
        {
            section["type"] = "object";
            section["required"] = required;
        }

        return section;
    }

    private static JsonObject Setting(Definition d)
    {
        var schema = d.Kind switch
        {
            SettingKind.Section => Section(d.Value),
            SettingKind.List =>
                new JsonObject { ["type"] = "array",
                    ["items"] = d.Item == typeof(string) ? new JsonObject { ["type"] = "string" } : Section(d.Item!) },
            SettingKind.Entries => new JsonObject
            {
                ["type"] = new JsonArray("object", "null"),
                ["additionalProperties"] = d.Item == typeof(string) ? new JsonObject { ["type"] = "string" } : Section(d.Item!),
            },
            SettingKind.Whole => OrReference(Ranged(new() { ["type"] = "integer" }, d)),
            SettingKind.Number or SettingKind.Money => OrReference(Ranged(new() { ["type"] = "number" }, d)),
            SettingKind.Switch => OrReference(new() { ["type"] = "boolean" }),
            SettingKind.Duration =>
                OrReference(new() { ["type"] = new JsonArray("string", "integer"), ["pattern"] = "^([0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d)|0)$",
                    ["maximum"] = 0, ["minimum"] = 0 }),
            SettingKind.Size =>
                OrReference(new() { ["type"] = new JsonArray("string", "integer"),
                    ["pattern"] = "^[0-9]+(\\.[0-9]+)?(B|KB|MB|GB|KiB|MiB|GiB)?$", ["minimum"] = 0 }),
            SettingKind.Url => OrReference(new() { ["type"] = "string", ["pattern"] = "^https?://[^?#@]+$" }),
            SettingKind.Choice => OrReference(new() { ["enum"] = new JsonArray([.. d.Choices.Select(c => (JsonNode)c)]) }),
            _ => new JsonObject { ["type"] = "string" },
        };
        var limits = d.Kind is SettingKind.Duration or SettingKind.Size ? " " + Capitalised(Binder.Allowed(d)) + "." : "";
        schema["description"] = d.About.Description + limits + (d.About.Restart ? " Takes effect at the next start." : "");
        if (d.About.DefaultText is null && !d.About.Required && d.Default is { } value && schema["properties"] is null && d.Item is null)
        {
            schema["default"] = value switch { bool on => on, int whole => whole, double number => number, _ => Definition.Format(value) };
        }

        if (d.About.Example is { } example && d.Item is null)
        {
            schema["examples"] = new JsonArray(example);
        }

        return schema;
    }

    private static JsonObject Ranged(JsonObject schema, Definition d)
    {
        foreach (var (name, bound) in new[] { ("minimum", d.About.Min), ("maximum", d.About.Max) })
        {
            if (bound is not null)
            {
                schema[name] = JsonNode.Parse(bound);
            }
        }

        return schema;
    }

    private static JsonObject OrReference(JsonObject schema) =>
        new() { ["anyOf"] = new JsonArray(schema, new JsonObject { ["type"] = "string", ["pattern"] = Reference }) };

    private static string Capitalised(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
