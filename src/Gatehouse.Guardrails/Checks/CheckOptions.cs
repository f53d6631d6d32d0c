using Gatehouse.Guardrails.Content;

namespace Gatehouse.Guardrails.Checks;

/// <summary>What a check of a text looks for, and with which of the caller's own words and hosts.</summary>
public sealed record CheckOptions
{
    /// <summary>Names of <see cref="TextCheck.Names"/>; empty for all that have what they need.</summary>
    public IReadOnlyList<string> Detectors { get; init; } = [];

    /// <summary>Least score of a finding, from 0 to 1, by a detector's name. Default 0.5 each.</summary>
    public IReadOnlyDictionary<string, float> Thresholds { get; init; } = new Dictionary<string, float>();

    /// <summary>Codes of ISO 639-1 that the text may be in; empty for all.</summary>
    public IReadOnlyList<string> Languages { get; init; } = [];

    /// <summary>Categories of harm; empty for all. See <see cref="HarmCategories"/>.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    public IReadOnlyList<Ban> Topics { get; init; } = [];

    public IReadOnlyList<Ban> Competitors { get; init; } = [];

    /// <summary>Hosts that images and links of the text may point to, with their subdomains.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>The prompt that must not be recited; without it the detector <c>prompt_leak</c> has nothing to compare with.</summary>
    public string? SystemPrompt { get; init; }
}
