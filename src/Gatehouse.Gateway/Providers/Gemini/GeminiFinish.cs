using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>The names of <see cref="FinishReason"/> in Google's format.</summary>
internal static class GeminiFinish
{
    /// <param name="calls">Whether the answer holds tool calls, of which the provider's word says nothing.</param>
    /// <exception cref="FormatException">The provider says that the model failed.</exception>
    public static FinishReason From(string name, bool calls) => name switch
    {
        "STOP" or "FINISH_REASON_UNSPECIFIED" => calls ? FinishReason.ToolCalls : FinishReason.Stop,
        "MAX_TOKENS" => FinishReason.Length,
        "SAFETY" or "RECITATION" or "LANGUAGE" or "BLOCKLIST" or "PROHIBITED_CONTENT" or "SPII" => FinishReason.Refusal,
        _ when name.StartsWith("IMAGE_", StringComparison.Ordinal) => FinishReason.Refusal,
        "MALFORMED_FUNCTION_CALL" => throw new FormatException("the model wrote a tool call that cannot be read."),
        "UNEXPECTED_TOOL_CALL" => throw new FormatException("the model called a tool that it was not given."),
        "TOO_MANY_TOOL_CALLS" => throw new FormatException("the model called too many tools."),
        "OTHER" or "MISSING_THOUGHT_SIGNATURE" or "MALFORMED_RESPONSE" =>
            throw new FormatException("the provider ended the answer for a reason of its own."),
        _ => calls ? FinishReason.ToolCalls : FinishReason.Stop,
    };

    public static string To(FinishReason reason) => reason switch
    {
        FinishReason.Length or FinishReason.ContextWindow => "MAX_TOKENS",
        FinishReason.Refusal => "SAFETY",
        _ => "STOP",
    };

    /// <summary>In OpenAI's words, for the record.</summary>
    public static string Recorded(string name, bool calls)
    {
        try
        {
            return StopReasons.ToOpenAi(From(name, calls));
        }
        catch (FormatException)
        {
            return "error";
        }
    }
}
