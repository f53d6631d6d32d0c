using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Cohere;

/// <summary>Listens to answers of <c>chat</c> and the events of their streams.</summary>
internal sealed class CohereTap : AnswerTap
{
    private TokenUsage? _usage;

    public override TokenUsage? Usage => _usage;

    public override bool IsFinished => FinishReason is not null;

    /// <summary>Some of the provider's endpoints end a stream as OpenAI does.</summary>
    public static bool IsDone(ReadOnlySpan<byte> data) => data.Trim((byte)' ').SequenceEqual("[DONE]"u8);

    public override TapEvent Read(ReadOnlySpan<byte> data)
    {
        if (IsDone(data))
        {
            return TapEvent.End;
        }

        var json = WireJson.ParseAnswer(data);
        switch (WireJson.StringOrNull(json, "type"))
        {
            case "content-delta" or "tool-plan-delta" or "tool-call-start" or "tool-call-delta" or "tool-call-end" or "content-end":
                return TapEvent.Content;
            case "message-end" when WireJson.TryGet(json, "delta", out var delta):
                _usage = CohereUsage.Read(delta) ?? _usage;
                ReadFinish(delta);
                return WireJson.StringOrNull(delta, "error") is { Length: > 0 } ? TapEvent.Error : TapEvent.Content;
            case null when WireJson.TryGet(json, "message", out _):
                return TapEvent.Error;
            default:
                return TapEvent.Preamble;
        }
    }

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body)
    {
        var root = WireJson.ParseAnswer(body);
        _usage = CohereUsage.Read(root);
        ReadFinish(root);
        return !WireJson.TryGet(root, "message", out var message) ? throw new FormatException("The answer has no 'message'.")
            : message.ValueKind == JsonValueKind.Object ? TapEvent.End
            : TapEvent.Error;
    }

    private void ReadFinish(JsonElement json) =>
        FinishReason = WireJson.StringOrNull(json, "finish_reason") is { } reason ? CohereStops.Recorded(reason) : FinishReason;
}
