using System.Buffers;
using System.Globalization;
using System.Text;

namespace Gatehouse.Guardrails.Text;

/// <summary>
/// A text as scanners of numbers, addresses and keys read it: blanks, hyphens, digits and letters of other widths and scripts are ASCII,
/// and characters that nobody sees are gone from within words. Documents and word processors write so without anybody's intent.
/// <see cref="CanonicalText"/> folds far more, for words. Read, use on one thread, dispose.
/// </summary>
internal sealed class FoldedText : IDisposable
{
    /// <summary>Longest text whose memory a thread keeps for the next one.</summary>
    private const int MaxKept = 1 << 16;

    private const string Blanks = "\u00A0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u202F\u205F\u3000";
    private const string Hyphens = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uFE58\uFE63";
    private const string Dashes = "\u2012\u2013\u2014\u2015\u2212";
    private const string Invisibles = "\u00AD\u200B\u200C\u200D\u2060\uFEFF";

    private static readonly SearchValues<char> Special = SearchValues.Create([.. Blanks, .. Hyphens, .. Invisibles, .. Others()]);

    [ThreadStatic]
    private static FoldedText? _spare;

    private char[] _chars = [];
    private int[] _map = [];
    private int _length;

    private FoldedText()
    {
    }

    public ReadOnlySpan<char> Chars => _chars.AsSpan(0, _length);

    /// <summary>Whether anything was folded: dashes between words stay as they are.</summary>
    public bool IsChanged { get; private set; }

    /// <summary>Whether a text has anything that may be folded.</summary>
    public static bool IsNeeded(ReadOnlySpan<char> text) => !Ascii.IsValid(text) && text.ContainsAny(Special);

    /// <returns>To be disposed, once, on this thread.</returns>
    public static FoldedText Read(ReadOnlySpan<char> text)
    {
        var folded = _spare ?? new FoldedText();
        _spare = null;
        folded.Fold(text);
        return folded;
    }

    /// <summary>Gives findings from <paramref name="first"/> on their places in the text as it was.</summary>
    public void ToOriginal(FindingList findings, int first)
    {
        for (var i = first; i < findings.Count; i++)
        {
            var finding = findings[i];
            if (finding.Length > 0)
            {
                var start = _map[finding.Start];
                findings.Set(i, finding with { Start = start, Length = _map[finding.End - 1] + 1 - start });
            }
        }
    }

    public void Dispose()
    {
        _chars.AsSpan(0, _length).Clear();
        _length = 0;
        _spare = _chars.Length <= MaxKept ? this : null;
    }

    private void Fold(ReadOnlySpan<char> text)
    {
        if (_chars.Length < text.Length)
        {
            _chars = new char[text.Length];
            _map = new int[text.Length];
        }

        var (chars, map, length) = (_chars, _map, 0);
        IsChanged = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c >= 0x80)
            {
                var isWithin = length > 0 && IsAscii(chars[length - 1]) && i + 1 < text.Length;
                if (Invisibles.Contains(c))
                {
                    if (isWithin && (IsAscii(Of(text[i + 1])) || Invisibles.Contains(text[i + 1])))
                    {
                        IsChanged = true;
                        continue;
                    }
                }
                else if (!Hyphens.Contains(c) || (isWithin && Joins(c, chars[length - 1], Of(text[i + 1]))))
                {
                    c = Of(c);
                    IsChanged |= c != text[i];
                }
            }

            chars[length] = c;
            map[length++] = i;
        }

        _length = length;
    }

    private static bool IsAscii(char c) => c is >= ' ' and < '\x7f';

    /// <summary>A hyphen stands within words, a dash within numbers only: between words it parts sentences.</summary>
    private static bool Joins(char hyphen, char before, char after) =>
        Dashes.Contains(hyphen) ? char.IsAsciiDigit(before) && char.IsAsciiDigit(after) : before != ' ' && char.IsAsciiLetterOrDigit(after);

    private static char Of(char c) =>
        c < 0x80 ? c
        : c is >= '\uFF01' and <= '\uFF5E' ? (char)(c - 0xFEE0)
        : Blanks.Contains(c) ? ' '
        : Hyphens.Contains(c) ? '-'
        : char.IsDigit(c) ? (char)('0' + CharUnicodeInfo.GetDecimalDigitValue(c))
        : c;

    private static IEnumerable<char> Others()
    {
        for (var c = '\x80'; c < '\uFFFF'; c++)
        {
            if (c is >= '\uFF01' and <= '\uFF5E' || char.IsDigit(c))
            {
                yield return c;
            }
        }
    }
}
