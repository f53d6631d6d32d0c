using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>Writes <c>thinkingConfig</c>: a level for models from 3 on, a budget for those before.</summary>
internal static class GeminiThinking
{
    private const long LeastLiteBudget = 512;

    public static void Write(Utf8JsonWriter json, ChatRequest r, GeminiModel model, List<string> dropped)
    {
        if (r.Reasoning is not { } reasoning)
        {
            return;
        }

        var name = r.NameOf(
            "reasoning_effort", reasoning.Mode == ReasoningMode.Unset ? "output_config.effort" : "thinking",
            "generationConfig.thinkingConfig");
        var off = reasoning.Mode == ReasoningMode.Disabled;
        if (!model.Thinks)
        {
            if (!off)
            {
                dropped.AddOnce(name);
            }

            return;
        }

        if (off && (model.ThinksInLevels || model.LeastBudget > 0))
        {
            dropped.AddOnce(name); // cannot be kept from thinking: the least comes closest
        }

        json.WriteStartObject("thinkingConfig");
        if (model.ThinksInLevels)
        {
            if (LevelOf(off ? "minimal" : reasoning.Effort ?? EffortOf(reasoning.BudgetTokens), model) is { } level)
            {
                json.WriteString("thinkingLevel", level);
            }
        }
        else
        {
            json.WriteNumber("thinkingBudget", off ? model.LeastBudget : BudgetOf(reasoning, model));
        }

        if (!off)
        {
            json.WriteBoolean("includeThoughts", true);
        }

        json.WriteEndObject();
    }

    /// <returns><see langword="null"/> leaves it to the model.</returns>
    private static string? LevelOf(string? effort, GeminiModel model) => effort switch
    {
        null => null,
        "minimal" => model.IsPro ? "LOW" : "MINIMAL",
        "low" => "LOW",
        "medium" => model is { IsPro: true, Version: 300 } ? "HIGH" : "MEDIUM", // 3 Pro knows only low and high
        _ => "HIGH",
    };

    private static string? EffortOf(long? budget) => budget switch
    {
        null => null,
        >= 10000 => "high",
        >= 5000 => "medium",
        >= 2000 => "low",
        _ => "minimal",
    };

    private static long BudgetOf(Reasoning reasoning, GeminiModel model)
    {
        var asked = reasoning.BudgetTokens ?? reasoning.Effort switch
        {
            "minimal" or "low" => 1024,
            "medium" => 8192,
            "high" => 24576,
            null => -1L, // the model decides
            _ => model.MostBudget,
        };
        return asked < 0 ? asked : Math.Clamp(asked, model.IsLite ? LeastLiteBudget : Math.Max(model.LeastBudget, 1), model.MostBudget);
    }
}
