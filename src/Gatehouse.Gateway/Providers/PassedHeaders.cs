using System.Text;

namespace Gatehouse.Gateway.Providers;

/// <summary>
/// The headers of a provider's answer that a client gets to see; everything else stays between Gatehouse and the provider.
/// </summary>
internal static class PassedHeaders
{
    public static bool Includes(string name) => name.Length switch
    {
        14 => Same(name, "openai-version"),
        20 => Same(name, "openai-processing-ms"),
        _ => name.StartsWith("x-ratelimit-", StringComparison.OrdinalIgnoreCase)
            || name.StartsWith("anthropic-ratelimit-", StringComparison.OrdinalIgnoreCase),
    };

    /// <inheritdoc cref="Includes(string)"/>
    public static bool Includes(ReadOnlySpan<byte> name) => name.Length switch
    {
        14 => Ascii.EqualsIgnoreCase(name, "openai-version"u8),
        20 when Ascii.EqualsIgnoreCase(name, "openai-processing-ms"u8) => true,
        _ => Begins(name, "x-ratelimit-"u8) || Begins(name, "anthropic-ratelimit-"u8),
    };

    /// <summary>Whether a header may have this value: a server, ours or the next one, may refuse to send or to read any other.</summary>
    public static bool CanHold(string value) => !value.AsSpan().ContainsAnyExceptInRange(' ', '~');

    private static bool Begins(ReadOnlySpan<byte> name, ReadOnlySpan<byte> with) =>
        name.Length >= with.Length && Ascii.EqualsIgnoreCase(name[..with.Length], with);

    private static bool Same(string name, string other) => name.Equals(other, StringComparison.OrdinalIgnoreCase);
}
