using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Streaming;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>Listens to <c>ConverseResponse</c>s and the events of <c>ConverseStream</c>.</summary>
internal sealed class BedrockTap : AnswerTap
{
    private TokenUsage? _usage;

    public override TokenUsage? Usage => _usage;

    public override bool IsFinished => FinishReason is not null;

    public override TapEvent Read(ReadOnlySpan<byte> data)
    {
        var kind = TapEvent.Preamble;
        foreach (var e in WireJson.ParseAnswer(data).EnumerateObject())
        {
            switch (e.Name)
            {
                case "contentBlockDelta" or "contentBlockStop":
                    kind = TapEvent.Content;
                    break;
                case "messageStop":
                    ReadStop(e.Value);
                    kind = TapEvent.Content;
                    break;
                case "metadata":
                    ReadUsage(e.Value);
                    kind = TapEvent.End;
                    break;
            }
        }

        return kind;
    }

    public override TapEvent ReadWhole(ReadOnlySpan<byte> body)
    {
        var root = WireJson.ParseAnswer(body);
        ReadUsage(root);
        ReadStop(root);
        return WireJson.TryGet(root, "output", out _) ? TapEvent.End : throw new FormatException("The answer has no 'output'.");
    }

    private void ReadStop(JsonElement json) =>
        FinishReason = WireJson.StringOrNull(json, "stopReason") is { } reason ? BedrockStops.Recorded(reason) : FinishReason;

    private void ReadUsage(JsonElement json)
    {
        if (WireJson.TryGet(json, "usage", out var usage) && usage.ValueKind == JsonValueKind.Object)
        {
            _usage = BedrockUsage.Read(usage);
        }
    }
}
