using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Gatehouse.Guardrails.Schema;

/// <summary>
/// Validates JSON against a JSON Schema of draft 2020-12 as the common generators write it: all assertion and applicator keywords,
/// <c>$ref</c> into the document, <c>$defs</c>, <c>$anchor</c>, unevaluated properties and items, common formats. References to other
/// documents and dynamic references are refused when the schema is read. Patterns run in linear time.
/// </summary>
public sealed class JsonSchema
{
    private const int MaxDepth = 128;
    private const int MaxErrors = 32;

    /// <summary>Steps of one validation. A few lines that refer to themselves twice would take more than all time there is.</summary>
    private const int MaxSteps = 100_000;

    private readonly JsonDocument _document;
    private readonly Dictionary<string, JsonElement> _anchors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Regex> _patterns = new(StringComparer.Ordinal);

    private JsonSchema(JsonDocument document)
    {
        _document = document;
        Collect(document.RootElement, 0);
    }

    /// <exception cref="FormatException">The text is no JSON, no schema, or uses what is not supported; the message says what.</exception>
    public static JsonSchema Parse(string schema)
    {
        try
        {
            return new JsonSchema(JsonDocument.Parse(schema));
        }
        catch (JsonException e)
        {
            throw new FormatException($"The schema is no valid JSON: {e.Message}", e);
        }
    }

    public bool IsValid(JsonElement value) => Validate(value).Count == 0;

    /// <summary>Every way in which the value does not fit, at most 32; empty when it fits.</summary>
    /// <exception cref="FormatException">What the schema says of this value is no schema, points at nothing, or takes too many steps to
    /// judge.</exception>
    public IReadOnlyList<SchemaError> Validate(JsonElement value)
    {
        var run = new Run(this);
        try
        {
            run.Check(_document.RootElement, value, "", new Evaluated(), 0);
        }
        catch (InvalidOperationException e)
        {
            throw new FormatException("A keyword of the schema, or a text, is of a kind that cannot be read.", e);
        }

        return run.Errors;
    }

    /// <summary>Finds anchors, compiles patterns and refuses what could only be misread.</summary>
    private void Collect(JsonElement schema, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new FormatException($"The schema is nested more than {MaxDepth} levels deep.");
        }

