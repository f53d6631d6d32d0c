using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Embeddings;

namespace Gatehouse.Gateway.Caching;

/// <summary>
/// The texts of one call, those whose vectors are kept, and those that the provider is asked for. For one logical thread.
/// </summary>
/// <param name="model">That the vectors are of: the provider's name of it.</param>
/// <param name="shared">The key of everything but the text.</param>
internal sealed class EmbeddingBatch(EmbeddingCache cache, CachePolicy policy, string model, CacheKey shared, IReadOnlyList<string> texts)
{
    private readonly CachedVector?[] _kept = new CachedVector?[texts.Count];
    private readonly List<string> _missing = [.. texts.Distinct(StringComparer.Ordinal)];
    private EmbeddingAnswer? _made;

    /// <summary>What the provider is to be asked, each text once.</summary>
    public IReadOnlyList<string> Missing => _missing;

    public bool HasKept { get; private set; }

    /// <summary>Whether the provider's answer is not the call's, but a part of it.</summary>
    public bool IsPart => _missing.Count < texts.Count;

    /// <summary>The tokens that the provider is not asked for; <see langword="null"/> when it counted none.</summary>
    public TokenUsage? Saved =>
        _kept.Any(v => v is { Tokens: >= 0 }) ? new TokenUsage(_kept.Sum(v => Math.Max(0, v?.Tokens ?? 0)), 0, 0, 0, 0, 0) : null;

    public long? SavedNanos => _kept.Any(v => v is { CostNanos: null }) ? null : _kept.Sum(v => v?.CostNanos ?? 0);

    public void Find(Func<CacheKey, CachedVector?> find)
    {
        _missing.Clear();
        var asked = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < texts.Count; i++)
        {
            _kept[i] = find(shared.Of(texts[i]));
            HasKept |= _kept[i] is not null;
            if (_kept[i] is null && asked.Add(texts[i]))
            {
                _missing.Add(texts[i]);
            }
        }
    }

    /// <summary>The whole answer, when nothing is missing: the provider counted no tokens for it.</summary>
    public EmbeddingAnswer ToAnswer() => new(_kept[0]!.Model, [.. _kept.Select(v => v!.Values)], default(TokenUsage));

    public CachedAnswer ToCached(byte[] body) =>
        new(body, _kept.Min(v => v!.KeptAt), long.MaxValue, "", _kept[0]!.Model, null, Saved, SavedNanos, [], []);

    /// <summary>The vectors of all texts in their order; the tokens are those that the provider counted for what it was asked.</summary>
    /// <param name="made">Of <see cref="Missing"/>.</param>
    public EmbeddingAnswer Complete(EmbeddingAnswer made)
    {
        Take(made);
        var byText = _missing.Zip(made.Vectors).ToDictionary(m => m.First, m => m.Second, StringComparer.Ordinal);
        return made with { Vectors = [.. texts.Select((text, i) => _kept[i]?.Values ?? byText[text])] };
    }

    /// <summary>Remembers what was made until it is known that the call ended well.</summary>
    public void Take(EmbeddingAnswer made) => _made = made;

    /// <summary>Keeps what was made. A batch is priced as a whole, so each text gets its share by length.</summary>
    public void Keep(Call call, Attempt attempt)
    {
        if (_made is not { } made || attempt.Model != model)
        {
            return;
        }

        var cost = call.Record.Attempts is [.., { CostUsd: { } usd }] ? Nanos.FromUsd(usd) : (long?)null;
        var (now, all) = (cache.Now, Math.Max(1, _missing.Sum(t => (long)t.Length)));
        for (var i = 0; i < _missing.Count; i++)
        {
            var share = (decimal)_missing[i].Length / all;
            cache.Keep(shared.Of(_missing[i]), new CachedVector(
                made.Vectors[i], now, now + (long)policy.Ttl.TotalMilliseconds, attempt.Tap.Model ?? made.Model,
                attempt.Tap.Usage is { } usage ? (long)decimal.Round(usage.TotalInput * share) : -1,
                cost is { } nanos ? (long)decimal.Round(nanos * share) : null));
        }
    }
}
