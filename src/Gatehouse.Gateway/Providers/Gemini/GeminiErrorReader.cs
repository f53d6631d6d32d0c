using System.Globalization;
using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Gemini;

/// <summary>Reads Google's error body, which comes bare or as the one item of an array.</summary>
internal static class GeminiErrorReader
{
    private const string BadKey = "API_KEY_INVALID";

    /// <summary>Never throws: a body that is no error object gives a message that names the status.</summary>
    public static UpstreamError Read(ReadOnlySpan<byte> body, int status)
    {
        try
        {
            return Read(WireJson.ParseAnswer(Bare(body)), status);
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
            Detail(error, "google.rpc.ErrorInfo", "reason"),
            WireJson.StringOrNull(error, "status"),
            string.IsNullOrWhiteSpace(message) ? UpstreamError.Generic(status) : message,
            null);
    }

    /// <summary>The HTTP status that an error within a stream stands for.</summary>
    public static int StatusOf(UpstreamError error) => error.Type switch
    {
        _ when error.Code == BadKey => 401,
        "INVALID_ARGUMENT" or "FAILED_PRECONDITION" or "OUT_OF_RANGE" => 400,
        "UNAUTHENTICATED" => 401,
        "PERMISSION_DENIED" => 403,
        "NOT_FOUND" => 404,
        "ABORTED" or "ALREADY_EXISTS" => 409,
        "RESOURCE_EXHAUSTED" => 429,
        "UNAVAILABLE" => 503,
        "DEADLINE_EXCEEDED" => 504,
        _ => 500,
    };

    /// <summary>A credential that is not good is told with status 400 there.</summary>
    public static int Meaning(int status, UpstreamError error) => status == 400 && error.Code == BadKey ? 401 : status;

    /// <summary>The wait that the body asks for: a number of seconds with an <c>s</c>.</summary>
    public static TimeSpan? RetryAfter(ReadOnlySpan<byte> body)
    {
        try
        {
            var root = WireJson.ParseAnswer(Bare(body));
            var delay = WireJson.TryGet(root, "error", out var error) ? Detail(error, "google.rpc.RetryInfo", "retryDelay") : null;
            return delay is [.. var number, 's']
                && double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
                && seconds is >= 0 and < 1e9
                    ? TimeSpan.FromSeconds(seconds)
                    : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static ReadOnlySpan<byte> Bare(ReadOnlySpan<byte> body)
    {
        var text = body.Trim(" \t\r\n"u8);
        return text is [(byte)'[', .. var item, (byte)']'] ? item : text;
    }

    private static string? Detail(JsonElement error, string type, string name)
    {
        foreach (var detail in WireJson.Items(error, "details"))
        {
            if (WireJson.StringOrEmpty(detail, "@type").EndsWith(type, StringComparison.Ordinal))
            {
                return WireJson.StringOrNull(detail, name);
            }
        }

        return null;
    }
}
