using System.Buffers;
using System.Runtime.InteropServices;

namespace Gatehouse.Guardrails.Text;

/// <summary>Text that was hidden in another: its place in <see cref="CanonicalText.HiddenChars"/> and where it was carried.</summary>
internal readonly record struct HiddenSpan(int Start, int Length, int CarrierStart, int CarrierLength);

/// <summary>
/// A text as a reader sees it: width, style and look-alike letters folded, invisible characters gone, each character with its place in the
/// original; and the text that tag characters and variation selectors carried. Rent, use on one thread, dispose.
/// </summary>
internal sealed class CanonicalText : IDisposable
{
    // Printable ASCII with the usual white space: nothing to fold. One vectorised search settles most English text and code.
    private static readonly SearchValues<char> Plain = SearchValues.Create(
        "\t\n\r !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~");

    // One bit for each UTF-16 unit that is folded, dropped or half of a character that may be: the others are what they are.
    private static readonly ulong[] Special = Specials();

    [ThreadStatic]
    private static CanonicalText? _spares;

    private CanonicalText? _next; // of the spares
    private char[] _chars = [];
    private int[] _map = [];
    private int _length;
    private char[] _hidden = [];
    private int _hiddenLength;
    private readonly List<HiddenSpan> _spans = [];

    private CanonicalText()
    {
    }

    public ReadOnlySpan<char> Chars => _chars.AsSpan(0, _length);

    public ReadOnlySpan<char> HiddenChars => _hidden.AsSpan(0, _hiddenLength);

    public ReadOnlySpan<HiddenSpan> Hidden => CollectionsMarshal.AsSpan(_spans);

    /// <summary>Invisible characters dropped from inside words of scripts that have no use for them; soft hyphens not counted.</summary>
    public int Invisible { get; private set; }

    /// <summary>Letters of another script or style that were folded.</summary>
    public int Disguised { get; private set; }

    /// <summary>Whether a text reads as it stands: nothing in it is folded or hidden.</summary>
    public static bool IsPlain(ReadOnlySpan<char> text)
    {
        for (var i = text.IndexOfAnyExcept(Plain); i >= 0 && i < text.Length; i++)
        {
            if (text[i] < 0x80)
            {
                var next = text[i..].IndexOfAnyExceptInRange('\0', '\x7f');
                if (next < 0)
                {
                    return true;
                }

                i += next;
            }

            if (IsSpecial(text[i]))
            {
                return false;
            }
        }

        return true;
    }

    public static CanonicalText Rent()
    {
        var text = _spares ?? new CanonicalText();
        _spares = text._next;
        return text;
    }

    /// <summary>Offset in the original of an offset in <see cref="Chars"/>; the end maps to the original's end.</summary>
    public int ToOriginal(int offset) => _map[Math.Min(offset, _length)];

