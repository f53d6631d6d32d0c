using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Pii.Names;

/// <summary>How a word is written.</summary>
internal enum Shape : byte
{
    Mark,
    Lower,
    Capital,
    Upper,
    Mixed,
    Number,
    Code,
    Initial,
}

/// <summary>A word or a mark of a text.</summary>
internal struct Token
{
    public int Start;
    public int End;

    /// <summary>Of the text in lower case.</summary>
    public uint Hash;
    public Shape Shape;

    /// <summary>Starts a line.</summary>
    public bool IsLineStart;

    /// <summary>Starts a sentence or a quotation.</summary>
    public bool IsSentenceStart;

    /// <summary>Something that another detector has found: no name starts or goes on here.</summary>
    public bool IsMasked;

    public WordFlags Flags;
    public Tag Tag;
    public short Margin;
}

/// <summary>Splits a text into words and marks. A possessive <c>'s</c> is a word of its own; a dash joins nothing.</summary>
internal static class Tokenizer
{
    private const uint Seed = 2166136261;
    private const uint Prime = 16777619;
    private const int Small = 1;
    private const int Upper = 2;
    private const int Digit = 3;

    /// <summary>Class of each ASCII character: none, lower case, upper case, digit.</summary>
    private static readonly byte[] Classes = Classify();

    /// <summary>The lower case of Latin, Greek and Cyrillic letters.</summary>
    private static readonly char[] LowerCase = [.. Enumerable.Range(0, 0x590).Select(c => char.ToLowerInvariant((char)c))];

    public static uint HashOf(ReadOnlySpan<char> word)
    {
        var hash = Seed;
        foreach (var c in word)
        {
            hash = (hash ^ Lower(c)) * Prime;
        }

        return hash;
    }

    /// <returns>The number of tokens; <paramref name="position"/> is then where the next call goes on.</returns>
    public static int Split(ReadOnlySpan<char> text, ref int position, Span<Token> tokens)
    {
        var hashes = default(AsciiWord.Beginnings);
        var count = 0;
        var at = position;
        var isLineStart = at == 0 || text[at - 1] == '\n';
        var isSentenceStart = true;
        while (at < text.Length && count < tokens.Length)
        {
            var c = text[at];
            if (c is ' ' or '\t' or '\u00A0')
            {
                at++;
                continue;
            }

            if (c is '\n' or '\r')
            {
                isLineStart = isSentenceStart = true;
                at++;
                continue;
            }

            ref var token = ref tokens[count++];
            token = default;
            token.Start = at;
            token.IsLineStart = isLineStart;
            token.IsSentenceStart = isSentenceStart;
            isLineStart = false;
            if (!IsWord(c))
            {
                token.End = ++at;
                token.Hash = (Seed ^ c) * Prime;
                isSentenceStart = c is '.' or '!' or '?' or ':' or '"' or '\u201C' or '*' or '-' or '\u2022' or '>'
                    || (isSentenceStart && c is '(' or '[' or '#' or '\\');
                continue;
            }

            isSentenceStart = false;
            ReadWord(text, ref at, ref token, ref hashes);
        }

        position = at;
        return count;
    }

    /// <param name="hashes">Room that is used again: clearing it for each word would cost as much as reading one.</param>
    private static void ReadWord(ReadOnlySpan<char> text, ref int position, ref Token token, ref AsciiWord.Beginnings hashes)
    {
        if (position + AsciiWord.Room <= text.Length && AsciiWord.Read(text, position, ref hashes, out var capitals) is > 0 and var length)
        {
            token.End = position += length;
            token.Hash = hashes[length];
            token.Shape = capitals == 0 ? Shape.Lower
                : capitals == (1u << length) - 1 ? (length == 1 ? Shape.Initial : Shape.Upper)
                : capitals == 1 ? Shape.Capital : Shape.Mixed;
            return;
        }

        ReadLetters(text, ref position, ref token);
    }

    private static void ReadLetters(ReadOnlySpan<char> text, ref int position, ref Token token)
    {
        // Counts of lower, upper and digits in three fields of sixteen bits; words longer than that do not matter.
        var counts = 0UL;
        var hash = Seed;
        var at = position;
        var start = at;
        for (; at < text.Length; at++)
        {
            var c = text[at];
            int kind;
            if (c < 128)
            {
                kind = Classes[c];
                if (kind == 0)
                {
                    if (c != '\'' || at == start || !IsInnerApostrophe(text, at))
                    {
                        break;
                    }

                    hash = (hash ^ c) * Prime;
                    continue;
                }

                counts += 1UL << (kind * 16);
                hash = (hash ^ (kind == Upper ? c | 32u : c)) * Prime;
                continue;
            }

            if (c == '\u2019' && at > start && IsInnerApostrophe(text, at))
            {
                hash = (hash ^ '\'') * Prime;
                continue;
            }

            if (char.IsUpper(c))
            {
                kind = Upper;
            }
            else if (char.IsLetter(c) || char.IsSurrogate(c)
                || char.GetUnicodeCategory(c) is System.Globalization.UnicodeCategory.NonSpacingMark)
            {
                kind = Small;
            }
            else
            {
                break;
            }

            counts += 1UL << (kind * 16);
            hash = (hash ^ Lower(c)) * Prime;
        }

        position = at;
        token.End = at;
        token.Hash = hash;
        var (lower, upper, digits) = ((ushort)(counts >> 16), (ushort)(counts >> 32), (ushort)(counts >> 48));
        token.Shape = digits > 0 ? (upper + lower == 0 ? Shape.Number : Shape.Code)
            : upper == 0 ? Shape.Lower
            : lower == 0 ? (upper == 1 ? Shape.Initial : Shape.Upper)
            : upper == 1 && char.IsUpper(text[start]) ? Shape.Capital : Shape.Mixed;
    }

    private static bool IsWord(char c) => c < 128 ? char.IsAsciiLetterOrDigit(c) : char.IsLetter(c) || char.IsSurrogate(c);

    /// <summary>O'Brien, d'Ouchy; not the end of a possessive or of a verb drawn together.</summary>
    private static bool IsInnerApostrophe(ReadOnlySpan<char> text, int at)
    {
        if (at + 1 >= text.Length || !char.IsLetter(text[at + 1]))
        {
            return false;
        }

        var end = at + 1;
        while (end < text.Length && end < at + 4 && char.IsLetter(text[end]))
        {
            end++;
        }

        return text[(at + 1)..end] is not ("s" or "S" or "d" or "m" or "t" or "re" or "ve" or "ll" or "RE" or "VE" or "LL" or "D" or "M"
            or "T");
    }

    private static byte[] Classify()
    {
        var classes = new byte[128];
        for (var c = '\0'; c < 128; c++)
        {
            classes[c] = (byte)(char.IsAsciiLetterLower(c) ? Small : char.IsAsciiLetterUpper(c) ? Upper : char.IsAsciiDigit(c) ? Digit : 0);
        }

        return classes;
    }

    /// <summary>Ideographs and syllables of Korean have no case.</summary>
    private static uint Lower(char c) =>
        c < LowerCase.Length ? LowerCase[c] : c is (>= '\u2E80' and <= '\u9FFF') or (>= '\uAC00' and <= '\uD7A3') ? c
        : char.ToLowerInvariant(c);
}
