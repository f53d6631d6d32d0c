using System.Buffers.Text;
using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Responses;

/// <summary>
/// What rides in <c>encrypted_content</c> of a reasoning item, which every client hands back untouched:
/// <list type="bullet">
/// <item><c>gh1:PROVIDER:…</c> is a provider's own sealed reasoning, and only the account that sealed it can open it: it goes back to the
/// provider of that name and to no other.</item>
/// <item><c>gh1::…</c> holds thinking of a provider of another format, with the signature that it wants back.</item>
/// </list>
/// </summary>
internal static class ReasoningSeal
{
    public const string Mark = "gh1:";

    /// <summary>Thinking with its proof, as one text. The text of it is inside: a signature holds for that text alone.</summary>
    public static string Of(Part thinking)
    {
        using var bytes = new Streaming.PooledBuffer();
        using (var json = JsonOut.Begin(bytes))
        {
            json.WriteStartObject();
            if (thinking is ThinkingPart part)
            {
                json.WriteString("text", part.Text);
                json.WriteString("signature", part.Signature);
            }
            else
            {
                json.WriteString("data", ((RedactedThinkingPart)thinking).Data);
            }

            json.WriteEndObject();
        }

        return $"{Mark}:{Base64Url.EncodeToString(bytes.Span)}";
    }

    /// <returns>The thinking of another format, or <see langword="null"/> when a provider sealed it, or nobody we know.</returns>
    public static Part? Open(string seal)
    {
        if (!seal.StartsWith(Mark + ":", StringComparison.Ordinal) || !Base64Url.IsValid(seal.AsSpan(Mark.Length + 1)))
        {
            return null;
        }

        try
        {
            var json = WireJson.ParseRequest(Base64Url.DecodeFromChars(seal.AsSpan(Mark.Length + 1)));
            return WireJson.StringOrNull(json, "data") is { } data
                ? new RedactedThinkingPart(data)
                : new ThinkingPart(WireJson.StringOrEmpty(json, "text"), WireJson.StringOrEmpty(json, "signature"));
        }
        catch (ProblemException)
        {
            return null;
        }
    }

    /// <summary>Put before a provider's own sealed reasoning.</summary>
    public static byte[] PrefixOf(string provider) => Encoding.UTF8.GetBytes($"{Mark}{provider}:");

    /// <returns>What the provider of this name sealed; <see langword="null"/> when another one did. Text that we did not mark is the
    /// caller's own.</returns>
    public static string? OpenFor(string seal, string provider)
    {
        if (!seal.StartsWith(Mark, StringComparison.Ordinal))
        {
            return seal;
        }

        return seal.AsSpan(Mark.Length).StartsWith(provider, StringComparison.Ordinal)
            && seal.AsSpan(Mark.Length + provider.Length) is [':', ..]
            && provider.Length > 0
            ? seal[(Mark.Length + provider.Length + 1)..]
            : null;
    }
}
