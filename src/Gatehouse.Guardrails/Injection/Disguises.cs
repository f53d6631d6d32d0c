using System.Buffers;
using System.Buffers.Text;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Gatehouse.Guardrails.Text;

namespace Gatehouse.Guardrails.Injection;

/// <summary>
/// Undoes the disguises that leave readable characters: base64, hex, binary, percent and backslash escapes, rot13, reversal, leet, spaced
/// letters. Linear; runs only on texts whose counts give a reason, and keeps only what reads better than its surface.
/// </summary>
internal static class Disguises
{
    private const int MaxChars = 64 * 1024;
    private const int MinCarrier = 16;
    private const int MaxFound = 16;
    private const int LongestWord = 32;

    /// <summary>By how many words a stretch must gain to be undone.</summary>
    private const float LeastGain = 2.5f;

    /// <summary>Of escapes in escapes.</summary>
    private const int MaxLayers = 4;

    private static readonly SearchValues<char> Carrier = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_");

    /// <summary>What each ASCII character is in a word of leet.</summary>
    private static readonly byte[] LeetSorts =
        [.. Enumerable.Range(0, 128).Select(c => (byte)(char.IsAsciiLetter((char)c) ? LeetSort.Letter
            : char.IsAsciiDigit((char)c) || "$@!|+".Contains((char)c) ? LeetSort.Sign
            : c == '\'' ? LeetSort.Apostrophe : LeetSort.None))];

    /// <summary>Whether the counts of a scan give any reason to look closer.</summary>
    public static bool Suspects(in SignalCounts counts, ReadOnlySpan<char> text) =>
        MayBeEncoded(counts) || IsForeign(counts) || counts.LongestSingleRun >= 6 || IsLeet(counts)
        || (counts.Symbols >= 2 && text.IndexOfAny('%', '\\', '&') >= 0);

    private static bool MayBeEncoded(in SignalCounts counts) => counts.LongestCode >= 12 || counts.Octets >= 4 || counts.Alphanumeric >= 8;

    /// <summary>Unknown words in a row: another language, names, or words turned round.</summary>
    private static bool IsForeign(in SignalCounts counts) =>
        counts.LongestUnknownRun >= 5 || (counts.LongestUnknownRun >= 2 && counts.Known * 10 <= counts.Words * 6);

    private static bool IsLeet(in SignalCounts counts) =>
        counts.Alphanumeric >= 2 && (counts.Alphanumeric + counts.Singles) * 6 >= counts.Words;

    /// <param name="found">Gets what the disguises hid.</param>
    public static void Find(ReadOnlySpan<char> text, in SignalCounts counts, Vocabulary words, Unmaskings found)
    {
        if (text.Length > MaxChars)
        {
            text = text[..MaxChars];
        }

        if (MayBeEncoded(counts))
        {
            Encoded(text, counts, words, found);
        }

        var before = found.Count;
        if (text.IndexOfAny('%', '\\', '&') >= 0)
        {
            Escaped(text, found);
        }

        var isEscaped = found.Count > before;

        if (counts.LongestSingleRun >= 6)
        {
            Spaced(text, words, found);
        }

        if (IsForeign(counts))
        {
            WordByWord(text, words, found);
        }

        // The digits of %20 are no letters.
        if (IsLeet(counts) && !isEscaped)
        {
            Leet(text, words, found);
        }
    }

