namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>What a model can do about reasoning, as far as its name says; an unknown name may reason.</summary>
internal static class OpenAiModel
{
    /// <summary>False only for models known to refuse <c>reasoning_effort</c>.</summary>
    public static bool Reasons(string model) =>
        !Is(model, "gpt-4") && !Is(model, "gpt-3.5") && !Is(model, "chatgpt-4o");

    /// <summary>OpenAI's own reasoning models reason even when nothing is asked.</summary>
    public static bool AlwaysReasons(string model) => Is(model, "o1") || Is(model, "o3") || Is(model, "o4") || Is(model, "gpt-5");

    /// <summary>Whether sealed reasoning may be asked of it: models that have none refuse the whole request.</summary>
    public static bool SealsReasoning(string model) => AlwaysReasons(model) && !model.Contains("-chat", StringComparison.OrdinalIgnoreCase);

    /// <summary>False for models known to refuse <c>temperature</c>, <c>top_p</c> and <c>stop</c>.</summary>
    public static bool TakesSampling(string model) => !AlwaysReasons(model) || Is(model, "gpt-5.") || Is(model, "gpt-5-chat");

    /// <summary>The effort that comes closest to no reasoning, where it is known to exist.</summary>
    public static string? LeastEffort(string model) =>
        Is(model, "gpt-5.") ? "none" : Is(model, "gpt-5") ? "minimal" : null;

    /// <summary>OpenAI's own models that the older completions format still serves.</summary>
    public static bool Completes(string model) =>
        model.EndsWith("-instruct", StringComparison.OrdinalIgnoreCase) || Is(model, "gpt-3.5-turbo-instruct") || Is(model, "davinci-002")
            || Is(model, "babbage-002");

    private static bool Is(string model, string family)
    {
        var name = model.AsSpan(model.LastIndexOf('/') + 1);
        return name.StartsWith(family, StringComparison.OrdinalIgnoreCase);
    }
}
