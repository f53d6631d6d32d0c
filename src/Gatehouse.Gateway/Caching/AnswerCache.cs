using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Caching;

/// <summary>
/// The answers that this node keeps, in memory and until it ends. Questions that may be compared with each other share a shelf, whose key
/// is that of everything but the question, scope included.
/// </summary>
internal sealed class AnswerCache : IDisposable
{
    /// <summary>Most questions that one is compared with; a new one takes the place of the oldest.</summary>
    public const int ShelfLength = 512;

    private readonly BoundedCache<CachedAnswer> _answers;
    private readonly ConcurrentDictionary<CacheKey, CachedAnswer[]> _shelves = new();

    public AnswerCache(Snapshot<GatewayTable> tables, GatewayMetrics metrics, TimeProvider clock)
    {
        _answers = new BoundedCache<CachedAnswer>(() => tables.Current.MaxCachedAnswerBytes, clock, TakeDown);
        metrics.ObserveCache("answers", () => _answers.Bytes);
    }

    public long Bytes => _answers.Bytes;

    public int Count => _answers.Count;

    public int Shelves => _shelves.Count;

    /// <summary>Finds an answer that is of use to somebody, whether or not it is fresh.</summary>
    public bool TryFind(in CacheKey key, long now, [NotNullWhen(true)] out CachedAnswer? answer) => _answers.TryFind(key, now, out answer);

    public void Keep(in CacheKey key, CachedAnswer answer)
    {
        _answers.Add(key, answer);
        if (answer.Question is { } question && _answers.TryFind(key, answer.KeptAt, out var kept) && ReferenceEquals(kept, answer))
        {
            _shelves.AddOrUpdate(question.Shelf, static (_, added) => [added], Put, answer);
            if (!_answers.TryFind(key, answer.KeptAt, out kept) || !ReferenceEquals(kept, answer))
            {
                TakeDown(answer); // it was evicted before it stood there
            }
        }
    }

    /// <summary>The most similar question's answer, of those that are fresh enough and whose target may be asked.</summary>
    /// <param name="after">Only answers kept later, in Unix milliseconds.</param>
    /// <param name="open">The targets that may be asked, a bit each.</param>
    public CachedAnswer? FindSimilar(Question question, double threshold, long after, Route route, ulong open, out float similarity)
    {
        CachedAnswer? best = null;
        similarity = 0;
        if (!_shelves.TryGetValue(question.Shelf, out var shelf))
        {
            return null;
        }

        foreach (var answer in shelf)
        {
            if (answer.KeptAt > after && answer.Question!.Similarity(question) is var found && found >= threshold && found > similarity
                && answer.IsOf(route, open))
            {
                (best, similarity) = (answer, found);
            }
        }

        return best;
    }

    public void Dispose() => _answers.Dispose();

    private static CachedAnswer[] Put(CacheKey key, CachedAnswer[] shelf, CachedAnswer added) =>
        shelf.Length < ShelfLength ? [.. shelf, added] : [.. shelf.AsSpan(1), added];

    private void TakeDown(CachedAnswer answer)
    {
        if (answer.Question is not { } question)
        {
            return;
        }

        while (_shelves.TryGetValue(question.Shelf, out var shelf))
        {
            var rest = Array.FindAll(shelf, a => !ReferenceEquals(a, answer));
            if (rest.Length == 0
                ? _shelves.TryRemove(new KeyValuePair<CacheKey, CachedAnswer[]>(question.Shelf, shelf))
                : _shelves.TryUpdate(question.Shelf, rest, shelf))
            {
                return;
            }
        }
    }
}
