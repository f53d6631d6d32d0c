using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Anthropic;

/// <summary>How a request's reasoning is asked of an Anthropic model. Default: not at all.</summary>
/// <param name="Mode"><see cref="ReasoningMode.Unset"/> writes no <c>thinking</c>.</param>
/// <param name="Effort">For <c>output_config.effort</c>, or <see langword="null"/>.</param>
/// <param name="MaxTokens">For <c>max_tokens</c>.</param>
internal readonly record struct AnthropicThinking(ReasoningMode Mode, string? Effort, long Budget, long MaxTokens)
{
    private const long LeastBudget = 1024;

    public bool On => Mode is ReasoningMode.Enabled or ReasoningMode.Adaptive;

    public static AnthropicThinking For(ChatRequest r, AnthropicModel model, List<string> dropped)
    {
        var max = r.MaxTokens ?? model.DefaultMaxTokens;
        var off = new AnthropicThinking(ReasoningMode.Unset, null, 0, max);
        if (r.Reasoning is not { } reasoning)
        {
            return off;
        }

        if (reasoning.Mode == ReasoningMode.Disabled)
        {
            if (model.MayThinkUnasked)
            {
                // the least effort comes closest
                dropped.AddOnce(r.NameOf("reasoning_effort", "thinking", "generationConfig.thinkingConfig"));
                return off with { Effort = "low" };
            }

            return model.TakesDisabledThinking ? off with { Mode = ReasoningMode.Disabled } : off;
        }

        var budget = reasoning.BudgetTokens ?? BudgetOf(reasoning.Effort);
        if (!model.Thinks || budget is null)
        {
            dropped.AddOnce(r.NameOf("reasoning_effort", "thinking", "generationConfig.thinkingConfig"));
            return off;
        }

        // A forced tool call excludes thinking; the effort alone is allowed with it.
        var forced = r.ToolChoice?.Mode is ToolChoiceMode.Required or ToolChoiceMode.Named;
        if (model.ThinksAdaptively)
        {
            return off with
            {
                Mode = forced ? ReasoningMode.Unset : ReasoningMode.Adaptive,
                Effort = EffortOf(reasoning.Effort, model),
                MaxTokens = r.MaxTokens ?? Math.Max(max, 32000),
            };
        }

        var fits = r.MaxTokens is { } limit ? Math.Min(budget.Value, limit - 1) : budget.Value;
        if (forced || fits < LeastBudget || LacksThinking(r))
        {
            dropped.AddOnce(r.NameOf("reasoning_effort", "thinking", "generationConfig.thinkingConfig"));
            return off;
        }

        return new AnthropicThinking(ReasoningMode.Enabled, null, fits, r.MaxTokens ?? (max + fits));
    }

    private static long? BudgetOf(string? effort) => effort switch
    {
        "minimal" or "low" => LeastBudget,
        "medium" => 2048,
        "high" => 4096,
        "xhigh" => 8192,
        "max" => 16384,
        _ => null,
    };

    private static string EffortOf(string? effort, AnthropicModel model) => effort switch
    {
        "minimal" => "low",
        "xhigh" when !model.TakesHighestEfforts => "max",
        _ => effort ?? "high",
    };

    /// <summary>
    /// With a budget, a turn that waits for tool results must begin with its signed thinking, else the provider refuses it.
    /// </summary>
    private static bool LacksThinking(ChatRequest r)
    {
        for (var i = r.Messages.Count - 1; i >= 0; i--)
        {
            var message = r.Messages[i];
            if (message.Role == ChatRole.Assistant)
            {
                return message.Parts.Any(p => p is ToolCallPart)
                    && !message.Parts.Any(p => p is RedactedThinkingPart or ThinkingPart { Signature.Length: > 0 });
            }

            if (message.Role == ChatRole.User)
            {
                return false;
            }
        }

        return false;
    }
}
