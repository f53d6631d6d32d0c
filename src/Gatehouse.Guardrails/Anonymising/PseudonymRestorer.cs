using System.Text;
using System.Text.Encodings.Web;

namespace Gatehouse.Guardrails.Anonymising;

/// <summary>
/// Puts values back in place of pseudonyms in a text that comes in chunks. Holds back only what may be the start of a pseudonym, so every
/// way of cutting a text gives the same result. Understands what models make of a token: another case, no brackets, brackets escaped for
/// HTML or JSON.
/// </summary>
/// <param name="vault">The conversation's pseudonyms.</param>
/// <param name="insideJson">The text is JSON: values are escaped for a string.</param>
/// <param name="where">What the text is; a value that may not come back there stays a pseudonym.</param>
public sealed class PseudonymRestorer(
    PseudonymVault vault, bool insideJson = false, PseudonymReturn where = PseudonymReturn.Answers)
{
    private const int MaxType = 64;
    private const int MaxDigits = 6;

    private static readonly string[] Openers = ["<", "&lt;", "\\u003c", "\\u003C"];

    private static readonly string[] Closers = [">", "&gt;", "\\u003e", "\\u003E"];

    private readonly StringBuilder _held = new();
    private bool _isAfterWord;

    /// <summary>Appends what is certain so far.</summary>
    public void Write(ReadOnlySpan<char> chunk, StringBuilder to)
    {
        _held.Append(chunk);
        Drain(to, isFinal: false);
    }

    /// <summary>Appends what was held back: the text is over.</summary>
    public void Complete(StringBuilder to) => Drain(to, isFinal: true);

    /// <summary>Restores a whole text.</summary>
    public static string Restore(
        PseudonymVault vault, ReadOnlySpan<char> text, bool insideJson = false, PseudonymReturn where = PseudonymReturn.Answers)
    {
        var restorer = new PseudonymRestorer(vault, insideJson, where);
        var restored = new StringBuilder(text.Length);
        restorer.Write(text, restored);
        restorer.Complete(restored);
        return restored.ToString();
    }

    private void Drain(StringBuilder to, bool isFinal)
    {
        if (_held.Length == 0)
        {
            return;
        }

        var text = _held.ToString().AsSpan();
        var at = 0;
        while (at < text.Length)
        {
            var length = Match(text[at..], isFinal, out var value);
            if (length < 0)
            {
                break; // perhaps a pseudonym: wait for more
            }

            if (length > 0)
            {
                to.Append(insideJson ? JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(value!) : value);
                _isAfterWord = true;
                at += length;
                continue;
            }

            _isAfterWord = char.IsLetterOrDigit(text[at]) || text[at] == '_';
            to.Append(text[at++]);
        }

        var rest = text[at..].ToString();
        _held.Clear().Append(rest);
    }

    /// <returns>The length of the pseudonym at the start, 0 when there is none, -1 when the text ends before that is known.</returns>
    private int Match(ReadOnlySpan<char> text, bool isFinal, out string? value)
    {
        value = null;
        var opener = ReadOne(text, Openers, isFinal);
        if (opener < 0)
        {
            return -1;
        }

        if (opener == 0 && (_isAfterWord || !char.IsAsciiLetterUpper(text[0])))
        {
            return 0;
        }

        // The type may have underscores itself: the number is after the last one.
        var name = text[opener..];
        var end = 0;
        while (end < name.Length && end <= MaxType && (char.IsAsciiLetterOrDigit(name[end]) || name[end] == '_'))
        {
            end++;
        }

        var isOpen = end == name.Length && !isFinal;
        var divide = name[..end].LastIndexOf('_');
        var hasNumber = divide > 0 && divide + 1 < end && name[(divide + 1)..end].IndexOfAnyExceptInRange('0', '9') < 0;
        if (isOpen)
        {
            var stem = hasNumber || divide == end - 1 ? name[..Math.Max(divide, 0)] : name[..end];
            var digits = hasNumber ? end - divide - 1 : 0;
            return digits <= MaxDigits && vault.IsStartOfType(stem, anyCase: opener > 0) ? -1 : 0;
        }

        if (!hasNumber || end - divide - 1 > MaxDigits)
        {
            return 0;
        }

        value = vault.ValueOf(name[..divide], Pii.Identifiers.Checksums.Number(name[(divide + 1)..end]), where);
        if (value is null || (opener == 0 && !vault.IsStartOfType(name[..divide], anyCase: false)))
        {
            return 0;
        }

        var closer = ReadOne(name[end..], Closers, isFinal);
        return closer < 0 ? -1 : opener + end + closer;
    }

    private static int ReadOne(ReadOnlySpan<char> text, string[] alternatives, bool isFinal)
    {
        foreach (var alternative in alternatives)
        {
            if (text.StartsWith(alternative))
            {
                return alternative.Length;
            }

            if (!isFinal && text.Length < alternative.Length && alternative.AsSpan().StartsWith(text))
            {
                return -1;
            }
        }

        return 0;
    }
}