    /// <summary>Runs of base64, hex (also spaced) or binary octets that decode to readable text.</summary>
    private static void Encoded(ReadOnlySpan<char> text, in SignalCounts counts, Vocabulary words, Unmaskings found)
    {
        // Bytes apart from each other are short words with digits, and many; without them only long runs need a look.
        var apart = counts.Octets >= 4 || counts.Alphanumeric >= 8;
        var hexTested = 0;
        for (var i = 0; i < text.Length && found.Count < MaxFound;)
        {
            if (!apart && i + MinCarrier <= text.Length && text.Slice(i, MinCarrier).LastIndexOfAnyExcept(Carrier) is var gap and >= 0)
            {
                i += gap + 1;
                continue;
            }

            if (!IsBase64(text[i]))
            {
                i++;
                continue;
            }

            var length = text[i..].IndexOfAnyExcept(Carrier);
            var end = length < 0 ? text.Length : i + length;
            if (end - i < MinCarrier && !char.IsAsciiHexDigit(text[i]))
            {
                i = end; // Too short by itself, and it begins no bytes.
                continue;
            }

            var (digits, binary, hexEnd) = (0, false, i);
            if (i >= hexTested)
            {
                // A list of numbers is one run: tested once, so that the whole stays linear.
                hexTested = hexEnd = HexEnd(text, i, out digits, out binary);
            }

            if (digits >= MinCarrier && hexEnd >= end && digits % 2 == 0 && Hex(text[i..hexEnd], binary, found)
                && Readable(found.Open, words))
            {
                found.Keep(binary ? "injection.disguise.binary" : "injection.disguise.hex", i, hexEnd - i);
                i = hexEnd;
                continue;
            }

            found.Drop();
            if (end - i >= MinCarrier && Base64Text(text[i..end], found) && Readable(found.Open, words))
            {
                found.Keep("injection.disguise.base64", i, end - i);
            }

            found.Drop();
            i = end;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsBase64(char c) => char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '-' or '_';

    private static int HexEnd(ReadOnlySpan<char> text, int start, out int digits, out bool binary)
    {
        digits = 0;
        binary = true;
        var end = start;
        for (var i = start; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsAsciiHexDigit(c))
            {
                digits++;
                binary &= c is '0' or '1';
                end = i + 1;
            }
            else if (!(c is ' ' or ':' or ',' || (c == 'x' && digits > 0 && text[i - 1] == '0' && --digits >= 0)))
            {
                break;
            }
        }

        return end;
    }

    private static bool Hex(ReadOnlySpan<char> run, bool binary, Unmaskings into)
    {
        var bytes = ArrayPool<byte>.Shared.Rent((run.Length / 2) + 1);
        var count = 0;
        var bits = 0;
        var value = 0;
        var perByte = binary ? 8 : 2;
        for (var i = 0; i < run.Length; i++)
        {
            if (!char.IsAsciiHexDigit(run[i]) || (run[i] == '0' && i + 1 < run.Length && run[i + 1] == 'x'))
            {
                continue;
            }

            var digit = char.IsAsciiDigit(run[i]) ? run[i] - '0' : (run[i] | 0x20) - 'a' + 10;
            value = (value << (binary ? 1 : 4)) | digit;
            if (++bits == perByte)
            {
                bytes[count++] = (byte)value;
                bits = value = 0;
            }
        }

        var isText = bits == 0 && Utf8(bytes.AsSpan(0, count), into);
        ArrayPool<byte>.Shared.Return(bytes);
        return isText;
    }

    private static bool Base64Text(ReadOnlySpan<char> run, Unmaskings into)
    {
        // Paths, identifiers and words have no digits or one case; what decodes to text has both nearly always.
        if (run.IndexOfAnyInRange('a', 'z') < 0 || run.IndexOfAnyInRange('A', 'Z') < 0)
        {
            return false;
        }

        run = run.TrimEnd('=');
        Span<byte> head = stackalloc byte[12];
        if (!Base64.IsValid(run[..(run.Length / 4 * 4)]) && run.IndexOfAny('-', '_') < 0)
        {
            return false;
        }

        if (run.IndexOfAny('-', '_') < 0 && Convert.TryFromBase64Chars(run[..16], head, out var written)
            && head[..written].IndexOfAnyExceptInRange((byte)9, (byte)126) >= 0
            && !System.Text.Unicode.Utf8.IsValid(head[..Math.Max(0, written - 3)]))
        {
            return false;
        }

        var size = (run.Length + 3) / 4 * 4;
        if (size - run.Length == 3)
        {
            return false;
        }

        var chars = ArrayPool<char>.Shared.Rent(size);
        var bytes = ArrayPool<byte>.Shared.Rent(size);
        var padded = chars.AsSpan(0, size);
        run.CopyTo(padded);
        padded[..run.Length].Replace('-', '+');
        padded[..run.Length].Replace('_', '/');
        padded[run.Length..].Fill('=');
        var isText = Convert.TryFromBase64Chars(padded, bytes, out written) && Utf8(bytes.AsSpan(0, written), into);
        ArrayPool<char>.Shared.Return(chars);
        ArrayPool<byte>.Shared.Return(bytes);
        return isText;
    }

    /// <summary>Writes what the bytes spell, when that is mostly letters, digits and punctuation.</summary>
    private static bool Utf8(ReadOnlySpan<byte> bytes, Unmaskings into)
    {
        if (!System.Text.Unicode.Utf8.IsValid(bytes) || bytes.IndexOfAnyInRange((byte)0, (byte)8) >= 0)
        {
            return false;
        }

        into.Append(bytes);
        var printable = 0;
        foreach (var c in into.Open)
        {
            printable += char.IsLetterOrDigit(c) || char.IsPunctuation(c) || c is ' ' or '\n' ? 1 : 0;
        }

        return printable * 10 >= into.Open.Length * 9;
    }

    /// <summary>
    /// Decoded bytes count as text when they have a common word, several words of another script, or carry a further encoding.
    /// </summary>
    private static bool Readable(ReadOnlySpan<char> text, Vocabulary words)
    {
        var known = 0;
        var total = 0;
        foreach (var range in text.SplitAny(" .,!?:;\n\t\"'()"))
        {
            var word = text[range];
            if (word.Length > 0)
            {
                total++;
                known += (word.Length > 1 && words.Contains(word)) || word[0] >= 0x80 ? 1 : 0;
            }
        }

        return known * 3 >= total && known > 0 || (total == 1 && text.Length >= MinCarrier);
    }

    /// <summary>Percent escapes, \x41, \u0041, &amp;#65; and letters with a backslash before each.</summary>
    private static void Escaped(ReadOnlySpan<char> text, Unmaskings found)
    {
        if (!HasEscapes(text))
        {
            return;
        }

        // A byte may be escaped, and its escape again: layers of the same disguise are one.
        var undone = Unescape(text, found);
        var outer = ArrayPool<char>.Shared.Rent(found.Open.Length);
        for (var layer = 1; layer < MaxLayers && undone >= 3 && HasEscapes(found.Open); layer++)
        {
            var length = found.Open.Length;
            found.Open.CopyTo(outer);
            found.Drop();
            Unescape(outer.AsSpan(0, length), found);
        }

        ArrayPool<char>.Shared.Return(outer);
        if (undone >= 3)
        {
            found.Keep("injection.disguise.escapes", 0, text.Length);
        }

        found.Drop();
    }

    /// <returns>How many escapes there were.</returns>
    private static int Unescape(ReadOnlySpan<char> text, Unmaskings found)
    {
        Span<byte> utf8 = stackalloc byte[4];
        var undone = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var next = text[i..].IndexOfAny('%', '\\', '&');
            var plain = next < 0 ? text.Length - i : next;
            found.Append(text.Slice(i, plain));
            i += plain;
            if (i == text.Length)
            {
                break;
            }

            var c = text[i];
            if (c == '%' && Byte(text, i + 1) is var first and >= 0)
            {
                var length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
                var k = 0;
                for (; k < length && i + (3 * k) < text.Length && text[i + (3 * k)] == '%'
                    && Byte(text, i + (3 * k) + 1) is var b and >= 0; k++)
                {
                    utf8[k] = (byte)b;
                }

                AppendBytes(utf8[..k], found);
                i += (3 * k) - 1;
                undone++;
            }
            else if (c == '\\' && i + 1 < text.Length && text[i + 1] is 'x' or 'u'
                && Number(text, i + 2, text[i + 1] == 'x' ? 2 : 4) is var code and > 0)
            {
                found.Append((char)code);
                i += text[i + 1] == 'x' ? 3 : 5;
                undone++;
            }
            else if (c == '\\' && i + 2 < text.Length && text[i + 1] > ' ' && text[i + 1] != 'n' | text[i + 2] == '\\')
            {
                undone++;
            }
            else if (c == '&' && i + 3 < text.Length && text[i + 1] == '#' && Entity(text, i + 2, out var end) is var entity and > 0)
            {
                found.Append((char)entity);
                i = end;
                undone++;
            }
            else
            {
                found.Append(c);
            }
        }

        return undone;
    }

