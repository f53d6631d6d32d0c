using Gatehouse.Contracts;

namespace Gatehouse.Governance;

/// <summary>Checks of permissions that end in a <see cref="ProblemException"/>.</summary>
internal static class Access
{
    /// <exception cref="ProblemException">403: the person sees the team but may not do this.</exception>
    public static void Require(this Person who, Guid teamId, Permission permission)
    {
        if (!who.May(teamId, permission))
        {
            throw Refused(permission);
        }
    }

    /// <exception cref="ProblemException">403: this needs a role that holds in every team.</exception>
    public static void RequireEverywhere(this Person who, Permission permission)
    {
        if (!who.MayEverywhere(permission))
        {
            throw new ProblemException(Problem.Forbidden(
                $"This needs a role with the permission '{Words.Of(permission)}' that holds in every team; ask an administrator."));
        }
    }

    public static ProblemException Refused(Permission permission) => new(Problem.Forbidden(
        $"Your role does not have the permission '{Words.Of(permission)}' here; ask an administrator."));
}
