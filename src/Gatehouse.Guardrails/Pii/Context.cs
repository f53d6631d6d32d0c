namespace Gatehouse.Guardrails.Pii;

/// <summary>Words near a finding that make it more likely.</summary>
internal static class Context
{
    /// <summary>How far to look back, in characters: about eight words.</summary>
    private const int Before = 64;

    private const int After = 24;

    /// <summary>Added to the score when a context word stands nearby.</summary>
    public const float Boost = .45f;

    public static bool Has(ReadOnlySpan<char> text, int start, int end, string[] words) =>
        HasIn(text[Math.Max(0, start - Before)..start], words) || HasIn(text[end..Math.Min(text.Length, end + After)], words);

    public static bool HasBefore(ReadOnlySpan<char> text, int start, string[] words) => HasIn(text[Math.Max(0, start - Before)..start], words);

    private static bool HasIn(ReadOnlySpan<char> window, string[] words)
    {
        if (window.IsEmpty)
        {
            return false;
        }

        foreach (var word in words)
        {
            for (var rest = window; ;)
            {
                var at = rest.IndexOf(word, StringComparison.OrdinalIgnoreCase);
                if (at < 0)
                {
                    break;
                }

                var isStart = at == 0 || !char.IsLetter(rest[at - 1]) || !char.IsAscii(word[0]) || char.IsUpper(rest[at]);
                if (isStart)
                {
                    return true;
                }

                rest = rest[(at + 1)..];
            }
        }

        return false;
    }
}
