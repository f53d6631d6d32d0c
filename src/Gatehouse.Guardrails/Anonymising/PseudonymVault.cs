using System.Globalization;

namespace Gatehouse.Guardrails.Anonymising;

/// <summary>Where pseudonyms become the values again.</summary>
[Flags]
public enum PseudonymReturn
{
    /// <summary>In nothing: only the system that was called with the value has it.</summary>
    Nowhere = 0,

    /// <summary>In what the model says.</summary>
    Answers = 1,

    /// <summary>In the arguments of tools.</summary>
    ToolCalls = 2,

    Everywhere = Answers | ToolCalls,
}

/// <summary>One value of a conversation and what stands for it.</summary>
/// <param name="Type">Type of the finding.</param>
/// <param name="Number">From 1, in the order in which values of the type appeared.</param>
/// <param name="Value">As first written. Personal: store it only encrypted.</param>
public sealed record Pseudonym(string Type, int Number, string Value)
{
    public PseudonymReturn Return { get; init; } = PseudonymReturn.Everywhere;

    /// <summary>What the model sees: <c>&lt;PERSON_1&gt;</c>.</summary>
    public string Token { get; } = string.Create(CultureInfo.InvariantCulture, $"<{Type}_{Number}>");
}

/// <summary>
/// The pseudonyms of one conversation: the same value gets the same one in every turn, and comes back from it. Safe from any thread.
/// Values that differ only in case or blanks are one, so that the model can tell who is who.
/// </summary>
public sealed class PseudonymVault
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Type, string Value), Pseudonym> _byValue = [];
    private readonly Dictionary<string, List<Pseudonym>> _byType = new(StringComparer.OrdinalIgnoreCase);
    private readonly int _capacity;

    /// <param name="known">What earlier turns of the conversation have used.</param>
    /// <param name="capacity">Most values that one conversation may have. Default 10,000.</param>
    public PseudonymVault(IEnumerable<Pseudonym>? known = null, int capacity = 10_000)
    {
        _capacity = capacity;
        foreach (var pseudonym in (known ?? []).OrderBy(p => p.Number))
        {
            Add(pseudonym);
        }
    }

    /// <summary>All pseudonyms so far, to be kept with the conversation.</summary>
    public IReadOnlyList<Pseudonym> Entries
    {
        get
        {
            lock (_lock)
            {
                return [.. _byValue.Values];
            }
        }
    }

    public bool IsEmpty
    {
        get
        {
            lock (_lock)
            {
                return _byValue.Count == 0;
            }
        }
    }

    /// <returns>The token for a value; a plain mask (<c>[PERSON]</c>) that cannot be restored once the conversation has too many
    /// values.</returns>
    /// <param name="type">Of the finding.</param>
    /// <param name="value">As it was written.</param>
    /// <param name="where">Where it may come back; of several rules that replace the same value, where all let it.</param>
    public string TokenFor(string type, ReadOnlySpan<char> value, PseudonymReturn where = PseudonymReturn.Everywhere)
    {
        lock (_lock)
        {
            if (_byValue.TryGetValue((type, Normalise(value)), out var known))
            {
                if ((known.Return & ~where) != 0)
                {
                    var narrower = known with { Return = known.Return & where };
                    _byValue[(type, Normalise(value))] = narrower;
                    _byType[type][_byType[type].IndexOf(known)] = narrower;
                }

                return known.Token;
            }

            if (_byValue.Count >= _capacity)
            {
                return $"[{type}]";
            }

            var number = _byType.TryGetValue(type, out var others) ? others[^1].Number + 1 : 1;
            var pseudonym = new Pseudonym(type, number, value.ToString()) { Return = where };
            Add(pseudonym);
            return pseudonym.Token;
        }
    }

    /// <returns>
    /// The value of a pseudonym, or <see langword="null"/> when this conversation has none of that type and number, or it may not come back
    /// there.
    /// </returns>
    internal string? ValueOf(ReadOnlySpan<char> type, int number, PseudonymReturn where)
    {
        lock (_lock)
        {
            return _byType.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(type, out var list)
                ? list.Find(p => p.Number == number && (p.Return & where) != 0)?.Value
                : null;
        }
    }

    /// <summary>The start of a text may be the start of a type that this conversation has pseudonyms of.</summary>
    internal bool IsStartOfType(ReadOnlySpan<char> text, bool anyCase)
    {
        lock (_lock)
        {
            foreach (var type in _byType.Keys)
            {
                if (type.AsSpan().StartsWith(text, anyCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal))
                {
                    return true;
                }
            }

            return false;
        }
    }

    private static string Normalise(ReadOnlySpan<char> value)
    {
        Span<char> buffer = value.Length <= 256 ? stackalloc char[value.Length] : new char[value.Length];
        var length = 0;
        foreach (var c in value)
        {
            if (!char.IsWhiteSpace(c))
            {
                buffer[length++] = char.ToLowerInvariant(c);
            }
            else if (length > 0 && buffer[length - 1] != ' ')
            {
                buffer[length++] = ' ';
            }
        }

        return buffer[..length].TrimEnd().ToString();
    }

    private void Add(Pseudonym pseudonym)
    {
        _byValue[(pseudonym.Type, Normalise(pseudonym.Value))] = pseudonym;
        if (!_byType.TryGetValue(pseudonym.Type, out var list))
        {
            _byType[pseudonym.Type] = list = [];
        }

        list.Add(pseudonym);
    }
}
