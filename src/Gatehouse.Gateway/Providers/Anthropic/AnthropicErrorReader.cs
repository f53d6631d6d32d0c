using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Anthropic;

/// <summary>Reads the error body of the messages format.</summary>
internal static class AnthropicErrorReader
{
    /// <summary>Never throws: a body that is no error object gives a message that names the status.</summary>
    public static UpstreamError Read(ReadOnlySpan<byte> body, int status)
    {
        try
        {
            return Read(WireJson.ParseAnswer(body), status);
        }
        catch (FormatException)
        {
            return new UpstreamError(null, null, UpstreamError.Generic(status), null);
        }
    }

    public static UpstreamError Read(JsonElement root, int status)
    {
        var error = WireJson.TryGet(root, "error", out var inner) && inner.ValueKind == JsonValueKind.Object ? inner : root;
        var message = WireJson.StringOrNull(error, "message") ?? WireJson.StringOrNull(root, "error");
        return new UpstreamError(
            null,
            WireJson.StringOrNull(error, "type"),
            string.IsNullOrWhiteSpace(message) ? UpstreamError.Generic(status) : message,
            null);
    }

    /// <summary>The HTTP status that an error within a stream stands for.</summary>
    public static int StatusOf(UpstreamError error) => error.Type switch
    {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    };
}
