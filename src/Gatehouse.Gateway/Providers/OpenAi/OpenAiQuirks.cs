namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>
/// Where servers that resemble OpenAI differ from it, as far as a translated request is concerned; by the provider's kind.
/// </summary>
internal sealed record OpenAiQuirks
{
    private static readonly OpenAiQuirks None = new();
    private static readonly OpenAiQuirks Mistral = new() { Seed = "random_seed", ToolIdLength = 9, TakesCaller = false };
    private static readonly OpenAiQuirks DeepSeek = new() { EnforcesSchemas = false, TakesCaller = false };
    private static readonly OpenAiQuirks Ollama = new() { TakesToolChoice = false, TakesCaller = false };
    private static readonly OpenAiQuirks Open = new() { TakesTopK = true };

    /// <summary>Takes <c>top_k</c>, which OpenAI does not.</summary>
    public bool TakesTopK { get; private init; }

    /// <summary>What <c>seed</c> is called.</summary>
    public string Seed { get; private init; } = "seed";

    /// <summary>Letters and digits that an id of a tool call must have, no more and no less; <see langword="null"/>: any.</summary>
    public int? ToolIdLength { get; private init; }

    /// <summary>Takes <c>user</c> and <c>service_tier</c>; others refuse fields that they do not know.</summary>
    public bool TakesCaller { get; private init; } = true;

    /// <summary>Heeds <c>tool_choice</c> and <c>parallel_tool_calls</c>.</summary>
    public bool TakesToolChoice { get; private init; } = true;

    /// <summary>Enforces a JSON schema; others take any JSON object at best.</summary>
    public bool EnforcesSchemas { get; private init; } = true;

    public static OpenAiQuirks Of(string kind) => kind switch
    {
        "mistral" => Mistral,
        "deepseek" => DeepSeek,
        "ollama" => Ollama,
        "vllm" or "openrouter" or "together" or "fireworks" or "lmstudio" => Open,
        _ => None,
    };
}
