using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Routing;

/// <summary>The prices of one revision, by provider and model, or by model alone.</summary>
public sealed class PriceTable
{
    private const int MaxStackChars = 256;

    public static readonly PriceTable Empty = new("none", new Dictionary<string, Price>());

    private readonly FrozenDictionary<string, Price> _prices;
    private readonly FrozenDictionary<string, Price>.AlternateLookup<ReadOnlySpan<char>> _byName;

    /// <param name="revision">Names the table for good: it is written on every ledger entry.</param>
    /// <param name="prices">Keyed by <c>provider/model</c> (wins) or <c>model</c>.</param>
    public PriceTable(string revision, IReadOnlyDictionary<string, Price> prices)
    {
        Revision = revision;
        _prices = prices.ToFrozenDictionary(StringComparer.Ordinal);
        _byName = _prices.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public string Revision { get; }

    public IReadOnlyDictionary<string, Price> Prices => _prices;

    /// <param name="provider">The provider's configured name.</param>
    /// <param name="kind">The provider's preset, tried after its name.</param>
    /// <param name="model">The model asked of the provider; a dated name (<c>gpt-5-2026-01-31</c>) falls back to its undated one.</param>
    public bool TryFind(string provider, string kind, ReadOnlySpan<char> model, [NotNullWhen(true)] out Price? price)
    {
        if (TryFind(provider, model, out price) || TryFind(kind, model, out price) || _byName.TryGetValue(model, out price))
        {
            return true;
        }

        var undated = Undated(model);
        return undated.Length < model.Length && TryFind(provider, kind, undated, out price);
    }

    /// <summary>Under <c>owner/model</c>. Allocates nothing for names of usual length.</summary>
    private bool TryFind(string owner, ReadOnlySpan<char> model, [NotNullWhen(true)] out Price? price)
    {
        var length = owner.Length + 1 + model.Length;
        var key = length <= MaxStackChars ? stackalloc char[length] : new char[length];
        owner.CopyTo(key);
        key[owner.Length] = '/';
        model.CopyTo(key[(owner.Length + 1)..]);
        return _byName.TryGetValue(key, out price);
    }

    /// <summary>Cuts <c>-YYYY-MM-DD</c>, <c>-YYYYMMDD</c> or, as at Vertex, <c>@YYYYMMDD</c> off the end.</summary>
    private static ReadOnlySpan<char> Undated(ReadOnlySpan<char> model)
    {
        foreach (var length in (ReadOnlySpan<int>)[11, 9])
        {
            if (model.Length <= length || (model[^length] != '-' && (model[^length] != '@' || length != 9)))
            {
                continue;
            }

            var date = model[^(length - 1)..];
            var digits = 0;
            var hyphens = 0;
            foreach (var c in date)
            {
                digits += char.IsAsciiDigit(c) ? 1 : 0;
                hyphens += c == '-' ? 1 : 0;
            }

            if (digits == 8 && hyphens == (length == 11 ? 2 : 0))
            {
                return model[..^length];
            }
        }

        return model;
    }
}
