using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>Reads <c>usage</c>. The input there leaves out what the cache gave or took.</summary>
internal static class BedrockUsage
{
    public static TokenUsage Read(JsonElement usage)
    {
        var written = Math.Max(0, WireJson.LongOrZero(usage, "cacheWriteInputTokens"));
        long hour = 0;
        foreach (var detail in WireJson.Items(usage, "cacheDetails"))
        {
            hour += WireJson.StringOrNull(detail, "ttl") == "1h" ? Count(detail, "inputTokens") : 0;
        }

        hour = Math.Min(hour, written);
        return new TokenUsage(
            Count(usage, "inputTokens"), Count(usage, "cacheReadInputTokens"), written - hour, hour, Count(usage, "outputTokens"), 0);
    }

    private static long Count(JsonElement usage, string name) => Math.Clamp(WireJson.LongOrZero(usage, name), 0, 1L << 40);
}
