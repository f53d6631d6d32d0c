using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Providers.OpenAi;

/// <summary>Reads errors of the responses format: a body, an event <c>error</c>, or a response that failed.</summary>
internal static class ResponsesErrorReader
{
    /// <summary>Never throws: a body that is no error object gives a message that names the status.</summary>
    public static UpstreamError Read(ReadOnlySpan<byte> body, int status)
    {
        try
        {
            var root = WireJson.ParseAnswer(body);
            return OpenAiErrorReader.Read(WireJson.TryGet(root, "response", out var response) ? response : root, status);
        }
        catch (FormatException)
        {
            return new UpstreamError(null, null, UpstreamError.Generic(status), null);
        }
    }

    public static int StatusOf(UpstreamError error) => error.Code switch
    {
        "invalid_prompt" or "bio_policy" or "invalid_encrypted_content" or "previous_response_not_found" => 400,
        { } code when code.Contains("image", StringComparison.Ordinal) => 400,
        _ => OpenAiErrorReader.StatusOf(error),
    };
}
