namespace Gatehouse.Configuration;

/// <summary>Values that are kept elsewhere than in the file, its environment and its folder. Never printed.</summary>
internal sealed record KeptValues
{
    /// <summary>Nothing is known: references to kept values are taken to be right.</summary>
    public static readonly KeptValues Unknown = new();

    /// <summary>Stored secrets by name; <see langword="null"/>: not known.</summary>
    public IReadOnlyDictionary<string, string>? Stored { get; init; }

    /// <summary>What the vault gave, by path; <see langword="null"/>: not asked.</summary>
    public IReadOnlyDictionary<string, VaultReading>? Vault { get; init; }

    public override string ToString() => nameof(KeptValues);
}
