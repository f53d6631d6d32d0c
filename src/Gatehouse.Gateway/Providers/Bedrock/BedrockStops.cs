using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>The names of <see cref="FinishReason"/> in Bedrock's format.</summary>
internal static class BedrockStops
{
    /// <exception cref="FormatException">The provider says that the model failed.</exception>
    public static FinishReason From(string? name) => name switch
    {
        "stop_sequence" => FinishReason.StopSequence,
        "max_tokens" => FinishReason.Length,
        "model_context_window_exceeded" => FinishReason.ContextWindow,
        "tool_use" => FinishReason.ToolCalls,
        "content_filtered" or "guardrail_intervened" or "refusal" => FinishReason.Refusal,
        "malformed_tool_use" => throw new FormatException("the model wrote a tool call that cannot be read."),
        "malformed_model_output" => throw new FormatException("the model wrote what the provider cannot read."),
        _ => FinishReason.Stop,
    };

    /// <summary>In OpenAI's words, for the record.</summary>
    public static string Recorded(string name) =>
        name.StartsWith("malformed_", StringComparison.Ordinal) ? "error" : StopReasons.ToOpenAi(From(name));
}
