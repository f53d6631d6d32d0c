using System.Collections.Concurrent;
using Gatehouse.Contracts;

namespace Gatehouse.Gateway.Guarding.PlugIns;

/// <summary>
/// The questions to guards outside of the process that this node asked in the last hour, the newest <see cref="Most"/> of each rule. Safe
/// from any thread.
/// </summary>
public sealed class PlugInBook(TimeProvider clock)
{
    /// <summary>Questions of one rule that are remembered.</summary>
    public const int Most = 2048;

    private static readonly TimeSpan Window = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<(string Policy, string Rule, string Kind, string To), Queue<Asked>> _asked = [];

    /// <summary>Those that were asked, slowest first.</summary>
    public IReadOnlyList<PlugInStanding> List()
    {
        var since = clock.GetUtcNow() - Window;
        var found = new List<PlugInStanding>();
        foreach (var ((policy, rule, kind, to), queue) in _asked)
        {
            Asked[] asked;
            lock (queue)
            {
                asked = [.. queue.Where(a => a.At >= since)];
            }

            if (asked.Length > 0)
            {
                var times = asked.Select(a => a.Micros).Order().ToArray();
                found.Add(new PlugInStanding(
                    policy, rule, kind, to, asked.Length, asked.Count(a => a.Outcome == "found"), asked.Count(a => a.Failure is not null),
                    times[(times.Length - 1) / 2], times[(int)Math.Ceiling(times.Length * 0.99) - 1],
                    asked.LastOrDefault(a => a.Failure is not null).Failure, asked[^1].At));
            }
        }

        return [.. found.OrderByDescending(s => s.P99Micros)];
    }

    internal void Add(string policy, GuardQuestion question)
    {
        var queue = _asked.GetOrAdd((policy, question.Rule, question.Kind, question.To), static _ => new Queue<Asked>());
        lock (queue)
        {
            if (queue.Count == Most)
            {
                queue.Dequeue();
            }

            queue.Enqueue(new Asked(
                clock.GetUtcNow(), question.Micros, question.Outcome, question.Outcome == "failed" ? question.Said : null));
        }
    }

    private readonly record struct Asked(DateTimeOffset At, long Micros, string Outcome, string? Failure);
}
