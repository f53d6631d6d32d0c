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

        var counts = default(UsageCounts);
        var input = counts.Read(counted, "input_tokens");
        var cached = Math.Min(counts.Read(usage, "cached_tokens"), input);
        var read = new TokenUsage(input - cached, cached, 0, 0, counts.Read(counted, "output_tokens"), 0);
        return counts.Else(null, read);
    }
}
