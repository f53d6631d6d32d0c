namespace Gatehouse.Gateway.Conversation;

/// <summary>Why an answer ended.</summary>
internal enum FinishReason
{
    /// <summary>The model was done, or the provider did not say.</summary>
    Stop,

    /// <summary>One of the caller's stop sequences was met.</summary>
    StopSequence,

    /// <summary>The limit on output tokens.</summary>
    Length,

    /// <summary>The context window is full.</summary>
    ContextWindow,

    /// <summary>The model waits for tools.</summary>
    ToolCalls,

    /// <summary>The provider or the model declined.</summary>
    Refusal,

    /// <summary>The provider paused a long turn; the caller sends it back to go on.</summary>
    Paused,
}

/// <summary>The names of <see cref="FinishReason"/> in each wire format.</summary>
internal static class StopReasons
{
    public static FinishReason FromOpenAi(string? name) => name switch
    {
        "length" => FinishReason.Length,
        "tool_calls" or "function_call" => FinishReason.ToolCalls,
        "content_filter" => FinishReason.Refusal,
        _ => FinishReason.Stop,
    };

    public static string ToOpenAi(FinishReason reason) => reason switch
    {
        FinishReason.Length or FinishReason.ContextWindow => "length",
        FinishReason.ToolCalls => "tool_calls",
        FinishReason.Refusal => "content_filter",
        _ => "stop",
    };

    public static FinishReason FromAnthropic(string? name) => name switch
    {
        "stop_sequence" => FinishReason.StopSequence,
        "max_tokens" => FinishReason.Length,
        "model_context_window_exceeded" => FinishReason.ContextWindow,
        "tool_use" => FinishReason.ToolCalls,
        "refusal" => FinishReason.Refusal,
        "pause_turn" => FinishReason.Paused,
        _ => FinishReason.Stop,
    };

    public static string ToAnthropic(FinishReason reason) => reason switch
    {
        FinishReason.StopSequence => "stop_sequence",
        FinishReason.Length => "max_tokens",
        FinishReason.ContextWindow => "model_context_window_exceeded",
        FinishReason.ToolCalls => "tool_use",
        FinishReason.Refusal => "refusal",
        FinishReason.Paused => "pause_turn",
        _ => "end_turn",
    };
}
