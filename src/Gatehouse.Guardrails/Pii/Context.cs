using System.Buffers;

namespace Gatehouse.Guardrails.Pii;

/// <summary>Words to look for near a finding, in lower case; one search tells that none is there.</summary>
internal sealed class ContextWords(params string[] words)
{
    private readonly SearchValues<string> _any = SearchValues.Create(words, StringComparison.OrdinalIgnoreCase);

    public bool IsIn(ReadOnlySpan<char> window)
    {
        if (window.IndexOfAny(_any) < 0)
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

/// <summary>Words near a finding that make it more likely.</summary>
internal static class Context
{
    /// <summary>How far to look back, in characters: about eight words.</summary>
    private const int Before = 64;

    private const int After = 24;

    /// <summary>Added to the score when a context word stands nearby.</summary>
    public const float Boost = .45f;

    public static bool Has(ReadOnlySpan<char> text, int start, int end, ContextWords words) =>
        words.IsIn(text[Math.Max(0, start - Before)..start]) || words.IsIn(text[end..Math.Min(text.Length, end + After)]);

    public static bool HasBefore(ReadOnlySpan<char> text, int start, ContextWords words) =>
        words.IsIn(text[Math.Max(0, start - Before)..start]);
}
