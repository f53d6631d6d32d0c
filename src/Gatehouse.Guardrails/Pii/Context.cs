using System.Buffers;

namespace Gatehouse.Guardrails.Pii;

/// <summary>Words to look for near a finding, in lower case; one search tells that none is there.</summary>
internal sealed class ContextWords(params string[] words)
{
    private readonly SearchValues<string> _any = SearchValues.Create(words, StringComparison.OrdinalIgnoreCase);

    /// <summary>Longest word that many others begin with: nin in nine, sin in since.</summary>
    private const int Short = 4;

    /// <summary>Short words count only where no letter follows them, but for a plural's.</summary>
    public bool ShortAreWhole { get; init; }

    /// <summary>Whether one of them begins a word between two places of a text.</summary>
    public bool IsIn(ReadOnlySpan<char> text, int from, int to)
    {
        if (text[from..to].IndexOfAny(_any) < 0)
        {
            return false;
        }

        foreach (var word in words)
        {
            var isWhole = ShortAreWhole && word.Length <= Short && char.IsAsciiLetter(word[^1]);
            for (var at = from; ; at++)
            {
                var next = text[at..to].IndexOf(word, StringComparison.OrdinalIgnoreCase);
                if (next < 0)
                {
                    break;
                }

                at += next;
                if (isWhole ? IsWhole(text, at, at + word.Length)
                    : at == from || !char.IsLetter(text[at - 1]) || !char.IsAscii(word[0]) || char.IsUpper(text[at]))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static bool IsWhole(ReadOnlySpan<char> text, int start, int end)
    {
        end += end < text.Length && text[end] is 's' or 'S' ? 1 : 0;
        return IsBound(text, start) && IsBound(text, end);
    }

    /// <summary>No letter on one of its sides, or a capital letter after a small one.</summary>
    private static bool IsBound(ReadOnlySpan<char> text, int at) =>
        at == 0 || at == text.Length || !char.IsLetter(text[at - 1]) || !char.IsLetter(text[at])
            || (char.IsLower(text[at - 1]) && char.IsUpper(text[at]));
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
        HasBefore(text, start, words) || words.IsIn(text, end, Math.Min(text.Length, end + After));

    public static bool HasBefore(ReadOnlySpan<char> text, int start, ContextWords words) =>
        words.IsIn(text, Math.Max(0, start - Before), start);
}
