using System.Globalization;

namespace Gatehouse.Guardrails.Policies;

/// <summary>
/// Text as it stands in a JSON string, read without its escapes: detectors would take <c>\n4111</c> for a word that begins with an n.
/// </summary>
internal static class JsonEscapes
{
    /// <param name="text">With escapes; one that is not complete stays as it is.</param>
    /// <param name="to">Gets the text without them; as long as <paramref name="text"/>.</param>
    /// <param name="places">Gets for each character, and for the end, its offset in <paramref name="text"/>; one longer.</param>
    /// <returns>The length of what was read.</returns>
    public static int Read(ReadOnlySpan<char> text, Span<char> to, Span<int> places)
    {
        var length = 0;
        for (var at = 0; at < text.Length;)
        {
            places[length] = at;
            if (text[at] != '\\' || at + 1 == text.Length)
            {
                to[length++] = text[at++];
                continue;
            }

            var (character, taken) = text[at + 1] switch
            {
                'n' => ('\n', 2),
                't' => ('\t', 2),
                'r' => ('\r', 2),
                'b' or 'f' => (' ', 2),
                'u' when at + 6 <= text.Length && ushort.TryParse(
                    text.Slice(at + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
                    => ((char)code, 6),
                'u' => ('\\', 1),
                var other => (other, 2),
            };
            to[length++] = character;
            at += taken;
        }

        places[length] = text.Length;
        return length;
    }

    /// <summary>A short text without its escapes.</summary>
    public static string Read(ReadOnlySpan<char> text)
    {
        var to = new char[text.Length];
        return new string(to, 0, Read(text, to, new int[text.Length + 1]));
    }
}
