using System.Text.Json;

namespace Gatehouse.Gateway.Conversation;

/// <summary>What kind of tool.</summary>
internal enum ToolKind
{
    /// <summary>Takes a JSON object that its schema describes.</summary>
    Function,

    /// <summary>Takes free text.</summary>
    Custom,

    /// <summary>Runs at the provider; only the format it came from has a word for it.</summary>
    Opaque,
}

/// <summary>A tool that the model may call.</summary>
/// <param name="Name">For an opaque tool its type.</param>
/// <param name="Schema">JSON Schema of its input, as the caller wrote it.</param>
/// <param name="Strict">Whether the provider must enforce the schema.</param>
internal sealed record ChatTool(ToolKind Kind, string Name, string? Description = null, JsonElement? Schema = null, bool? Strict = null)
{
    public JsonElement? CacheControl { get; init; }
}

/// <summary>Whether the model must call a tool.</summary>
internal enum ToolChoiceMode
{
    None,
    Auto,

    /// <summary>At least one, any.</summary>
    Required,

    /// <summary>Exactly the named one.</summary>
    Named,
}

/// <summary>Which tools the model may or must call.</summary>
/// <param name="Allowed">Only these may be called; <see langword="null"/> means all.</param>
internal sealed record ToolChoice(ToolChoiceMode Mode, string? Name = null, IReadOnlyList<string>? Allowed = null);

/// <summary>What shape the answer's text must have: any JSON object, or one that <paramref name="Schema"/> describes.</summary>
internal sealed record ResponseFormat(JsonElement? Schema, string? Name = null, string? Description = null, bool? Strict = null);

/// <summary>How thinking is switched.</summary>
internal enum ReasoningMode
{
    /// <summary>Nothing was said, or only an effort.</summary>
    Unset,

    /// <summary>On, with a budget of tokens.</summary>
    Enabled,

    /// <summary>The model decides.</summary>
    Adaptive,

    Disabled,
}

/// <summary>How much the model should think.</summary>
/// <param name="Effort"><c>minimal</c> … <c>max</c>, as the caller wrote it.</param>
/// <param name="BudgetTokens">Set when <paramref name="Mode"/> is <see cref="ReasoningMode.Enabled"/>.</param>
internal sealed record Reasoning(ReasoningMode Mode, string? Effort = null, long? BudgetTokens = null);
