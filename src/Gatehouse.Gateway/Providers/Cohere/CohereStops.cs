using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Cohere;

/// <summary>The names of <see cref="FinishReason"/> in Cohere's format.</summary>
internal static class CohereStops
{
    /// <exception cref="FormatException">The provider says that the model failed.</exception>
    public static FinishReason From(string? name) => name switch
    {
        "STOP_SEQUENCE" => FinishReason.StopSequence,
        "MAX_TOKENS" => FinishReason.Length,
        "TOOL_CALL" => FinishReason.ToolCalls,
        "ERROR_TOXIC" => FinishReason.Refusal,
        "ERROR" or "TIMEOUT" => throw new FormatException("the provider ended the answer with an error."),
        _ => FinishReason.Stop,
    };

    /// <summary>In OpenAI's words, for the record.</summary>
    public static string Recorded(string name) => name is "ERROR" or "TIMEOUT" ? "error" : StopReasons.ToOpenAi(From(name));
}
