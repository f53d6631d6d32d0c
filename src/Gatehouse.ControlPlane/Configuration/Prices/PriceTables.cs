using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Configuration;

/// <summary>Puts the price table together: the built-in prices, then the imported file, then the configured ones; later ones win.</summary>
internal static class PriceTables
{
    private const decimal Million = 1_000_000m;
    private const int HashChars = 8;

    private static readonly Lazy<Dictionary<string, Price>> BuiltInPrices = new(ReadBuiltIn);

    /// <summary>Prices that come with Gatehouse, by <c>kind/model</c>. Their date is in the file.</summary>
    public static IReadOnlyDictionary<string, Price> BuiltIn => BuiltInPrices.Value;

    /// <param name="imported">From <see cref="PriceFile"/>, or <see langword="null"/>.</param>
    public static PriceTable Build(PricesOptions options, IReadOnlyDictionary<string, Price>? imported)
    {
        var prices = new SortedDictionary<string, Price>(BuiltInPrices.Value, StringComparer.Ordinal);
        foreach (var (model, price) in imported ?? new Dictionary<string, Price>())
        {
            prices[model] = price;
        }

        var others = new Dictionary<string, Price>(prices);
        foreach (var (model, price) in options.Models)
        {
            prices.TryGetValue(model, out var same);
            if (!model.Contains('/', StringComparison.Ordinal))
            {
                // Of any provider, while prices that come with Gatehouse, or are imported, name each model behind its kind of provider.
                foreach (var (name, other) in others.Where(o => o.Key[(o.Key.IndexOf('/') + 1)..] == model))
                {
                    same ??= other;
                    if (!options.Models.ContainsKey(name))
                    {
                        prices.Remove(name);
                    }
                }
            }

            prices[model] = new Price(
                price.Input / Million,
                price.Output / Million,
                price.CacheRead / Million,
                price.CacheWrite / Million,
                price.CacheWriteLong / Million,
                price.Reasoning / Million,
                price.AudioInput / Million,
                price.ImageInput / Million,
                price.AudioOutput / Million)
            {
                MaxInputTokens = price.MaxInputTokens ?? same?.MaxInputTokens,
                MaxOutputTokens = price.MaxOutputTokens ?? same?.MaxOutputTokens,
            };
        }

        return new PriceTable($"{options.Name}-{Hash(prices)}", prices);
    }

    private static string Hash(SortedDictionary<string, Price> prices)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (model, price) in prices)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{model}\n{Text(price)}\n"));
            foreach (var (word, service) in (price.ServiceTiers ?? new Dictionary<string, Price>())
                .OrderBy(s => s.Key, StringComparer.Ordinal))
            {
                hash.AppendData(Encoding.UTF8.GetBytes($"{word} {Text(service)}\n"));
            }

            foreach (var tier in price.Tiers)
            {
                hash.AppendData(
                    Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{tier.AboveInputTokens} {Text(tier.Price)}\n")));
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..HashChars];
    }

    private static string Text(Price p)
    {
        var parts = new[] { p.Input, p.Output, p.CacheRead, p.CacheWrite, p.CacheWriteLong, p.Reasoning, p.AudioInput, p.ImageInput,
            p.AudioOutput, p.MaxInputTokens, p.MaxOutputTokens };
        return string.Join(
            ' ', parts.Select(d => d is null ? "-" : d.Value.ToString("0.############################", CultureInfo.InvariantCulture)));
    }

    private static Dictionary<string, Price> ReadBuiltIn()
    {
        using var stream = typeof(PriceTables).Assembly.GetManifestResourceStream("Configuration/Prices/prices.json")!;
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return PriceFile.Read(copy.ToArray());
    }
}