    private static void AppendBytes(ReadOnlySpan<byte> bytes, Unmaskings found)
    {
        if (System.Text.Unicode.Utf8.IsValid(bytes))
        {
            found.Append(bytes);
        }
        else
        {
            found.Append('\uFFFD');
        }
    }

    private static bool HasEscapes(ReadOnlySpan<char> text)
    {
        var seen = 0;
        for (var i = text.IndexOfAny('%', '\\', '&'); i >= 0 && i + 2 < text.Length && seen < 3;)
        {
            seen += text[i] switch
            {
                '%' => Byte(text, i + 1) >= 0,
                '&' => text[i + 1] == '#',
                _ => text[i + 1] is 'x' or 'u' || text[i + 2] == '\\',
            } ? 1 : 0;
            var next = text[(i + 1)..].IndexOfAny('%', '\\', '&');
            i = next < 0 ? text.Length : i + 1 + next;
        }

        return seen >= 3;
    }

    private static int Byte(ReadOnlySpan<char> text, int at) => Number(text, at, 2);

    private static int Number(ReadOnlySpan<char> text, int at, int digits) =>
        at + digits <= text.Length
            && int.TryParse(text.Slice(at, digits), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var n) ? n : -1;

    private static int Entity(ReadOnlySpan<char> text, int at, out int end)
    {
        end = at;
        var value = 0;
        while (end < text.Length && char.IsAsciiDigit(text[end]) && end - at < 6)
        {
            value = (value * 10) + text[end++] - '0';
        }

        return end < text.Length && text[end] == ';' && value is > 31 and < 65536 ? value : -1;
    }

