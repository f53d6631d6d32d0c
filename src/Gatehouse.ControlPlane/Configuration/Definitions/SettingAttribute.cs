namespace Gatehouse.Configuration;

/// <summary>
/// What a setting means, said once: the binder, the JSON Schema, docs/reference/configuration.md and <c>config show</c> read it from here.
/// The setting's default is the initial value of its property, its key the property's name in snake_case.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SettingAttribute(string description) : Attribute
{
    public string Description { get; } = description;

    /// <summary>Smallest value, in the setting's own syntax: <c>1</c>, <c>10ms</c>, <c>1KiB</c>.</summary>
    public string? Min { get; init; }

    /// <summary>Largest value, in the setting's own syntax.</summary>
    public string? Max { get; init; }

    public bool Required { get; init; }

    /// <summary>Shown as <c>***</c>, or as the reference that it was written as.</summary>
    public bool Secret { get; init; }

    /// <summary>A change takes effect at the next start only.</summary>
    public bool Restart { get; init; }

    /// <summary>What the default is when it depends on other things.</summary>
    public string? DefaultText { get; init; }

    /// <summary>A value as it stands in a file, for the reference.</summary>
    public string? Example { get; init; }

    public SettingChoices Choices { get; init; }

    /// <summary>For a mapping with names chosen by the user: what a name stands for, such as <c>provider</c>.</summary>
    public string EntryName { get; init; } = "name";
}

/// <summary>Lists of allowed words that are kept elsewhere.</summary>
internal enum SettingChoices
{
    None,
    ProviderKinds,
    ApiKeyHeaders,
    MaxTokensFields,
}
