using System.Text.Json;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.Bedrock;

/// <summary>Reads Bedrock's error body, and its exceptions within a stream, where the kind is the name of the one member.</summary>
internal static class BedrockErrorReader
{
    private const string ContextLength = "context_length_exceeded";

    /// <summary>Never throws: a body that is no error object gives a message that names the status.</summary>
    public static UpstreamError Read(ReadOnlySpan<byte> body, int status)
    {
        try
        {
            var root = WireJson.ParseAnswer(body);
            foreach (var member in root.EnumerateObject())
            {
                if (member.Value.ValueKind == JsonValueKind.Object)
                {
                    return Of(member.Name, member.Value, status);
                }
            }

            return Of(WireJson.StringOrNull(root, "__type"), root, status);
        }
        catch (FormatException)
        {
            return new UpstreamError(null, null, UpstreamError.Generic(status), null);
        }
    }

    /// <summary>The HTTP status that an exception within a stream stands for.</summary>
    public static int StatusOf(UpstreamError error) => Kind(error.Type) switch
    {
        "validation" => 400,
        "accessdenied" or "expiredtoken" or "unrecognizedclient" => 403,
        "resourcenotfound" => 404,
        "modeltimeout" => 408,
        "throttling" or "servicequotaexceeded" or "modelnotready" => 429,
        "serviceunavailable" => 503,
        _ => 500,
    };

    private static UpstreamError Of(string? type, JsonElement error, int status)
    {
        var message = WireJson.StringOrNull(error, "message") ?? WireJson.StringOrNull(error, "Message");
        if (string.IsNullOrWhiteSpace(message))
        {
            return new UpstreamError(null, type, UpstreamError.Generic(status), null);
        }

        // An error about a signature repeats what was signed, the session token included.
        var signed = message.IndexOf("The Canonical String", StringComparison.OrdinalIgnoreCase);
        return new UpstreamError(IsTooLong(message) ? ContextLength : null, type, signed > 0 ? message[..signed].TrimEnd() : message, null);
    }

    private static bool IsTooLong(string message) =>
        message.Contains("too long", StringComparison.OrdinalIgnoreCase)
        || message.Contains("too many input tokens", StringComparison.OrdinalIgnoreCase)
        || message.Contains("context window", StringComparison.OrdinalIgnoreCase);

    private static string? Kind(string? type) => type?.ToLowerInvariant().Replace("exception", "", StringComparison.Ordinal);
}
