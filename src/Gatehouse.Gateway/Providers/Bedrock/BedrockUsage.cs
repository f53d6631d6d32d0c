using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>Reads <c>usage</c>. The input there leaves out what the cache gave or took.</summary>
internal static class BedrockUsage
{
    /// <returns><see langword="null"/> when it cannot be read.</returns>
    public static TokenUsage? Read(JsonElement usage)
    {
        var counts = default(UsageCounts);
        var written = counts.Read(usage, "cacheWriteInputTokens");
        long hour = 0;
        foreach (var detail in WireJson.Items(usage, "cacheDetails"))
        {
            hour += WireJson.StringOrNull(detail, "ttl") == "1h" ? counts.Read(detail, "inputTokens") : 0;
        }

        hour = Math.Min(hour, written);
        var read = new TokenUsage(
            counts.Read(usage, "inputTokens"), counts.Read(usage, "cacheReadInputTokens"), written - hour, hour,
            counts.Read(usage, "outputTokens"), 0);
        return counts.Else(null, read);
    }
}
