using System.Collections.Frozen;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Limits;

/// <summary>
/// The budgets and limits of one revision, found by who calls. A call that none applies to pays three lookups, or one branch.
/// </summary>
public sealed class LimitTable
{
    public static readonly LimitTable Empty = new([], new AllowanceBook(TimeProvider.System));

    private readonly AllowanceBook _book;
    private readonly Entry[] _everywhere;
    private readonly FrozenDictionary<Guid, Entry[]> _byTeam;
    private readonly FrozenDictionary<Guid, Entry[]> _bySystem;
    private readonly FrozenDictionary<Guid, Entry[]> _byKey;

    /// <param name="book">Where counts live on from revision to revision.</param>
    public LimitTable(IReadOnlyCollection<LimitRule> rules, AllowanceBook book)
    {
        _book = book;
        book.Change(rules);
        IsEmpty = rules.Count == 0;

        // Ordered, so that calls which wait for one count while they hold another cannot wait in a circle.
        var entries = rules.OrderBy(r => r.Measure).ThenBy(r => r.Id)
            .Select(r => new Entry(r, r.Scope.IsPerUser ? null : book.Find(r, ""))).ToList();
        _everywhere = [.. entries.Where(e => e.Rule.Scope is { TeamId: null, SystemId: null, KeyId: null })];
        _byTeam = Index(entries, e => e.Rule.Scope is { TeamId: { } team, SystemId: null, KeyId: null } ? team : null);
        _bySystem = Index(entries, e => e.Rule.Scope is { SystemId: { } system, KeyId: null } ? system : null);
        _byKey = Index(entries, e => e.Rule.Scope.KeyId);
    }

    public bool IsEmpty { get; }

    internal AllowanceBook Book => _book;

    /// <summary>Whether any rule that may apply to this caller looks at end users.</summary>
    internal bool NeedsEndUser(Principal who) => Any(who, static e => e.Rule.Scope.EndUser is not null);

    /// <param name="began">When the call began.</param>
    /// <returns>The counts that the call is held to; <see langword="null"/> when there are none.</returns>
    internal List<Allowance>? Find(Principal who, string route, string endUser, DateTimeOffset began)
    {
        List<Allowance>? found = null;
        Add(_everywhere, who, route, endUser, began, ref found);
        Add(_byTeam.GetValueOrDefault(who.TeamId), who, route, endUser, began, ref found);
        Add(_bySystem.GetValueOrDefault(who.SystemId), who, route, endUser, began, ref found);
        Add(_byKey.GetValueOrDefault(who.KeyId), who, route, endUser, began, ref found);
        return found;
    }

    private static FrozenDictionary<Guid, Entry[]> Index(List<Entry> entries, Func<Entry, Guid?> key) => entries
        .Where(e => key(e) is not null).GroupBy(e => key(e)!.Value).ToFrozenDictionary(g => g.Key, g => g.ToArray());

    private void Add(Entry[]? entries, Principal who, string route, string endUser, DateTimeOffset began, ref List<Allowance>? found)
    {
        if (entries is null)
        {
            return;
        }

        foreach (var entry in entries)
        {
            if (entry.Rule.Scope.Matches(who.TeamId, who.SystemId, who.KeyId, route, endUser) && !(began < entry.Rule.Since))
            {
                (found ??= new List<Allowance>(4)).Add(entry.Fixed ?? _book.Find(entry.Rule, endUser, began));
            }
        }
    }

    private bool Any(Principal who, Func<Entry, bool> condition) =>
        Any(_everywhere, condition)
        || Any(_byTeam.GetValueOrDefault(who.TeamId), condition)
        || Any(_bySystem.GetValueOrDefault(who.SystemId), condition)
        || Any(_byKey.GetValueOrDefault(who.KeyId), condition);

    private static bool Any(Entry[]? entries, Func<Entry, bool> condition)
    {
        foreach (var entry in entries ?? [])
        {
            if (condition(entry))
            {
                return true;
            }
        }

        return false;
    }

    /// <param name="Fixed">The rule's only count; <see langword="null"/> where each end user has their own.</param>
    private sealed record Entry(LimitRule Rule, Allowance? Fixed);
}
