using System.Text.Json;
using Gatehouse.Gateway.Conversation;
using Gatehouse.Gateway.Providers;

namespace Gatehouse.Gateway.Batches;

/// <summary>
/// The tokens that answers of a batch say they took, in OpenAI's counting: cached ones within the input, reasoning within the output.
/// </summary>
public sealed record BatchUsage(long Input, long Cached, long Output, long Reasoning)
{
    public static readonly BatchUsage None = new(0, 0, 0, 0);

    public BatchUsage Plus(BatchUsage other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new(Input + other.Input, Cached + other.Cached, Output + other.Output, Reasoning + other.Reasoning);
    }

    /// <param name="answer">In any of OpenAI's formats, which call the same by two names.</param>
    internal static BatchUsage Of(ReadOnlySpan<byte> answer)
    {
        if (!WireJson.TryGet(WireJson.ParseAnswer(answer), "usage", out var usage) || usage.ValueKind != JsonValueKind.Object)
        {
            return None;
        }

        var (input, output) = usage.TryGetProperty("input_tokens", out _) ? ("input_tokens", "output_tokens")
            : ("prompt_tokens", "completion_tokens");
        var counts = default(UsageCounts);
        var read = new BatchUsage(
            counts.Read(usage, input), Detail(ref counts, usage, input, "cached_tokens"), counts.Read(usage, output),
            Detail(ref counts, usage, output, "reasoning_tokens"));
        return counts.AreReadable ? read : None;
    }

    private static long Detail(ref UsageCounts counts, JsonElement usage, string of, string name) =>
        WireJson.TryGet(usage, of + "_details", out var details) ? counts.Read(details, name) : 0;
}
