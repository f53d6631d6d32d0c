using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Cohere;

/// <summary>Reads Cohere's error body, which has no more than a message.</summary>
internal static class CohereErrorReader
{
    /// <summary>Never throws: a body that is no error object gives a message that names the status.</summary>
    public static UpstreamError Read(ReadOnlySpan<byte> body, int status)
    {
        try
        {
            var root = WireJson.ParseAnswer(body);
            var message = WireJson.StringOrNull(root, "message")
                ?? (WireJson.TryGet(root, "delta", out var delta) ? WireJson.StringOrNull(delta, "error") : null);
            return string.IsNullOrWhiteSpace(message)
                ? new UpstreamError(null, null, UpstreamError.Generic(status), null)
                : new UpstreamError(
                    message.Contains("too many tokens", StringComparison.OrdinalIgnoreCase) ? "context_length_exceeded" : null, null,
                    message, null);
        }
        catch (FormatException)
        {
            return new UpstreamError(null, null, UpstreamError.Generic(status), null);
        }
    }

    /// <summary>The HTTP status that an error within a stream stands for.</summary>
    public static int StatusOf(UpstreamError error) => error.Code is null ? 500 : 400;
}
