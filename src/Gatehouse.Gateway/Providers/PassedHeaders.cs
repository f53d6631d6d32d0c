namespace Gatehouse.Gateway.Providers;

/// <summary>The headers of a provider's answer that a client gets to see; everything else stays between Gatehouse and the provider.</summary>
internal static class PassedHeaders
{
    public static bool Includes(string name) => name.Length switch
    {
        14 => Same(name, "openai-version"),
        20 => Same(name, "openai-processing-ms"),
        _ => name.StartsWith("x-ratelimit-", StringComparison.OrdinalIgnoreCase)
            || name.StartsWith("anthropic-ratelimit-", StringComparison.OrdinalIgnoreCase),
    };

    /// <summary>Whether a header may have this value: a server, ours or the next one, may refuse to send or to read any other.</summary>
    public static bool CanHold(string value) => !value.AsSpan().ContainsAnyExceptInRange(' ', '~');

    private static bool Same(string name, string other) => name.Equals(other, StringComparison.OrdinalIgnoreCase);
}
