using Gatehouse.Contracts;
using Gatehouse.Gateway.Calls;
using Gatehouse.Gateway.Limits;

namespace Gatehouse.Gateway.Caching;

/// <summary>
/// Who shares what is kept. There is no key without one, and none that was not made from the principal of a call: what one tenant's
/// calls keep cannot be found by another's, whatever the rest of a key is made of.
/// </summary>
internal sealed class CacheScope
{
    private CacheScope(Guid team, Guid? system, SystemEnvironment environment, string? endUser) =>
        (Team, System, Environment, EndUser) = (team, system, environment, endUser);

    public Guid Team { get; }

    /// <summary><see langword="null"/>: all systems of the team.</summary>
    public Guid? System { get; }

    public SystemEnvironment Environment { get; }

    /// <summary><see langword="null"/>: all end users.</summary>
    public string? EndUser { get; }

    /// <returns><see langword="null"/> when the call names no end user and the policy keeps answers apart by them.</returns>
    public static CacheScope? Of(Call call, CacheSharing sharing)
    {
        var principal = call.Principal;
        switch (sharing)
        {
            case CacheSharing.Team:
                return new CacheScope(principal.TeamId, null, principal.Environment, null);
            case CacheSharing.EndUser:
                return EndUsers.Of(call) is { Length: > 0 } user
                    ? new CacheScope(principal.TeamId, principal.SystemId, principal.Environment, user)
                    : null;
            default:
                return new CacheScope(principal.TeamId, principal.SystemId, principal.Environment, null);
        }
    }
}
