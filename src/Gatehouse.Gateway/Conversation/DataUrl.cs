namespace Gatehouse.Gateway.Conversation;

/// <summary>Addresses of images and files in OpenAI's formats: <c>https:</c>, or <c>data:</c> with the bytes in it.</summary>
internal static class DataUrl
{
    /// <exception cref="Contracts.ProblemException">Neither an http(s) address nor base64 data with a type.</exception>
    public static Source Read(string url, string field)
    {
        if (!url.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
        {
            return url.StartsWith("http", StringComparison.OrdinalIgnoreCase)
                ? new Source(Url: url)
                : throw WireJson.Invalid(field, "must be an http(s) address or a data: URL");
        }

        var comma = url.IndexOf(',', StringComparison.Ordinal);
        var head = comma < 0 ? "" : url[5..comma];
        if (!head.EndsWith(";base64", StringComparison.OrdinalIgnoreCase))
        {
            throw WireJson.Invalid(field, "must be of the form data:<media type>;base64,<data>");
        }

        var type = head[..^7].Split(';')[0];
        return new Source(MediaType: type.Length > 0 ? type : "application/octet-stream", Data: url[(comma + 1)..]);
    }
}
