using System.Text;
using Gatehouse.Gateway.Conversation;

namespace Gatehouse.Gateway.Generate;

/// <summary>
/// Anthropic's signatures in the place that Google's format has for its own: marked, so that each goes back only to the maker that signed.
/// The place holds Base64, which SDKs decode and encode again.
/// </summary>
internal static class ForeignThought
{
    private const string Signed = "anthropic-claude-v1:";
    private const string Redacted = "anthropic-redacted-v1:";

    public static string Seal(ThinkingPart part) => Encode(Signed + part.Signature);

    public static string Seal(RedactedThinkingPart part) => Encode(Redacted + part.Data);

    /// <summary>Undoes <c>Seal</c>; thinking that another maker signed is thinking without a signature.</summary>
    public static Part Open(string text, string? signature)
    {
        var bytes = new byte[((signature?.Length ?? 0) * 3 / 4) + 3];
        var sealedText = signature is not null && Convert.TryFromBase64String(signature, bytes, out var length)
            ? Encoding.UTF8.GetString(bytes, 0, length)
            : "";
        return sealedText.StartsWith(Redacted, StringComparison.Ordinal) ? new RedactedThinkingPart(sealedText[Redacted.Length..])
            : sealedText.StartsWith(Signed, StringComparison.Ordinal) ? new ThinkingPart(text, sealedText[Signed.Length..])
            : new ThinkingPart(text, "");
    }

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
