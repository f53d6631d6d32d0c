using System.Security.Claims;
using Gatehouse.Contracts;

namespace Gatehouse.Governance;

/// <summary>
/// What a session says: who, and the stamp that must still be the person's. Roles are never in it; they are read from the tables.
/// </summary>
public static class PersonClaims
{
    private const string StampClaim = "gatehouse_stamp";

    internal static ClaimsPrincipal From(Person person, string stamp) => new(new ClaimsIdentity(
        [
            new Claim(ClaimTypes.NameIdentifier, person.Id.ToString()),
            new Claim(ClaimTypes.Name, person.Name),
            new Claim(StampClaim, stamp),
        ],
        SignIn.CookieScheme));

    /// <returns>The person as they are now, or <see langword="null"/> when they were removed or their sessions ended.</returns>
    internal static Person? Find(ClaimsPrincipal? principal, GovernanceTables tables) =>
        Guid.TryParse(principal?.FindFirstValue(ClaimTypes.NameIdentifier), out var id)
        && tables.People.TryGetValue(id, out var known)
        && known.Stamp == principal.FindFirstValue(StampClaim)
            ? known.Person
            : null;
}