    public void Read(ReadOnlySpan<char> text)
    {
        // A ligature becomes at most three characters.
        if (_chars.Length < (text.Length * 3) + 1)
        {
            _chars = new char[(text.Length * 3) + 1];
            _map = new int[(text.Length * 3) + 1];
        }

        _length = _hiddenLength = Invisible = Disguised = 0;
        _spans.Clear();
        Span<char> scratch = stackalloc char[1];
        var foreign = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (!IsSpecial(c))
            {
                Append(c, i);
            }
            else if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i = Astral(text, i);
            }
            else if (IsInvisible(c))
            {
                i = Skip(text, i);
            }
            else if (Confusables.Compatible(c, scratch) is { Length: > 0 } plain)
            {
                Disguised += char.IsAsciiLetter(plain[0]) ? 1 : 0;
                foreach (var p in plain)
                {
                    Append(p, i);
                }
            }
            else
            {
                foreign |= Confusables.LookAlike(c) != 0;
                Append(c, i);
            }
        }

        _map[_length] = text.Length;
        if (foreign)
        {
            FoldLookAlikes();
        }
    }

    public void Dispose()
    {
        _next = _spares;
        _spares = this;
    }

    private static bool IsSpecial(char c) => (Special[c >> 6] & (1UL << (c & 63))) != 0;

    private static ulong[] Specials()
    {
        var bits = new ulong[(char.MaxValue + 1) / 64];
        Span<char> scratch = stackalloc char[1];
        for (var i = 0x80; i <= char.MaxValue; i++)
        {
            var c = (char)i;
            if (char.IsSurrogate(c) || IsInvisible(c) || Confusables.Compatible(c, scratch).Length > 0 || Confusables.LookAlike(c) != 0)
            {
                bits[i >> 6] |= 1UL << (i & 63);
            }
        }

        return bits;
    }

    private static bool IsInvisible(char c) => c is '\u00AD' or '\u034F' or '\u061C' or '\u180E' or '\u2800' or '\u3164' or '\uFEFF'
        or '\uFFA0'
        or (>= '\u200B' and <= '\u200F') or (>= '\u202A' and <= '\u202E') or (>= '\u2060' and <= '\u206F')
        or (>= '\uFE00' and <= '\uFE0F') or '\u115F' or '\u1160';

    private void Append(char c, int from)
    {
        _chars[_length] = c;
        _map[_length++] = from;
    }

    /// <summary>Joiners belong to the writing of Arabic, Indic and emoji: they stay there and go from Latin words only.</summary>
    private int Skip(ReadOnlySpan<char> text, int i)
    {
        var c = text[i];
        if (c is >= '\uFE00' and <= '\uFE0F')
        {
            return Selectors(text, i);
        }

        var last = _length > 0 ? _chars[_length - 1] : '\0';
        var latin = last < 0x250;
        if (!latin && c is '\u200C' or '\u200D' or '\u200E' or '\u200F' or '\u061C')
        {
            if (!latin)
            {
                Append(c, i);
                return i;
            }
        }

        if (c != '\u00AD' && i > 0 && i + 1 < text.Length && latin && char.IsLetter(last))
        {
            Invisible++;
        }

        return i;
    }

    private int Astral(ReadOnlySpan<char> text, int i)
    {
        var rune = char.ConvertToUtf32(text[i], text[i + 1]);
        if (rune is >= 0xE0000 and <= 0xE007F)
        {
            return Tags(text, i);
        }

        if (rune is >= 0xE0100 and <= 0xE01EF)
        {
            return Selectors(text, i);
        }

        var styled = Confusables.Styled(rune);
        if (styled != 0)
        {
            Disguised++;
            Append(styled, i);
            return i + 1;
        }

        Append(text[i], i);
        Append(text[i + 1], i + 1);
        return i + 1;
    }

    /// <summary>Tag characters spell ASCII. After the black flag they are the flag of a region.</summary>
    private int Tags(ReadOnlySpan<char> text, int i)
    {
        var carrier = i;
        var flag = i >= 2 && text[i - 2] == '\uD83C' && text[i - 1] == '\uDFF4';
        var start = _hiddenLength;
        while (i + 1 < text.Length && text[i] == '\uDB40' && text[i + 1] is >= '\uDC00' and <= '\uDC7F')
        {
            var c = (char)(text[i + 1] - '\uDC00');
            if (!flag && c is >= ' ' and <= '~')
            {
                Hide(c);
            }

            i += 2;
        }

        EndHidden(start, carrier, i);
        return i - 1;
    }

    /// <summary>
    /// A run of variation selectors spells bytes: 0-15 in the basic plane, 16-255 beyond. A single one only styles an emoji.
    /// </summary>
    private int Selectors(ReadOnlySpan<char> text, int i)
    {
        var carrier = i;
        var start = _hiddenLength;
        while (i < text.Length)
        {
            if (text[i] is >= '\uFE00' and <= '\uFE0F')
            {
                Hide((char)(text[i] - '\uFE00'));
                i++;
            }
            else if (i + 1 < text.Length && text[i] == '\uDB40' && text[i + 1] is >= '\uDD00' and <= '\uDDEF')
            {
                Hide((char)(text[i + 1] - '\uDD00' + 16));
                i += 2;
            }
            else
            {
                break;
            }
        }

        if (_hiddenLength - start < 4)
        {
            _hiddenLength = start;
        }

        EndHidden(start, carrier, i);
        return i - 1;
    }

    private void Hide(char c)
    {
        if (_hiddenLength == _hidden.Length)
        {
            Array.Resize(ref _hidden, Math.Max(256, _hidden.Length * 2));
        }

        _hidden[_hiddenLength++] = c;
    }

    private void EndHidden(int start, int carrier, int end)
    {
        if (_hiddenLength > start)
        {
            _spans.Add(new HiddenSpan(start, _hiddenLength - start, carrier, end - carrier));
        }
    }

    /// <summary>
    /// A word whose foreign letters all look like Latin ones is Latin when it has a Latin letter or the text has no real foreign word.
    /// </summary>
    private void FoldLookAlikes()
    {
        var chars = _chars.AsSpan(0, _length);
        var foreignWords = 0;
        for (var pass = 0; pass < 2; pass++)
        {
            for (var i = 0; i < chars.Length;)
            {
                if (!char.IsLetter(chars[i]))
                {
                    i++;
                    continue;
                }

                var end = i;
                var latin = 0;
                var alike = 0;
                var other = 0;
                for (; end < chars.Length && (char.IsLetter(chars[end]) || chars[end] == '\''); end++)
                {
                    if (chars[end] < 0x250)
                    {
                        latin++;
                    }
                    else if (Confusables.LookAlike(chars[end]) != 0)
                    {
                        alike++;
                    }
                    else
                    {
                        other++;
                    }
                }

                if (pass == 0)
                {
                    foreignWords += other > 0 && latin == 0 ? 1 : 0;
                }
                else if (alike > 0 && other == 0 && (latin > 0 || foreignWords == 0))
                {
                    for (var k = i; k < end; k++)
                    {
                        var plain = Confusables.LookAlike(chars[k]);
                        if (plain != 0)
                        {
                            chars[k] = plain;
                            Disguised++;
                        }
                    }
                }

                i = end;
            }
        }
    }
}
