using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Configuration;

/// <summary>A system of the inventory, as exceptions in the configuration may name it.</summary>
public sealed record KnownSystem(Guid Id, string Team, string Name);

/// <summary>The systems that there are at this moment, of every team.</summary>
public delegate IReadOnlyCollection<KnownSystem> ReadKnownSystems();

/// <summary>
/// Finds the one system that an exception of the configuration is of: by its id, as <c>team/name</c>, or by a name that only one team uses.
/// A gap is never guessed: where there is no such system, or several, the exception covers nobody.
/// </summary>
public static class WrittenExceptions
{
    /// <returns>Those that are of a system, each with its id.</returns>
    public static IReadOnlyList<GuardException> Resolve(IReadOnlyList<GuardException> written, IReadOnlyCollection<KnownSystem> systems) =>
        written.Count == 0 ? [] : [.. written
            .Select(e => Find(e.System, systems) is [var system] ? e with { System = system.Name, SystemId = system.Id } : null)
            .OfType<GuardException>()];

    /// <returns>Of each exception that covers nobody, why and how it is mended.</returns>
    public static IReadOnlyList<string> Warnings(IEnumerable<string> named, IReadOnlyCollection<KnownSystem> systems) =>
        [.. named.Distinct(StringComparer.Ordinal).Select(n => Warning(n, Find(n, systems))).OfType<string>()];

    /// <summary>The systems that a name may mean: exactly one, or the exception covers nobody.</summary>
    public static IReadOnlyList<KnownSystem> Find(string named, IReadOnlyCollection<KnownSystem> systems)
    {
        if (Guid.TryParse(named, out var id))
        {
            return [.. systems.Where(s => s.Id == id)];
        }

        return named.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash
            ? [.. systems.Where(s => named.AsSpan(0, slash).SequenceEqual(s.Team) && named.AsSpan(slash + 1).SequenceEqual(s.Name))]
            : [.. systems.Where(s => s.Name == named)];
    }

    private static string? Warning(string named, IReadOnlyList<KnownSystem> found) => found.Count switch
    {
        1 => null,
        0 => $"The exception for '{named}' in 'policies.exceptions' covers nobody: there is no such system.",
        _ => $"The exception for '{named}' in 'policies.exceptions' covers nobody: {found.Count} teams have a system of that name. "
            + $"Write {string.Join(" or ", found.Select(s => $"'{s.Team}/{s.Name}'").Order(StringComparer.Ordinal))}.",
    };
}
