using Gatehouse.Guardrails.Exfiltration;

namespace Gatehouse.Guardrails.Policies;

/// <summary>What speaks at the other end of a plug-in.</summary>
public enum PlugInShape
{
    /// <summary>OpenAI's moderations: categories with scores.</summary>
    Moderation,

    /// <summary>A chat model that answers <c>safe</c>, or <c>unsafe</c> and a line of category codes.</summary>
    LlamaGuard,

    /// <summary>Any chat model, which is told to answer with a verdict in JSON.</summary>
    Judge,

    /// <summary>A service of one's own.</summary>
    Webhook,
}

/// <summary>A guard outside of this process, which a rule asks. Its identity is its state: breaker and calls under way.</summary>
public sealed record PlugIn(PlugInShape Shape)
{
    /// <summary>The route of the model; empty for a webhook.</summary>
    public string Route { get; init; } = "";

    /// <summary>What the judge is to look for, in words.</summary>
    public string Instructions { get; init; } = "";

    /// <summary>Address of the webhook.</summary>
    public Uri? Url { get; init; }

    /// <summary>Whether the webhook may be at a private address; <see langword="null"/>: where it is written as one.</summary>
    public bool? AllowPrivate { get; init; }

    /// <summary>What requests to the webhook are signed with.</summary>
    public string Secret { get; init; } = "";

    /// <summary>Most time for one side of a call. Default 2 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Questions under way at once on this node; more wait, within the time-out. Default 16.</summary>
    public int MaxConcurrent { get; init; } = 16;

    /// <summary>Refuse what it could not check; <see langword="null"/>: as the policy says.</summary>
    public bool? FailClosed { get; init; }

    /// <summary>Most UTF-16 units in one question; longer texts are asked about in parts. Default 32,000.</summary>
    public int MaxCharacters { get; init; } = 32_000;

    /// <summary>Of a request, look only at what came since the model's last answer.</summary>
    public bool OnlyNew { get; init; }
}

/// <summary>What a plug-in or a check of answers found in a text.</summary>
/// <param name="Replacement">What the plug-in would put in place; <see langword="null"/>: what the rule puts there.</param>
public readonly record struct RuleFinding(GuardRule Rule, Finding Finding, string? Replacement = null);

/// <summary>What an answer is compared with.</summary>
public enum GroundingContext
{
    /// <summary>Tool results and documents, with what was asked; an answer without any is not measured.</summary>
    Documents,

    /// <summary>Every text of the request.</summary>
    Request,
}

/// <summary>How an answer as a whole is checked.</summary>
public sealed record AnswerCheck
{
    public static readonly AnswerCheck Default = new();

    /// <summary>A JSON Schema for answers; <see langword="null"/>: the one that the request asks for.</summary>
    public string? Schema { get; init; }

    /// <summary>Make JSON of what only looks like it, when that follows the schema then. Default true.</summary>
    public bool Repair { get; init; } = true;

    /// <summary>How often the model is asked again, with what is wrong. Default 1.</summary>
    public int Retries { get; init; } = 1;

    /// <summary>Answers of less confidence are findings. Default 0.5.</summary>
    public float Least { get; init; } = .5f;

    public GroundingContext Context { get; init; }

    /// <summary>The route that is asked for further answers, and how many; none when 0.</summary>
    public int Samples { get; init; }

    /// <summary>Where samples come from.</summary>
    public string SampleRoute { get; init; } = "";

    /// <summary>A route that grades the answer; <see langword="null"/>: none does.</summary>
    public string? Judge { get; init; }
}

/// <summary>What a policy does to requests so that planted instructions are told from data.</summary>
public enum SpotlightChoice
{
    None,
    Delimit,
    Mark,
    Base64,
}

/// <summary>The words of <see cref="SpotlightChoice"/> as modes.</summary>
public static class SpotlightChoices
{
    public static SpotlightMode ModeOf(SpotlightChoice choice) => choice switch
    {
        SpotlightChoice.Mark => SpotlightMode.Mark,
        SpotlightChoice.Base64 => SpotlightMode.Encode,
        _ => SpotlightMode.Delimit,
    };
}