    /// <summary>"i g n o r e": single characters with the same separator between them; a wider gap parts words.</summary>
    private static void Spaced(ReadOnlySpan<char> text, Vocabulary words, Unmaskings found)
    {
        var start = -1;
        var letters = 0;
        for (var i = 0; i < text.Length;)
        {
            var single = char.IsLetterOrDigit(text[i]) && (i + 1 == text.Length || !char.IsLetterOrDigit(text[i + 1]));
            if (!single)
            {
                if (!char.IsLetterOrDigit(text[i]))
                {
                    i++;
                    continue;
                }

                EndSpaced(start, i, letters, words, found);
                (start, letters) = (-1, 0);
                while (i < text.Length && char.IsLetterOrDigit(text[i]))
                {
                    i++;
                }

                continue;
            }

            start = start < 0 ? i : start;
            found.Append(text[i]);
            letters++;
            var next = i + 1;
            while (next < text.Length && !char.IsLetterOrDigit(text[next]))
            {
                next++;
            }

            if (next - i > 2)
            {
                found.Append(' ');
            }

            i = next;
        }

        EndSpaced(start, text.Length, letters, words, found);
    }

    private static void EndSpaced(int start, int end, int letters, Vocabulary words, Unmaskings found)
    {
        // One letter said over and over spells nothing.
        if (letters >= 6 && found.Open.IndexOfAnyExcept(found.Open[0], ' ') >= 0)
        {
            if (!found.Open.TrimEnd().Contains(' '))
            {
                Segment(words, found);
            }

            found.Keep("injection.disguise.spaced", start, end - start);
        }

        found.Drop();
    }

    /// <summary>Cuts what was written, a text without spaces, into the fewest common words.</summary>
    [SkipLocalsInit]
    private static void Segment(Vocabulary words, Unmaskings found)
    {
        const int longest = 14;
        const int most = 2000;
        var length = Math.Min(found.Open.Length, most);
        Span<char> joined = stackalloc char[most];
        joined = joined[..length];
        found.Open[..length].CopyTo(joined);
        Span<int> cost = stackalloc int[most + 1];
        Span<short> from = stackalloc short[most + 1];
        cost[0] = 0;
        for (var i = 1; i <= length; i++)
        {
            cost[i] = cost[i - 1] + 4;
            from[i] = (short)(i - 1);
            for (var size = 1; size <= Math.Min(longest, i); size++)
            {
                if (cost[i - size] + 3 < cost[i] && (size > 1 || joined[i - 1] is 'a' or 'i' or 'I')
                    && words.Contains(joined.Slice(i - size, size)))
                {
                    cost[i] = cost[i - size] + 3;
                    from[i] = (short)(i - size);
                }
            }
        }

        // The cuts come from the end; a mark at each, then the pieces in order.
        cost.Clear();
        for (var i = length; i > 0; i = from[i])
        {
            cost[from[i]] = 1;
        }

        found.Drop();
        for (var i = 0; i < length; i++)
        {
            if (i > 0 && cost[i] == 1)
            {
                found.Append(' ');
            }

            found.Append(joined[i]);
        }
    }

