using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;

namespace Gatehouse.Gateway.Routing;

/// <summary>The routes of one configuration revision. Immutable: a change builds a new table and publishes it.</summary>
public sealed class RouteTable
{
    /// <summary>Longest model name that is looked up; longer ones are unknown.</summary>
    public const int MaxNameChars = 256;

    public static readonly RouteTable Empty = new([]);

    private readonly FrozenDictionary<string, Route>.AlternateLookup<ReadOnlySpan<char>> _exact;
    private readonly Route[] _prefixes; // longest prefix first

    public RouteTable(IReadOnlyList<Route> routes)
    {
        Routes = routes;
        _exact = routes.Where(r => !r.Name.EndsWith('*')).ToFrozenDictionary(r => r.Name, StringComparer.Ordinal)
            .GetAlternateLookup<ReadOnlySpan<char>>();
        _prefixes = [.. routes.Where(r => r.Name.EndsWith('*')).OrderByDescending(r => r.Name.Length)];
    }

    /// <summary>In the order of the configuration.</summary>
    public IReadOnlyList<Route> Routes { get; }

    /// <summary>Finds the route of a model name: exact first, then the longest prefix. Allocates nothing.</summary>
    public bool TryFind(ReadOnlySpan<char> model, [NotNullWhen(true)] out Route? route)
    {
        if (model.Length is 0 or > MaxNameChars)
        {
            route = null;
            return false;
        }

        if (_exact.TryGetValue(model, out route))
        {
            return true;
        }

        foreach (var candidate in _prefixes)
        {
            if (model.StartsWith(candidate.Name.AsSpan(0, candidate.Name.Length - 1), StringComparison.Ordinal))
            {
                route = candidate;
                return true;
            }
        }

        return false;
    }
}
