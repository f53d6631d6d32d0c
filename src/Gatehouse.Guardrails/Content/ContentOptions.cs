namespace Gatehouse.Guardrails.Content;

/// <summary>A topic, competitor or list of words that a policy bans.</summary>
/// <param name="Name">What it is called in findings and messages.</param>
/// <param name="Terms">Words and phrases; case, accents and width do not matter, word boundaries do.</param>
/// <param name="Allowed">Phrases in which a term is harmless.</param>
public sealed record Ban(string Name, IReadOnlyList<string> Terms, IReadOnlyList<string> Allowed)
{
    public Ban(string name, IReadOnlyList<string> terms)
        : this(name, terms, [])
    {
    }
}

/// <summary>What the content policy looks for. Everything is off unless it is set.</summary>
public sealed record ContentOptions
{
    /// <summary>Categories of harm to report; see <see cref="HarmCategories"/>.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    public IReadOnlyList<Ban> Topics { get; init; } = [];

    public IReadOnlyList<Ban> Competitors { get; init; } = [];

    /// <summary>Codes of ISO 639-1 that are allowed; empty allows all. Texts whose language cannot be told pass.</summary>
    public IReadOnlyList<string> Languages { get; init; } = [];

    /// <summary>Least confidence at which another language is a finding. Default 0.5.</summary>
    public float LanguageConfidence { get; init; } = 0.5f;

    /// <summary>Most UTF-16 units of a text; 0 for no limit.</summary>
    public int MaxCharacters { get; init; }

    /// <summary>Report answers that refuse. Default false.</summary>
    public bool Refusals { get; init; }
}

/// <summary>The names of the harm categories.</summary>
public static class HarmCategories
{
    public const string Violence = "violence";
    public const string Weapons = "weapons";
    public const string Drugs = "drugs";
    public const string Cybercrime = "cybercrime";
    public const string Fraud = "fraud";
    public const string Hate = "hate";
    public const string Harassment = "harassment";
    public const string Sexual = "sexual";
    public const string Minors = "minors";
    public const string SelfHarm = "self_harm";
    public const string Extremism = "extremism";
    public const string Misinformation = "misinformation";
    public const string Privacy = "privacy";

    public static IReadOnlyList<string> All { get; } =
        [Violence, Weapons, Drugs, Cybercrime, Fraud, Hate, Harassment, Sexual, Minors, SelfHarm, Extremism, Misinformation, Privacy];
}
