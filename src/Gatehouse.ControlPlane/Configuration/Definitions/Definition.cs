using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Text.Json;

namespace Gatehouse.Configuration;

/// <summary>What stands where a setting's value belongs.</summary>
internal enum SettingKind
{
    Text,
    Url,
    Whole,
    Number,
    Money,
    Switch,
    Duration,
    Size,
    Choice,
    Section,
    List,
    Entries,
}

/// <summary>A setting as its property and <see cref="SettingAttribute"/> define it.</summary>
internal sealed class Definition
{
    private static readonly ConcurrentDictionary<Type, IReadOnlyList<Definition>> Known = new();

    private Definition(PropertyInfo property, object owner)
    {
        Property = property;
        About = property.GetCustomAttribute<SettingAttribute>()
            ?? throw new InvalidOperationException($"{property.DeclaringType!.Name}.{property.Name} has no [Setting].");
        Key = JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name);
        Value = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        Default = property.GetValue(owner);
        var generic = Value.IsGenericType ? Value.GetGenericTypeDefinition() : null;
        if (generic == typeof(List<>))
        {
            Item = Value.GetGenericArguments()[0];
        }
        else if (generic == typeof(Dictionary<,>))
        {
            Item = Value.GetGenericArguments()[1];
        }

        Kind = KindOf(Value, About);
        Choices = ChoicesOf(Value, About);
    }

    public PropertyInfo Property { get; }

    public SettingAttribute About { get; }

    public string Key { get; }

    public SettingKind Kind { get; }

    /// <summary>Type of the value, without <see cref="Nullable{T}"/>.</summary>
    public Type Value { get; }

    /// <summary>Type of what a list or a mapping of entries holds.</summary>
    public Type? Item { get; }

    public object? Default { get; }

    /// <summary>The words allowed, for <see cref="SettingKind.Choice"/>; else empty.</summary>
    public IReadOnlyList<string> Choices { get; }

    public static IReadOnlyList<Definition> Of(Type section) => Known.GetOrAdd(section, type =>
    {
        var owner = Activator.CreateInstance(type)!;
        return [.. type.GetProperties().OrderBy(p => p.MetadataToken).Select(p => new Definition(p, owner))];
    });

    /// <summary>A value as it is written in the file.</summary>
    public static string Format(object value) => value switch
    {
        TimeSpan duration => Duration.Format(duration),
        bool on => on ? "true" : "false",
        Enum choice => JsonNamingPolicy.SnakeCaseLower.ConvertName(choice.ToString()),
        Uri url => url.OriginalString,
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };

    private static SettingKind KindOf(Type type, SettingAttribute about) =>
        type == typeof(string) ? (about.Choices == SettingChoices.None ? SettingKind.Text : SettingKind.Choice)
        : type == typeof(Uri) ? SettingKind.Url
        : type == typeof(int) ? SettingKind.Whole
        : type == typeof(double) ? SettingKind.Number
        : type == typeof(decimal) ? SettingKind.Money
        : type == typeof(bool) ? SettingKind.Switch
        : type == typeof(TimeSpan) ? SettingKind.Duration
        : type == typeof(ByteSize) ? SettingKind.Size
        : type.IsEnum ? SettingKind.Choice
        : !type.IsGenericType ? SettingKind.Section
        : type.GetGenericTypeDefinition() == typeof(List<>) ? SettingKind.List
        : SettingKind.Entries;

    private static IReadOnlyList<string> ChoicesOf(Type type, SettingAttribute about) => about.Choices switch
    {
        SettingChoices.ProviderKinds => ProviderPresets.Kinds,
        SettingChoices.ApiKeyHeaders => ["Authorization", "x-api-key", "api-key", "x-goog-api-key"],
        SettingChoices.MaxTokensFields => ["max_tokens", "max_completion_tokens"],
        _ => type.IsEnum ? [.. Enum.GetNames(type).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)] : [],
    };
}
