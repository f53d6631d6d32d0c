using Gatehouse.Gateway.Providers.Anthropic;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>How a model can be held to a JSON Schema.</summary>
internal enum SchemaMeans
{
    Native,

    /// <summary>A tool that it must call.</summary>
    Tool,

    /// <summary>Words only.</summary>
    Words,
}

/// <summary>
/// What a model can do, as far as its id says; ids of inference profiles and ARNs hold the model's own. An unknown one is taken to do what
/// newer ones do.
/// </summary>
internal readonly record struct BedrockModel(bool IsClaude, bool IsNova, bool IsPlain, AnthropicModel Claude)
{
    public static BedrockModel From(string model)
    {
        var claude = Has(model, "claude");
        return new BedrockModel(
            claude,
            Has(model, "nova"),
            Has(model, "llama") || Has(model, "titan") || Has(model, "jamba") || Has(model, "deepseek.r1") || Has(
                model, "mistral-7b") || Has(model, "mixtral"),
            claude ? AnthropicModel.From(model) : default);
    }

    /// <summary>Takes breakpoints of the prompt cache.</summary>
    public bool Caches => IsClaude || IsNova;

    public SchemaMeans Schemas => IsPlain ? SchemaMeans.Words
        : IsNova || (IsClaude && !Claude.EnforcesSchemas) ? SchemaMeans.Tool
        : SchemaMeans.Native;

    /// <summary>Can be made to call a tool.</summary>
    public bool TakesToolChoice => !IsPlain;

    private static bool Has(string model, string word) => model.Contains(word, StringComparison.OrdinalIgnoreCase);
}
