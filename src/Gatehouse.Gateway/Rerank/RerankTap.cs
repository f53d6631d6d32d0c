using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;
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
        var counts = default(UsageCounts);
        if (WireJson.TryGet(root, "usage", out var usage))
        {
            var input = Math.Max(counts.Read(usage, "total_tokens"), counts.Read(usage, "prompt_tokens"));
            _usage = counts.Else(null, new TokenUsage(input, 0, 0, 0, 0, 0));
        }
        else if (WireJson.TryGet(root, "meta", out var meta) && WireJson.TryGet(meta, "tokens", out var tokens))
        {
            var read = new TokenUsage(counts.Read(tokens, "input_tokens"), 0, 0, 0, counts.Read(tokens, "output_tokens"), 0);
            _usage = counts.Else(null, read);
        }

        return TapEvent.End;
    }
}
