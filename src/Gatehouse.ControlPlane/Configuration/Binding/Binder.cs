using System.Collections;
using System.Globalization;

namespace Gatehouse.Configuration;

/// <summary>
/// Fills <see cref="GatehouseOptions"/> from a file, strictly: every unknown, repeated or wrong setting is an error with its place,
/// what is allowed, and the nearest valid name. Goes on after an error, so that one look shows them all.
/// </summary>
internal sealed class Binder(string? file, References references, List<ConfigurationError> errors)
{
    /// <summary>Longest unknown name that a message repeats: a longer one may be a secret on the wrong line.</summary>
    private const int MaxShownChars = 32;

    public Sources Sources { get; } = new();

    public GatehouseOptions Bind(YamlMapping root) => Bind<GatehouseOptions>(root);

    public T Bind<T>(YamlMapping root)
        where T : class, new()
    {
        var options = new T();
        BindSection(options, root, "");
        return options;
    }

    private void BindSection(object section, YamlMapping mapping, string path)
    {
        var definitions = Definition.Of(section.GetType());
        Sources.Add(section, "", mapping.Place, null);
        var seen = new Dictionary<string, Place>(StringComparer.Ordinal);
        var meant = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (key, value) in mapping.Entries)
        {
            var definition = definitions.FirstOrDefault(d => d.Key == key.Text);
            if (definition is null)
            {
                meant.Add(UnknownKey(key, definitions, path) ?? "");
            }
            else if (IsNew(key, seen))
            {
                BindSetting(section, definition, key, value, path);
            }
        }

