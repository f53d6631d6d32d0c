using System.Text.Json.Serialization;

namespace Gatehouse.Contracts;

/// <summary>
/// Tokens of one call in disjoint buckets: each token is in exactly one, so the sum of input buckets is the provider's input total
/// and the sum of output buckets its output total.
/// </summary>
/// <param name="UncachedInput">Input tokens read at the full price.</param>
/// <param name="CacheRead">Input tokens served from the provider's prompt cache.</param>
/// <param name="CacheWrite">Input tokens written to the provider's prompt cache (5 minutes, or unspecified).</param>
/// <param name="CacheWriteLong">Input tokens written to the provider's prompt cache for one hour.</param>
/// <param name="Output">Output tokens that are not reasoning.</param>
/// <param name="Reasoning">Output tokens spent on reasoning.</param>
/// <param name="AudioInput">Input tokens of sound, where the provider counts them apart.</param>
/// <param name="ImageInput">Input tokens of pictures, where the provider counts them apart.</param>
/// <param name="AudioOutput">Output tokens of sound.</param>
public readonly record struct TokenUsage(
    long UncachedInput,
    long CacheRead,
    long CacheWrite,
    long CacheWriteLong,
    long Output,
    long Reasoning,
    long AudioInput = 0,
    long ImageInput = 0,
    long AudioOutput = 0)
{
    public long TotalInput => UncachedInput + CacheRead + CacheWrite + CacheWriteLong + AudioInput + ImageInput;

    public long TotalOutput => Output + Reasoning + AudioOutput;

    public long Total => TotalInput + TotalOutput;

    public TokenUsage Plus(in TokenUsage other) => new(
        UncachedInput + other.UncachedInput,
        CacheRead + other.CacheRead,
        CacheWrite + other.CacheWrite,
        CacheWriteLong + other.CacheWriteLong,
        Output + other.Output,
        Reasoning + other.Reasoning,
        AudioInput + other.AudioInput,
        ImageInput + other.ImageInput,
        AudioOutput + other.AudioOutput);
}

/// <summary>What a model's tokens cost, in US dollars per token. A missing price is unknown, never zero.</summary>
/// <param name="CacheRead">Falls back to <paramref name="Input"/>: a cached token whose price nobody stated is not free.</param>
/// <param name="CacheWrite">Falls back to <paramref name="Input"/>.</param>
/// <param name="CacheWriteLong">Falls back to <paramref name="CacheWrite"/>, then <paramref name="Input"/>.</param>
/// <param name="Reasoning">Falls back to <paramref name="Output"/>.</param>
/// <param name="AudioInput">Falls back to <paramref name="Input"/>.</param>
/// <param name="ImageInput">Falls back to <paramref name="Input"/>.</param>
/// <param name="AudioOutput">Falls back to <paramref name="Output"/>.</param>
public sealed record Price(
    decimal Input,
    decimal Output,
    decimal? CacheRead = null,
    decimal? CacheWrite = null,
    decimal? CacheWriteLong = null,
    decimal? Reasoning = null,
    decimal? AudioInput = null,
    decimal? ImageInput = null,
    decimal? AudioOutput = null)
{
    /// <summary>
    /// Prices that apply to the whole call when its input exceeds a threshold, highest threshold first; empty for most models.
    /// </summary>
    public IReadOnlyList<PriceTier> Tiers { get; init; } = [];

    /// <summary>
    /// Prices of calls that the provider served in another tier of service, by its word for it (<c>flex</c>, <c>priority</c>,
    /// <c>batch</c>). Not part of what is kept of a call, whose price is the one of its tier.
    /// </summary>
    [JsonIgnore]
    public IReadOnlyDictionary<string, Price>? ServiceTiers { get; init; }

    /// <summary>The longest input that the model takes; <see langword="null"/> when unknown. Not part of what is kept of a call.</summary>
    [JsonIgnore]
    public long? MaxInputTokens { get; init; }

    /// <summary>The longest output that the model gives; <see langword="null"/> when unknown. Not part of what is kept of a call.</summary>
    [JsonIgnore]
    public long? MaxOutputTokens { get; init; }

    /// <summary>The price that applies to a call with this usage: the tier it reaches, or this price.</summary>
    public Price For(in TokenUsage usage)
    {
        foreach (var tier in Tiers)
        {
            if (usage.TotalInput > tier.AboveInputTokens)
            {
                return tier.Price;
            }
        }

        return this;
    }

    /// <param name="tier">The provider's word, or <see langword="null"/>.</param>
    /// <returns>The price of that tier of service; this one where it has none of its own.</returns>
    public Price Served(string? tier) =>
        tier is not null && ServiceTiers is { } tiers && tiers.TryGetValue(tier, out var price) ? price : this;

    /// <summary>
    /// The cost of one call in <see cref="Nanos"/>; rounded half to even once, at the end. At most <see cref="Nanos.MostOfCall"/>, and
    /// never an exception: a call is settled whatever it costs.
    /// </summary>
    public long CostNanos(in TokenUsage usage)
    {
        try
        {
            return Math.Min(Nanos.MostOfCall, Nanos.FromUsd(For(usage).CostUsd(usage)));
        }
        catch (OverflowException)
        {
            return Nanos.MostOfCall;
        }
    }

    private decimal CostUsd(in TokenUsage usage) =>
        (usage.UncachedInput * Input)
        + (usage.CacheRead * (CacheRead ?? Input))
        + (usage.CacheWrite * (CacheWrite ?? Input))
        + (usage.CacheWriteLong * (CacheWriteLong ?? CacheWrite ?? Input))
        + (usage.Output * Output)
        + (usage.Reasoning * (Reasoning ?? Output))
        + (usage.AudioInput * (AudioInput ?? Input))
        + (usage.ImageInput * (ImageInput ?? Input))
        + (usage.AudioOutput * (AudioOutput ?? Output));
}

/// <summary>The price of calls whose input is larger than <paramref name="AboveInputTokens"/>.</summary>
public sealed record PriceTier(long AboveInputTokens, Price Price);

/// <summary>
/// Money is stored as whole billionths of a US dollar ("nanos") in a 64-bit integer: exact sums to nine billion dollars, and fine
/// enough for a single token of the cheapest model (see docs/decisions/0003).
/// </summary>
public static class Nanos
{
    public const long PerUsd = 1_000_000_000;

    /// <summary>
    /// More than a call can cost whose counts and prices were taken: what is beyond is a mistake, and sums of it must not overflow.
    /// </summary>
    public const long MostOfCall = 100_000_000 * PerUsd;

    /// <summary>What does not fit becomes the nearest that does.</summary>
    public static long FromUsd(decimal usd) => usd >= long.MaxValue / PerUsd ? long.MaxValue
        : usd <= long.MinValue / PerUsd ? long.MinValue
        : (long)decimal.Round(usd * PerUsd, 0, MidpointRounding.ToEven);

    public static decimal ToUsd(long nanos) => (decimal)nanos / PerUsd;
}
