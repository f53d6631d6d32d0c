using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Moderations;

/// <summary>Listens to a moderation. OpenAI's counts no tokens and costs nothing; others count what they charge for.</summary>
internal sealed class ModerationTap : AnswerTap
{
    private TokenUsage? _usage;

    public override TokenUsage? Usage => _usage ?? default(TokenUsage);

    public override bool IsFree => _usage is null;

    public override bool IsFinished => true;

    public override TapEvent Read(ReadOnlySpan<byte> data) => throw new FormatException("A moderation is no stream.");

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body)
    {
        var root = WireJson.ParseAnswer(body);
        if (!WireJson.TryGet(root, "results", out var results) || results.ValueKind != JsonValueKind.Array)
        {
            return WireJson.TryGet(root, "error", out _) ? TapEvent.Error : throw new FormatException("The answer has no 'results'.");
        }

        Model = WireJson.StringOrNull(root, "model");
        if (WireJson.TryGet(root, "usage", out var usage) && usage.ValueKind == JsonValueKind.Object)
        {
            _usage = new TokenUsage(Math.Clamp(WireJson.LongOrZero(usage, "prompt_tokens"), 0, 1L << 40), 0, 0, 0, 0, 0);
        }

        return TapEvent.End;
    }
}
