using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>Listens to the answer of <c>countTokens</c>, which uses none.</summary>
internal sealed class GeminiCountTap : AnswerTap
{
    /// <summary>None, and that is known: nothing is to be estimated or billed.</summary>
    public override TokenUsage? Usage => default(TokenUsage);

    public override bool IsFinished => true;

    public override TapEvent Read(ReadOnlySpan<byte> data) => throw new FormatException("A count of tokens is no stream.");

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body)
    {
        var root = WireJson.ParseAnswer(body);
        return WireJson.TryGet(root, "totalTokens", out var total) && total.ValueKind == JsonValueKind.Number ? TapEvent.End
            : WireJson.TryGet(root, "error", out _) ? TapEvent.Error
            : throw new FormatException("The answer has no 'totalTokens'.");
    }
}
