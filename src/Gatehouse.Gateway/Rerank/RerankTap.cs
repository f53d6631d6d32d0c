using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Rerank;

/// <summary>
/// Listens to an order of documents. Jina and vLLM count tokens in <c>usage</c>, Cohere in <c>meta.tokens</c>; some count none.
/// </summary>
internal sealed class RerankTap : AnswerTap
{
    private TokenUsage? _usage;

    public override TokenUsage? Usage => _usage;

    public override bool IsFinished => true;

    public override TapEvent Read(ReadOnlySpan<byte> data) => throw new FormatException("An order of documents is no stream.");

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body)
    {
        var root = WireJson.ParseAnswer(body);
        if (!WireJson.TryGet(root, "results", out var results) || results.ValueKind != JsonValueKind.Array)
        {
            return WireJson.TryGet(root, "error", out _) || WireJson.TryGet(root, "message", out _)
                || WireJson.TryGet(root, "detail", out _)
                ? TapEvent.Error
                : throw new FormatException("The answer has no 'results'.");
        }

        Model = WireJson.StringOrNull(root, "model");
        if (WireJson.TryGet(root, "usage", out var usage))
        {
            var total = Math.Max(WireJson.LongOrZero(usage, "total_tokens"), WireJson.LongOrZero(usage, "prompt_tokens"));
            _usage = Tokens(total, 0);
        }
        else if (WireJson.TryGet(root, "meta", out var meta) && WireJson.TryGet(meta, "tokens", out var tokens))
        {
            _usage = Tokens(WireJson.LongOrZero(tokens, "input_tokens"), WireJson.LongOrZero(tokens, "output_tokens"));
        }

        return TapEvent.End;
    }

    private static TokenUsage Tokens(long input, long output) =>
        new(Math.Clamp(input, 0, 1L << 40), 0, 0, 0, Math.Clamp(output, 0, 1L << 40), 0);
}