        foreach (var definition in definitions.Where(d => d.About.Required && !seen.ContainsKey(d.Key) && !meant.Contains(d.Key)))
        {
            Add(mapping.Place, $"'{Join(path, definition.Key)}' is missing.", Mend(definition));
        }
    }

    private bool IsNew(YamlValue key, Dictionary<string, Place> seen)
    {
        if (seen.TryAdd(key.Text, key.Place))
        {
            return true;
        }

        Add(key.Place, $"{Shown(key.Text, "The name")} is here a second time; the first is on line {seen[key.Text].Line}.",
            "Keep one of them.");
        return false;
    }

    /// <returns>The name that was probably meant.</returns>
    private string? UnknownKey(YamlValue key, IReadOnlyList<Definition> definitions, string path)
    {
        var names = definitions.Select(d => d.Key).ToList();
        var where = path.Length == 0 ? "at the top of the configuration" : $"in '{path}'";
        var nearest = Nearest.To(key.Text, names);
        Add(key.Place, $"{Shown(key.Text, "This")} is not a setting {where}.",
            nearest is null ? $"Allowed: {string.Join(", ", names)}." : $"Did you mean '{nearest}'?");
        return nearest;
    }

    private void BindSetting(object section, Definition definition, YamlValue key, YamlTree node, string path)
    {
        var name = Join(path, definition.Key);
        Sources.Add(section, definition.Key, key.Place, (node as YamlValue)?.Text);
        if (node is YamlValue { IsNull: true })
        {
            if (definition.About.Required)
            {
                Add(key.Place, $"'{name}' has no value.", Mend(definition));
            }

            return;
        }

        switch (definition.Kind)
        {
            case SettingKind.Section:
                if (Expect<YamlMapping>(node, name, "a mapping of settings") is { } mapping)
                {
                    var inner = definition.Property.GetValue(section) ?? Activator.CreateInstance(definition.Value)!;
                    definition.Property.SetValue(section, inner);
                    BindSection(inner, mapping, name);
                }

                break;
            case SettingKind.List:
                if (Expect<YamlList>(node, name, "a list: one line for each item, beginning with '- '") is { } list)
                {
                    if (list.Items.Count == 0 && definition.About.Required)
                    {
                        Add(key.Place, $"'{name}' is empty.", Mend(definition));
                    }

                    BindList((IList)definition.Property.GetValue(section)!, definition, list, name);
                }

                break;
            case SettingKind.Entries:
                if (Expect<YamlMapping>(node, name, $"a mapping of {definition.About.EntryName} names") is { } entries)
                {
                    BindEntries((IDictionary)definition.Property.GetValue(section)!, definition, entries, name);
                }

                break;
            default:
                if (Expect<YamlValue>(node, name, "one value") is { } scalar
                    && Parse(scalar, definition, definition.Value, name) is { } value)
                {
                    definition.Property.SetValue(section, value);
                }

                break;
        }
    }

    private void BindList(IList into, Definition definition, YamlList list, string name)
    {
        Sources.Add(into, "", list.Place, null);
        for (var i = 0; i < list.Items.Count; i++)
        {
            if (definition.Item == typeof(string))
            {
                if (Expect<YamlValue>(list.Items[i], $"{name}[{i}]", "one value") is { } scalar
                    && Parse(scalar, definition, typeof(string), $"{name}[{i}]") is { } value)
                {
                    Sources.Add(into, into.Count.ToString(CultureInfo.InvariantCulture), scalar.Place, scalar.Text);
                    into.Add(value);
                }
            }
            else if (Expect<YamlMapping>(list.Items[i], $"{name}[{i}]", "a mapping of settings") is { } mapping)
            {
                var item = Activator.CreateInstance(definition.Item!)!;
                BindSection(item, mapping, $"{name}[{i}]");
                into.Add(item);
            }
        }
    }

    private void BindEntries(IDictionary into, Definition definition, YamlMapping mapping, string name)
    {
        Sources.Add(into, "", mapping.Place, null);
        var seen = new Dictionary<string, Place>(StringComparer.Ordinal);
        foreach (var (key, node) in mapping.Entries)
        {
            if (!IsNew(key, seen))
            {
                continue;
            }

            var entry = Join(name, key.Text.Length <= MaxShownChars * 2 ? key.Text : "…");
            Sources.Add(into, key.Text, key.Place, (node as YamlValue)?.Text);
            if (definition.Item == typeof(string))
            {
                if (Expect<YamlValue>(node, entry, "one value") is { } scalar
                    && Parse(scalar, definition, typeof(string), entry) is { } value)
                {
                    into[key.Text] = value;
                }
            }
            else if (node is YamlValue { IsNull: true })
            {
                Add(key.Place, $"'{entry}' has no settings.", MissingSettings(definition.Item!));
            }
            else if (Expect<YamlMapping>(node, entry, "a mapping of settings") is { } settings)
            {
                var item = Activator.CreateInstance(definition.Item!)!;
                BindSection(item, settings, entry);
                into[key.Text] = item;
            }
        }
    }

    private T? Expect<T>(YamlTree node, string name, string what)
        where T : YamlTree
    {
        if (node is T expected)
        {
            return expected;
        }

        var found = node switch { YamlList => "a list", YamlMapping => "a mapping", _ => "one value" };
        Add(node.Place, $"'{name}' must be {what}; this is {found}.", null);
        return null;
    }

    /// <returns>The value, or <see langword="null"/> after adding an error, or when it is not known.</returns>
    private object? Parse(YamlValue scalar, Definition definition, Type type, string name)
    {
        if (KeptReferences.TooEarly(name, scalar.Text) is { } early)
        {
            Add(scalar.Place, $"'{name}': {early}", "Use ${NAME} or ${file:path} here.");
            return null;
        }

        if (references.IsForeign && !definition.About.Secret && References.HasReference(scalar.Text))
        {
            Add(scalar.Place, $"'{name}' takes no references here.", "A literal '${' is written '$${'.");
            return null;
        }

        if (!references.TryResolve(scalar.Text, out var text, out var problem, out var suggestion))
        {
            Add(scalar.Place, $"'{name}': {problem}", suggestion);
            return null;
        }

        references.Note(name, scalar.Text);
        if (text is null)
        {
            return null;
        }

        var value = Convert(text, definition, type);
        if (value is null)
        {
            var nearest = definition.Choices.Count > 0 && !References.IsIn(scalar.Text) ? Nearest.To(text, definition.Choices) : null;
            Add(scalar.Place, $"'{name}' must be {Allowed(definition)}.",
                nearest is not null ? $"Did you mean '{nearest}'?" : Mend(definition));
        }

        return value;
    }

    private static object? Convert(string text, Definition definition, Type type)
    {
        var about = definition.About;
        switch (definition.Kind)
        {
            case SettingKind.Url:
                return Uri.TryCreate(text, UriKind.Absolute, out var url) && IsWebAddress(url) ? url : null;
            case SettingKind.Whole:
                return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)
                    && InRange(whole, about, int.Parse) ? whole : null;
            case SettingKind.Number:
                return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
                    && InRange(number, about, double.Parse) ? number : null;
            case SettingKind.Money:
                return decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var money)
                    && InRange(money, about, decimal.Parse) ? money : null;
            case SettingKind.Switch:
                return text switch { "true" => true, "false" => false, _ => null };
            case SettingKind.Duration:
                return Duration.TryParse(text, out var duration)
                    && InRange(duration, about, (s, _) => Duration.TryParse(s, out var bound) ? bound : throw new FormatException(s))
                        ? duration
                        : null;
            case SettingKind.Size:
                return ByteSize.TryParse(text, out var size)
                    && InRange(size.Bytes, about, (s, _) => ByteSize.TryParse(s, out var bound)
                        ? bound.Bytes
                        : throw new FormatException(s)) ? size : null;
            case SettingKind.Choice when type.IsEnum:
                var index = definition.Choices.ToList().IndexOf(text);
                return index < 0 ? null : Enum.GetValues(type).GetValue(index);
            case SettingKind.Choice:
                return definition.Choices.Contains(text) ? text : null;
            default:
                return text.Length == 0 && about.Required || text.Contains('\0', StringComparison.Ordinal) ? null : text;
        }
    }

    /// <summary>Credentials, queries and fragments in an address would be printed with it: they have settings of their own.</summary>
    private static bool IsWebAddress(Uri url) =>
        url.Scheme is "http" or "https" && url.Host.Length > 0 && url.UserInfo.Length == 0 && url.Query.Length == 0
            && url.Fragment.Length == 0;

    private static bool InRange<T>(T value, SettingAttribute about, Func<string, IFormatProvider, T> parse)
        where T : IComparable<T> =>
        (about.Min is null || value.CompareTo(parse(about.Min, CultureInfo.InvariantCulture)) >= 0)
        && (about.Max is null || value.CompareTo(parse(about.Max, CultureInfo.InvariantCulture)) <= 0);

    /// <summary>What may stand there, as the end of "must be …".</summary>
    internal static string Allowed(Definition definition)
    {
        var about = definition.About;
        var range = (about.Min, about.Max) switch
        {
            (null, null) => "",
            (not null, not null) => $" from {about.Min} to {about.Max}",
            (not null, null) => $", at least {about.Min}",
            _ => $", at most {about.Max}",
        };
        return definition.Kind switch
        {
            SettingKind.Url => "an absolute http or https address without credentials, '?' or '#'",
            SettingKind.Whole => "a whole number" + range,
            SettingKind.Number or SettingKind.Money => "a number" + range,
            SettingKind.Switch => "true or false",
            SettingKind.Duration => "a duration such as 200ms, 5s, 2m or 1h" + range,
            SettingKind.Size => "a size such as 64KiB or 32MiB" + range,
            SettingKind.Choice => "one of: " + string.Join(", ", definition.Choices),
            _ => "a text that is not empty",
        };
    }

    private static string? Mend(Definition definition) =>
        definition.About.Example is { } example ? $"For example '{definition.Key}: {example}'."
        : definition.Default is { } value && definition.Kind is not (SettingKind.List or SettingKind.Entries or SettingKind.Section)
            && !definition.About.Required
            ? $"The default is {Definition.Format(value)}."
        : null;

    private static string MissingSettings(Type item)
    {
        var required = Definition.Of(item).Where(d => d.About.Required).Select(d => $"'{d.Key}'").ToList();
        return required.Count == 0
            ? "Give it settings, or remove it."
            : $"Give it at least {string.Join(" and ", required)}, or remove it.";
    }

    private static string Shown(string name, string otherwise) => name.Length <= MaxShownChars ? $"'{name}'" : otherwise;

    private static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";

    private void Add(Place place, string message, string? suggestion) =>
        errors.Add(new(file, place.Line, place.Column, message, suggestion));
}
