using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;

namespace Gatehouse.Gateway.Journal;

/// <summary>
/// What records repeat, made once: reading a record is mostly making the same dozen strings, and what is made again lives until the ledger
/// has it, which makes collections move it. For one thread at a time.
/// </summary>
internal sealed class NameCache
{
    private readonly RepeatedTexts _texts = new(1024);

    public LastRead<Price> Price { get; } = new();

    /// <summary>With what later versions of the format added.</summary>
    public LastRead<Price> WholePrice { get; } = new();

    public LastRead<Dictionary<string, string>> Attributes { get; } = new();

    /// <summary>Of the record that is being read.</summary>
    public List<AttemptDraft> Attempts { get; } = [];

    public string TextOf(ReadOnlySpan<byte> bytes) => _texts.TextOf(bytes);
}