    /// <summary>Rot13 and reversal: the stretch of words that gains most common words by undoing them.</summary>
    private static void WordByWord(ReadOnlySpan<char> text, Vocabulary words, Unmaskings found)
    {
        var rot13 = default(Stretch);
        var reversed = default(Stretch);
        Span<char> undone = stackalloc char[LongestWord];
        for (var i = 0; i < text.Length;)
        {
            if (!char.IsAsciiLetter(text[i]))
            {
                i++;
                continue;
            }

            if (i + AsciiWord.Room <= text.Length && AsciiWord.Read(text, i, out var letters, out _) is > 0 and var length)
            {
                if (length > 2)
                {
                    var turned = TurnedWord.Of(letters, length);
                    var isKnown = words.Bit(turned.Plain) != 0;
                    rot13.Next(isKnown, words.Bit(turned.Rot13) != 0, i, i + length);
                    reversed.Next(isKnown, words.Bit(turned.Reversed) != 0, i, i + length);
                }

                i += length;
                continue;
            }

            // With an apostrophe, before a digit, long, or at the end.
            var end = i;
            while (end < text.Length && (char.IsAsciiLetter(text[end]) || text[end] == '\''))
            {
                end++;
            }

            var word = text[i..end];
            if (word.Length is > 2 and <= LongestWord)
            {
                var known = words.Contains(word);
                var into = undone[..word.Length];
                Rot13(word, into);
                rot13.Next(known, words.Contains(into), i, end);
                reversed.Next(known, words.ContainsReversed(word), i, end);
            }

            i = end;
        }

        Undo(text, rot13, "injection.disguise.rot13", found);
        Undo(text, reversed, "injection.disguise.reversed", found);
    }

    private static void Undo(ReadOnlySpan<char> text, Stretch stretch, string rule, Unmaskings found)
    {
        if (stretch.Best < LeastGain)
        {
            return;
        }

        var (start, end) = (stretch.BestStart, stretch.BestEnd);
        while (start > 0 && !char.IsWhiteSpace(text[start - 1]))
        {
            start--;
        }

        while (end < text.Length && !char.IsWhiteSpace(text[end]))
        {
            end++;
        }

        var undone = found.Take(end - start);
        if (rule.EndsWith("reversed", StringComparison.Ordinal))
        {
            text[start..end].CopyTo(undone);
            undone.Reverse();
        }
        else
        {
            Rot13(text[start..end], undone);
        }

        found.Keep(rule, start, end - start);
    }

    private static void Rot13(ReadOnlySpan<char> from, Span<char> into)
    {
        for (var i = 0; i < from.Length; i++)
        {
            var c = from[i];
            into[i] = char.IsAsciiLetterLower(c)
                ? (char)('a' + ((c - 'a' + 13) % 26))
                : char.IsAsciiLetterUpper(c) ? (char)('A' + ((c - 'A' + 13) % 26)) : c;
        }
    }

    /// <summary>The hashes of a word as it stands, with its letters turned by thirteen, and from its end.</summary>
    private readonly record struct TurnedWord(uint Plain, uint Rot13, uint Reversed)
    {
        /// <param name="letters">In lower case, as <see cref="AsciiWord"/> reads them.</param>
        [SkipLocalsInit]
        public static TurnedWord Of(Vector128<byte> letters, int length)
        {
            var half = Vector128.LessThan(letters, Vector128.Create((byte)'n'));
            var turned = letters + Vector128.ConditionalSelect(half, Vector128.Create((byte)13), Vector128.Create(unchecked((byte)-13)));
            var reversed = Vector128.Shuffle(letters, Vector128.Create((byte)(length - 1)) - Vector128<byte>.Indices);
            Span<byte> all = stackalloc byte[3 * AsciiWord.Room];
            letters.CopyTo(all);
            turned.CopyTo(all[AsciiWord.Room..]);
            reversed.CopyTo(all[(2 * AsciiWord.Room)..]);
            var (plain, rot13, fromEnd) = (WordHash.Seed, WordHash.Seed, WordHash.Seed);
            for (var k = 0; k < length; k++)
            {
                plain = WordHash.Next(plain, all[k]);
                rot13 = WordHash.Next(rot13, all[AsciiWord.Room + k]);
                fromEnd = WordHash.Next(fromEnd, all[(2 * AsciiWord.Room) + k]);
            }

            return new TurnedWord(WordHash.Word(plain), WordHash.Word(rot13), WordHash.Word(fromEnd));
        }
    }

    /// <summary>The run of words with the highest gain so far: a word known only when undone gains, one known as it stands loses.</summary>
    private struct Stretch
    {
        private float _running;
        private int _start;

        public float Best { get; private set; }

        public int BestStart { get; private set; }

        public int BestEnd { get; private set; }

