using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Cohere;

/// <summary>Reads <c>usage</c>: what is billed, which leaves out the format's own tokens, or else what was counted.</summary>
internal static class CohereUsage
{
    public static TokenUsage? Read(JsonElement parent)
    {
        if (!WireJson.TryGet(parent, "usage", out var usage)
            || !(WireJson.TryGet(usage, "billed_units", out var counted) || WireJson.TryGet(usage, "tokens", out counted)))
        {
            return null;
        }

        var input = Count(counted, "input_tokens");
        var cached = Math.Min(Count(usage, "cached_tokens"), input);
        return new TokenUsage(input - cached, cached, 0, 0, Count(counted, "output_tokens"), 0);
    }

    private static long Count(JsonElement usage, string name) => Math.Clamp(WireJson.LongOrZero(usage, name), 0, 1L << 40);
}