        if (schema.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in schema.EnumerateArray())
            {
                Collect(item, depth + 1);
            }
        }

        if (schema.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        foreach (var member in schema.EnumerateObject())
        {
            switch (member.Name)
            {
                case "const" or "enum" or "default" or "examples":
                    continue;
                case "$anchor" when member.Value.ValueKind == JsonValueKind.String:
                    _anchors["#" + member.Value.GetString()] = schema;
                    break;
                case "$ref" when member.Value.ValueKind == JsonValueKind.String && !member.Value.GetString()!.StartsWith('#'):
                    throw new FormatException($"$ref '{member.Value.GetString()}' leaves the document: put the definition under $defs.");
                case "$dynamicRef" or "$recursiveRef":
                    throw new FormatException($"{member.Name} is not supported: use $ref.");
                case "pattern" when member.Value.ValueKind == JsonValueKind.String:
                    Compile(member.Value.GetString()!);
                    break;
                case "patternProperties" when member.Value.ValueKind == JsonValueKind.Object:
                    foreach (var pattern in member.Value.EnumerateObject())
                    {
                        Compile(pattern.Name);
                    }

                    break;
                default:
                    break;
            }

            Collect(member.Value, depth + 1);
        }
    }

    private void Compile(string pattern)
    {
        try
        {
            _patterns[pattern] = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new FormatException($"The pattern '{pattern}' cannot be matched in linear time: {e.Message}", e);
        }
    }

    private JsonElement Resolve(string reference)
    {
        if (reference == "#")
        {
            return _document.RootElement;
        }

        if (_anchors.TryGetValue(reference, out var anchored))
        {
            return anchored;
        }

        var at = _document.RootElement;
        foreach (var part in reference.Split('/').Skip(1))
        {
            var name = Uri.UnescapeDataString(part).Replace("~1", "/", StringComparison.Ordinal)
                .Replace("~0", "~", StringComparison.Ordinal);
            if (at.ValueKind == JsonValueKind.Object && at.TryGetProperty(name, out var member))
            {
                at = member;
            }
            else if (at.ValueKind == JsonValueKind.Array
                && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < at.GetArrayLength())
            {
                at = at[index];
            }
            else
            {
                throw new FormatException($"$ref '{reference}' points at nothing.");
            }
        }

        return at;
    }

    /// <summary>What a schema has looked at, for the unevaluated keywords.</summary>
    private sealed class Evaluated
    {
        public HashSet<string> Properties { get; } = new(StringComparer.Ordinal);

        public HashSet<int> Items { get; } = [];

        public void Merge(Evaluated other)
        {
            Properties.UnionWith(other.Properties);
            Items.UnionWith(other.Items);
        }
    }

    /// <summary>One validation.</summary>
    private sealed class Run(JsonSchema schema)
    {
        private int _steps;

        public List<SchemaError> Errors { get; } = [];

        public bool Check(JsonElement rule, JsonElement value, string path, Evaluated seen, int depth)
        {
            if (++_steps > MaxSteps)
            {
                throw new FormatException($"The schema takes more than {MaxSteps} steps to judge a value.");
            }

            if (depth > MaxDepth)
            {
                return Fail(path, "$ref", "The schema refers to itself without end.");
            }

            if (rule.ValueKind is JsonValueKind.True or JsonValueKind.False)
            {
                return rule.ValueKind == JsonValueKind.True || Fail(path, "false", "Nothing is allowed here.");
            }

            if (rule.ValueKind != JsonValueKind.Object)
            {
                throw new FormatException("A schema is an object or a boolean.");
            }

            var before = Errors.Count;
            var ok = true;
            foreach (var member in rule.EnumerateObject())
            {
                ok &= member.Name switch
                {
                    "$ref" => Check(schema.Resolve(member.Value.GetString()!), value, path, seen, depth + 1),
                    "allOf" => All(member.Value, value, path, seen, depth),
                    "anyOf" => Some(member.Value, value, path, seen, depth, exactlyOne: false),
                    "oneOf" => Some(member.Value, value, path, seen, depth, exactlyOne: true),
                    "not" => !Quietly(member.Value, value, path, new Evaluated(), depth) || Fail(
                        path, "not", "The value is of the kind that is excluded."),
                    "if" => If(rule, member.Value, value, path, seen, depth),
                    "type" => Type(member.Value, value, path),
                    "enum" => member.Value.EnumerateArray().Any(e => JsonElement.DeepEquals(e, value)) || Fail(
                        path, "enum", $"Use one of {Short(member.Value)}."),
                    "const" => JsonElement.DeepEquals(member.Value, value) || Fail(
                        path, "const", $"The value must be {Short(member.Value)}."),
                    _ => true,
                };
            }

            ok &= value.ValueKind switch
            {
                JsonValueKind.String => Strings(rule, value.GetString()!, path),
                JsonValueKind.Number => Numbers(rule, value, path),
                JsonValueKind.Array => Arrays(rule, value, path, seen, depth),
                JsonValueKind.Object => Objects(rule, value, path, seen, depth),
                _ => true,
            };
            return ok && Errors.Count == before;
        }

        private bool Quietly(JsonElement rule, JsonElement value, string path, Evaluated seen, int depth)
        {
            var count = Errors.Count;
            var ok = Check(rule, value, path, seen, depth + 1);
            Errors.RemoveRange(count, Errors.Count - count);
            return ok;
        }

        private bool All(JsonElement rules, JsonElement value, string path, Evaluated seen, int depth)
        {
            var ok = true;
            foreach (var rule in rules.EnumerateArray())
            {
                ok &= Check(rule, value, path, seen, depth + 1);
            }

            return ok;
        }

        private bool Some(JsonElement rules, JsonElement value, string path, Evaluated seen, int depth, bool exactlyOne)
        {
            var fitting = 0;
            foreach (var rule in rules.EnumerateArray())
            {
                var own = new Evaluated();
                if (Quietly(rule, value, path, own, depth))
                {
                    fitting++;
                    seen.Merge(own);
                }
            }

            return (exactlyOne ? fitting == 1 : fitting > 0)
                || Fail(path, exactlyOne ? "oneOf" : "anyOf",
                    fitting == 0
                        ? "The value fits none of the allowed forms."
                        : $"The value fits {fitting} forms where exactly one is allowed.");
        }

        private bool If(JsonElement rule, JsonElement condition, JsonElement value, string path, Evaluated seen, int depth)
        {
            var own = new Evaluated();
            if (Quietly(condition, value, path, own, depth))
            {
                seen.Merge(own);
                return !rule.TryGetProperty("then", out var then) || Check(then, value, path, seen, depth + 1);
            }

            return !rule.TryGetProperty("else", out var otherwise) || Check(otherwise, value, path, seen, depth + 1);
        }

        private bool Type(JsonElement type, JsonElement value, string path)
        {
            if (type.ValueKind == JsonValueKind.String)
            {
                return Is(type.GetString()!, value) || Fail(path, "type", $"Expected {type.GetString()}, found {Name(value)}.");
            }

            foreach (var one in type.EnumerateArray())
            {
                if (Is(one.GetString()!, value))
                {
                    return true;
                }
            }

            return Fail(path, "type", $"Expected one of {Short(type)}, found {Name(value)}.");
        }

        private static bool Is(string type, JsonElement value) => type switch
        {
            "string" => value.ValueKind == JsonValueKind.String,
            "number" => value.ValueKind == JsonValueKind.Number,
            "integer" => value.ValueKind == JsonValueKind.Number && IsInteger(value),
            "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
            "array" => value.ValueKind == JsonValueKind.Array,
            "object" => value.ValueKind == JsonValueKind.Object,
            "null" => value.ValueKind == JsonValueKind.Null,
            _ => throw new FormatException($"'{type}' is no type of JSON Schema."),
        };

        private static string Name(JsonElement value) => value.ValueKind switch
        {
            JsonValueKind.True or JsonValueKind.False => "boolean",
            JsonValueKind.Number when IsInteger(value) => "integer",
            _ => value.ValueKind.ToString().ToLowerInvariant(),
        };

        private static bool IsInteger(JsonElement value) =>
            value.TryGetInt64(out _)
                || (value.TryGetDecimal(out var exact) ? decimal.Truncate(exact) == exact : double.IsInteger(value.GetDouble()));

        private bool Strings(JsonElement rule, string value, string path)
        {
            var ok = true;
            if (Whole(rule, "minLength") is { } least && Characters(value) < least)
            {
                ok = Fail(path, "minLength", $"Use at least {least} characters.");
            }

            if (Whole(rule, "maxLength") is { } most && Characters(value) > most)
            {
                ok = Fail(path, "maxLength", $"Use at most {most} characters.");
            }

            if (rule.TryGetProperty("pattern", out var pattern) && !schema._patterns[pattern.GetString()!].IsMatch(value))
            {
                ok = Fail(path, "pattern", $"The text must match {pattern.GetString()}.");
            }

            if (rule.TryGetProperty("format", out var format) && format.ValueKind == JsonValueKind.String
                && !StringFormats.Fits(format.GetString()!, value))
            {
                ok = Fail(path, "format", $"The text is no {format.GetString()}.");
            }

            return ok;
        }

        private static int Characters(string text)
        {
            var pairs = 0;
            for (var i = 1; i < text.Length; i++)
            {
                pairs += char.IsSurrogatePair(text[i - 1], text[i]) ? 1 : 0;
            }

            return text.Length - pairs;
        }

        private bool Numbers(JsonElement rule, JsonElement value, string path)
        {
            var ok = true;
            ok &= Compare("minimum", static (v, limit) => v >= limit, "at least");
            ok &= Compare("maximum", static (v, limit) => v <= limit, "at most");
            ok &= Compare("exclusiveMinimum", static (v, limit) => v > limit, "more than");
            ok &= Compare("exclusiveMaximum", static (v, limit) => v < limit, "less than");
            if (rule.TryGetProperty("multipleOf", out var step) && step.ValueKind == JsonValueKind.Number)
            {
                var fits = value.TryGetDecimal(out var exact) && step.TryGetDecimal(out var part) && part != 0
                    ? exact % part == 0
                    : double.IsInteger(value.GetDouble() / step.GetDouble());
                ok &= fits || Fail(path, "multipleOf", $"The number must be a multiple of {step.GetRawText()}.");
            }

            return ok;

            bool Compare(string keyword, Func<double, double, bool> holds, string words)
            {
                if (!rule.TryGetProperty(keyword, out var limit) || limit.ValueKind != JsonValueKind.Number)
                {
                    return true;
                }

                var fits = value.TryGetDecimal(out var exact) && limit.TryGetDecimal(out var bound)
                    ? holds(exact.CompareTo(bound), 0)
                    : holds(value.GetDouble(), limit.GetDouble());
                return fits || Fail(path, keyword, $"The number must be {words} {limit.GetRawText()}.");
            }
        }

        private bool Arrays(JsonElement rule, JsonElement value, string path, Evaluated seen, int depth)
        {
            var ok = true;
            var length = value.GetArrayLength();
            if (Whole(rule, "minItems") is { } least && length < least)
            {
                ok = Fail(path, "minItems", $"Give at least {least} items.");
            }

            if (Whole(rule, "maxItems") is { } most && length > most)
            {
                ok = Fail(path, "maxItems", $"Give at most {most} items.");
            }

            if (rule.TryGetProperty("uniqueItems", out var unique) && unique.ValueKind == JsonValueKind.True && !AreUnique(value))
            {
                ok = Fail(path, "uniqueItems", "The items must differ from each other.");
            }

            var from = 0;
            if (rule.TryGetProperty("prefixItems", out var prefix))
            {
                foreach (var item in prefix.EnumerateArray())
                {
                    if (from >= length)
                    {
                        break;
                    }

                    ok &= Check(item, value[from], $"{path}/{from}", new Evaluated(), depth + 1);
                    seen.Items.Add(from++);
                }

                from = prefix.GetArrayLength();
            }

            if (rule.TryGetProperty("items", out var items))
            {
                for (var i = from; i < length; i++)
                {
                    ok &= Check(items, value[i], $"{path}/{i}", new Evaluated(), depth + 1);
                    seen.Items.Add(i);
                }
            }

            if (rule.TryGetProperty("contains", out var wanted))
            {
                var found = 0;
                for (var i = 0; i < length; i++)
                {
                    if (Quietly(wanted, value[i], path, new Evaluated(), depth))
                    {
                        found++;
                        seen.Items.Add(i);
                    }
                }

                var (fewest, highest) = (Whole(rule, "minContains") ?? 1, Whole(rule, "maxContains") ?? long.MaxValue);
                ok &= (found >= fewest && found <= highest) || Fail(path, "contains", $"{found} items are of the kind that is asked for.");
            }

            if (rule.TryGetProperty("unevaluatedItems", out var rest))
            {
                for (var i = 0; i < length; i++)
                {
                    if (!seen.Items.Contains(i))
                    {
                        ok &= Check(rest, value[i], $"{path}/{i}", new Evaluated(), depth + 1);
                        seen.Items.Add(i);
                    }
                }
            }

            return ok;
        }

        private static bool AreUnique(JsonElement array)
        {
            // Equal values have equal canonical texts; numbers are compared among the few that share one.
            var byText = new Dictionary<string, List<JsonElement>>(StringComparer.Ordinal);
            foreach (var item in array.EnumerateArray())
            {
                var key = item.ValueKind == JsonValueKind.String
                    ? "s" + item.GetString()
                    : item.ValueKind == JsonValueKind.Number
                        ? "n" + item.GetDouble().ToString("R", CultureInfo.InvariantCulture)
                        : item.ValueKind.ToString();
                if (!byText.TryGetValue(key, out var same))
                {
                    byText[key] = same = [];
                }

                if (same.Exists(s => JsonElement.DeepEquals(s, item)))
                {
                    return false;
                }

                same.Add(item);
            }

            return true;
        }

        private bool Objects(JsonElement rule, JsonElement value, string path, Evaluated seen, int depth)
        {
            var ok = Counts(rule, value, path) & Required(rule, value, path) & Dependent(rule, value, path, seen, depth);
            var hasProperties = rule.TryGetProperty("properties", out var properties);
            var hasPatterns = rule.TryGetProperty("patternProperties", out var patterns);
            var hasAdditional = rule.TryGetProperty("additionalProperties", out var additional);
            var hasNames = rule.TryGetProperty("propertyNames", out var names);
            foreach (var member in value.EnumerateObject())
            {
                var below = $"{path}/{member.Name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";
                var matched = false;
                if (hasProperties && properties.TryGetProperty(member.Name, out var own))
                {
                    matched = true;
                    ok &= Check(own, member.Value, below, new Evaluated(), depth + 1);
                }

                if (hasPatterns)
                {
                    foreach (var pattern in patterns.EnumerateObject())
                    {
                        if (schema._patterns[pattern.Name].IsMatch(member.Name))
                        {
                            matched = true;
                            ok &= Check(pattern.Value, member.Value, below, new Evaluated(), depth + 1);
                        }
                    }
                }

                if (!matched && hasAdditional)
                {
                    matched = true;
                    ok &= additional.ValueKind == JsonValueKind.False
                        ? Fail(below, "additionalProperties", $"'{member.Name}' is not allowed here.")
                        : Check(additional, member.Value, below, new Evaluated(), depth + 1);
                }

                if (matched)
                {
                    seen.Properties.Add(member.Name);
                }

                if (hasNames)
                {
                    using var name = JsonDocument.Parse("\"" + JsonEncodedText.Encode(member.Name).ToString() + "\"");
                    ok &= Check(names, name.RootElement, below, new Evaluated(), depth + 1);
                }
            }

            if (rule.TryGetProperty("unevaluatedProperties", out var rest))
            {
                foreach (var member in value.EnumerateObject())
                {
                    if (seen.Properties.Add(member.Name))
                    {
                        ok &= rest.ValueKind == JsonValueKind.False
                            ? Fail($"{path}/{member.Name}", "unevaluatedProperties", $"'{member.Name}' is not allowed here.")
                            : Check(rest, member.Value, $"{path}/{member.Name}", new Evaluated(), depth + 1);
                    }
                }
            }

            return ok;
        }

        private bool Counts(JsonElement rule, JsonElement value, string path)
        {
            var count = value.EnumerateObject().Count();
            return (Whole(rule, "minProperties") is not { } least || count >= least
                || Fail(path, "minProperties", $"Give at least {least} members."))
                & (Whole(rule, "maxProperties") is not { } most || count <= most
                    || Fail(path, "maxProperties", $"Give at most {most} members."));
        }

        private bool Required(JsonElement rule, JsonElement value, string path)
        {
            var ok = true;
            if (rule.TryGetProperty("required", out var required))
            {
                foreach (var name in required.EnumerateArray())
                {
                    ok &= value.TryGetProperty(name.GetString()!, out _) || Fail(path, "required", $"'{name.GetString()}' is missing.");
                }
            }

            return ok;
        }

        private bool Dependent(JsonElement rule, JsonElement value, string path, Evaluated seen, int depth)
        {
            var ok = true;
            if (rule.TryGetProperty("dependentRequired", out var required))
            {
                foreach (var when in required.EnumerateObject().Where(w => value.TryGetProperty(w.Name, out _)))
                {
                    foreach (var name in when.Value.EnumerateArray())
                    {
                        ok &= value.TryGetProperty(name.GetString()!, out _)
                            || Fail(path, "dependentRequired", $"'{when.Name}' needs '{name.GetString()}'.");
                    }
                }
            }

            if (rule.TryGetProperty("dependentSchemas", out var schemas))
            {
                foreach (var when in schemas.EnumerateObject().Where(w => value.TryGetProperty(w.Name, out _)))
                {
                    ok &= Check(when.Value, value, path, seen, depth + 1);
                }
            }

            return ok;
        }

        private static long? Whole(JsonElement rule, string keyword) =>
            rule.TryGetProperty(keyword, out var limit) && limit.ValueKind == JsonValueKind.Number ? (long)limit.GetDouble() : null;

        private static string Short(JsonElement value) =>
            value.GetRawText() is { Length: > 200 } raw ? raw[..200] + "…" : value.GetRawText();

        private bool Fail(string path, string keyword, string message)
        {
            if (Errors.Count < MaxErrors)
            {
                Errors.Add(new SchemaError(path, keyword, message));
            }

            return false;
        }
    }
}
