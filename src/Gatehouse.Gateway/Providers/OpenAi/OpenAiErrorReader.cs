using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>Reads the error body of the chat format, and what servers that only resemble it send.</summary>
internal static class OpenAiErrorReader
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

    /// <param name="root">An object with <c>error</c> (object or string), or with <c>message</c> or <c>detail</c> at the top.</param>
    public static UpstreamError Read(JsonElement root, int status)
    {
        if (!WireJson.TryGet(root, "error", out var error) || error.ValueKind != JsonValueKind.Object)
        {
            var message = WireJson.StringOrNull(root, "error") ?? WireJson.StringOrNull(root, "message")
                ?? WireJson.StringOrNull(root, "detail");
            return new UpstreamError(CodeOf(root), WireJson.StringOrNull(root, "type"), NotEmpty(message, status), null);
        }

        return new UpstreamError(
            CodeOf(error),
            WireJson.StringOrNull(error, "type"),
            NotEmpty(WireJson.StringOrNull(error, "message"), status),
            WireJson.StringOrNull(error, "param"));
    }

    /// <summary>The HTTP status that an error within a stream stands for.</summary>
    public static int StatusOf(UpstreamError error)
    {
        if (int.TryParse(error.Code, out var code) && code is >= 400 and <= 599)
        {
            return code;
        }

        return (error.Code, error.Type) switch
        {
            ("rate_limit_exceeded" or "insufficient_quota" or "credit_balance_exhausted" or "slow_down", _) => 429,
            ("server_is_overloaded", _) => 503,
            ("context_length_exceeded", _) => 400,
            (_, "rate_limit_error" or "insufficient_quota" or "requests" or "tokens") => 429,
            (_, "invalid_request_error") => 400,
            (_, "authentication_error") => 401,
            (_, "permission_error") => 403,
            (_, "not_found_error") => 404,
            (_, "overloaded_error" or "service_unavailable_error") => 503,
            _ => 500,
        };
    }

    private static string NotEmpty(string? message, int status) =>
        string.IsNullOrWhiteSpace(message) ? UpstreamError.Generic(status) : message;

    /// <summary>Azure may say within that its filter stopped the request, and nothing of it outside.</summary>
    private static string? CodeOf(JsonElement error) =>
        WireJson.TryGet(error, "innererror", out var inner) && WireJson.StringOrNull(inner, "code") == "ResponsibleAIPolicyViolation"
            ? "content_filter"
        : WireJson.TryGet(error, "code", out var code) && code.ValueKind == JsonValueKind.Number
            ? code.GetRawText()
            : WireJson.StringOrNull(error, "code");
}
