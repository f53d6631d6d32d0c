using System.Text;

namespace Gatehouse.Guardrails.Injection;

/// <summary>
/// A text found inside another by undoing a disguise: its place among the <see cref="Unmaskings"/> and that of its carrier.
/// </summary>
internal readonly record struct Unmasked(string Rule, int From, int Count, int Start, int Length);

/// <summary>
/// What the disguises of one text hide, in memory that is used again. Rent, use on one thread, dispose; what was read from it is gone then.
/// Rented once more while in use, for what is hidden in the hidden.
/// </summary>
internal sealed class Unmaskings : IDisposable
{
    [ThreadStatic]
    private static Unmaskings? _spares;

    private readonly List<Unmasked> _found = [];
    private Unmaskings? _next;
    private char[] _chars = [];
    private int _length;
    private int _begun;

    private Unmaskings()
    {
    }

    public int Count => _found.Count;

    public Unmasked this[int index] => _found[index];

    /// <summary>What was written since the last piece was kept or dropped.</summary>
    public ReadOnlySpan<char> Open => _chars.AsSpan(_begun, _length - _begun);

    public static Unmaskings Rent()
    {
        var rented = _spares ?? new Unmaskings();
        _spares = rented._next;
        return rented;
    }

    public ReadOnlySpan<char> TextOf(in Unmasked found) => _chars.AsSpan(found.From, found.Count);

    public void Append(char c)
    {
        if (_length == _chars.Length)
        {
            Array.Resize(ref _chars, Math.Max(1024, _chars.Length * 2));
        }

        _chars[_length++] = c;
    }

    public void Append(ReadOnlySpan<char> text) => text.CopyTo(Take(text.Length));

    /// <summary>Room for so many more characters, to be written by the caller.</summary>
    public Span<char> Take(int count)
    {
        if (_chars.Length - _length < count)
        {
            Array.Resize(ref _chars, Math.Max(1024, Math.Max(_chars.Length * 2, _length + count)));
        }

        var taken = _chars.AsSpan(_length, count);
        _length += count;
        return taken;
    }

    /// <summary>Writes what the bytes spell.</summary>
    /// <param name="utf8">Valid UTF-8.</param>
    public void Append(ReadOnlySpan<byte> utf8)
    {
        var written = Encoding.UTF8.GetChars(utf8, Take(utf8.Length));
        _length -= utf8.Length - written;
    }

    /// <summary>Forgets what was written since the last piece.</summary>
    public void Drop() => _length = _begun;

    public void Keep(string rule, int start, int length)
    {
        _found.Add(new Unmasked(rule, _begun, _length - _begun, start, length));
        _begun = _length;
    }

    public void Dispose()
    {
        _found.Clear();
        _length = _begun = 0;
        _next = _spares;
        _spares = this;
    }
}
