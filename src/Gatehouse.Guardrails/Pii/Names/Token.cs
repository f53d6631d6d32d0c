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
    private const int Kinds = 3;

    /// <summary>Set beside the class when lower case is another character.</summary>
    private const int Folds = 4;

    /// <summary>Set beside the class of what no word begins with: a mark over the letter before.</summary>
    private const int Inner = 8;

    /// <summary>Class of each UTF-16 unit: none, of a word without case or in lower case, in upper case, digit of ASCII.</summary>
    private static readonly byte[] Classes = Classify();

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

            // A blank comes after most words, but not after all: passed over without a branch.
            at += at < text.Length && text[at] == ' ' ? 1 : 0;
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
            int kind = Classes[c];
            if ((kind & Kinds) == 0)
            {
                if (c is not ('\'' or '\u2019') || at == start || !IsInnerApostrophe(text, at))
                {
                    break;
                }

                hash = (hash ^ '\'') * Prime;
                continue;
            }

            counts += 1UL << ((kind & Kinds) * 16);
            hash = (hash ^ ((kind & Folds) == 0 ? c : char.ToLowerInvariant(c))) * Prime;
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

    private static bool IsWord(char c) => (Classes[c] & (Kinds | Inner)) is Small or Upper or Digit;

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
        var classes = new byte[char.MaxValue + 1];
        for (var i = 0; i < classes.Length; i++)
        {
            var c = (char)i;
            var isInner = c >= 128 && char.GetUnicodeCategory(c) == System.Globalization.UnicodeCategory.NonSpacingMark;
            var kind = char.IsAsciiDigit(c) ? Digit : char.IsUpper(c) ? Upper
                : char.IsLetter(c) || char.IsSurrogate(c) || isInner ? Small : 0;
            classes[i] = (byte)(kind | (char.ToLowerInvariant(c) != c ? Folds : 0) | (isInner ? Inner : 0));
        }

        return classes;
    }

    private static char Lower(char c) => (Classes[c] & Folds) == 0 ? c : char.ToLowerInvariant(c);
}
