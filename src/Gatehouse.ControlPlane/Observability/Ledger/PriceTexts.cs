using System.Text.Json;
using Gatehouse.Contracts;

namespace Gatehouse.Observability.Ledger;

/// <summary>The prices of one batch as they are stored: a batch has a thousand calls and a handful of prices.</summary>
internal sealed class PriceTexts
{
    private readonly Dictionary<Price, string> _texts = [];

    public string TextOf(Price price)
    {
        if (!_texts.TryGetValue(price, out var text))
        {
            _texts.Add(price, text = JsonSerializer.Serialize(price, StoredJson.Default.Price));
        }

        return text;
    }
}