        public void Next(bool known, bool knownUndone, int start, int end)
        {
            if (_running <= 0)
            {
                (_running, _start) = (0, start);
            }

            _running += known == knownUndone ? -0.2f : knownUndone ? 1 : -1;
            if (_running > Best)
            {
                (Best, BestStart, BestEnd) = (_running, _start, end);
            }
        }
    }

    /// <summary>Digits and symbols for letters, when a good part of the words is written so.</summary>
    private static void Leet(ReadOnlySpan<char> text, Vocabulary words, Unmaskings found)
    {
        var (changed, gained, total, copied) = (0, 0, 0, 0);
        Span<char> word = stackalloc char[32];
        for (var i = 0; i < text.Length;)
        {
            var (letters, signs, start) = (0, 0, i);
            for (var sort = LeetSort.Letter; i < text.Length && (sort = SortOf(text[i])) != LeetSort.None; i++)
            {
                letters += sort == LeetSort.Letter ? 1 : 0;
                signs += sort == LeetSort.Sign ? 1 : 0;
            }

            total += letters + signs > 1 ? 1 : 0;
            if (signs > 0 && text[start..i].TrimEnd("!|") is { Length: > 0 and <= 32 } trimmed)
            {
                var known = Unleet(trimmed, word[..trimmed.Length], words);
                if (known || (letters > 0 && signs <= letters + 1))
                {
                    found.Append(text[copied..start]);
                    found.Append(word[..trimmed.Length]);
                    copied = start + trimmed.Length;
                    changed++;
                    gained += known ? 1 : 0;
                }
            }

            i += i == start ? 1 : 0;
        }

        if (gained >= 2 && changed * 5 >= total)
        {
            found.Append(text[copied..]);
            found.Keep("injection.disguise.leet", 0, text.Length);
        }

        found.Drop();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static LeetSort SortOf(char c) =>
        c < 128 ? (LeetSort)LeetSorts[c]
        : char.IsLetter(c) ? LeetSort.Letter
        : char.IsDigit(c) || c == '€' ? LeetSort.Sign : LeetSort.None;

    private enum LeetSort : byte
    {
        None,
        Letter,
        Sign,
        Apostrophe,
    }

    private static bool IsConsonant(char c) =>
        char.IsAsciiLetter(c) && !(c is 'a' or 'e' or 'i' or 'o' or 'u' or 'y' or 'A' or 'E' or 'I' or 'O' or 'U');

    /// <summary>
    /// One and bar stand for i or l. Two in a row are ll, three ill; of others the first four are tried in every combination, until a word
    /// is known.
    /// </summary>
    private static bool Unleet(ReadOnlySpan<char> word, Span<char> into, Vocabulary words)
    {
        var single = 0;
        for (var i = 0; i < word.Length; i++)
        {
            single += IsBar(word, i) && !IsBar(word, i - 1) && !IsBar(word, i + 1) ? 1 : 0;
        }

        for (var attempt = 0; attempt < 1 << Math.Min(single, 4); attempt++)
        {
            var seen = 0;
            for (var i = 0; i < word.Length; i++)
            {
                into[i] = !IsBar(word, i) ? Letter(word[i])
                    : IsBar(word, i - 1) ? 'l'
                    : IsBar(word, i + 1) ? (IsBar(word, i + 2) ? 'i' : 'l')
                    : (attempt >> Math.Min(seen++, 3) & 1) == 0 ? 'i' : 'l';
            }

            if (words.Contains(into) || ConceptLexicon.Knows(into))
            {
                return true;
            }
        }

        // A word that nobody listed: between two consonants there is a vowel.
        for (var i = 0; i < word.Length && single > 0; i++)
        {
            if (IsBar(word, i) && !IsBar(word, i - 1) && !IsBar(word, i + 1))
            {
                into[i] = i > 0 && i + 1 < word.Length && IsConsonant(into[i - 1]) && IsConsonant(into[i + 1]) ? 'i' : 'l';
            }
        }

        return false;
    }

    private static bool IsBar(ReadOnlySpan<char> word, int at) => (uint)at < (uint)word.Length && word[at] is '1' or '|' or '!';

    private static char Letter(char sign) => sign switch
    {
        '0' => 'o',
        '2' => 'z',
        '3' or '€' => 'e',
        '4' or '@' => 'a',
        '5' or '$' => 's',
        '6' or '9' => 'g',
        '7' or '+' => 't',
        '8' => 'b',
        _ => sign,
    };
}
