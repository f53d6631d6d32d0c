namespace Gatehouse.Configuration;

/// <summary>What the vault gave for one path: its fields, or why there are none. Never printed.</summary>
internal sealed record VaultReading
{
    public IReadOnlyDictionary<string, string> Fields { get; init; } = new Dictionary<string, string>();

    /// <summary>What is wrong, without any value; <see langword="null"/> when nothing is.</summary>
    public string? Problem { get; init; }

    public string Mend { get; init; } = "";

    /// <summary>Whether the vault may answer another time: it was away, busy or sealed.</summary>
    public bool IsAway { get; init; }

    /// <summary>How long the values hold; zero where the vault does not say.</summary>
    public TimeSpan Lease { get; init; }

    public override string ToString() => nameof(VaultReading);
}
