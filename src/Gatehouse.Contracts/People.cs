namespace Gatehouse.Contracts;

/// <summary>What a person may do in a team, or everywhere when the membership names no team.</summary>
public enum Role
{
    /// <summary>Reads what a team has, without prompts and answers.</summary>
    Viewer,

    /// <summary>Reads everything a team has, prompts and answers included; changes nothing.</summary>
    Auditor,

    /// <summary>Decides on exceptions, reviews and releases.</summary>
    Approver,

    /// <summary>Registers systems and makes keys.</summary>
    Engineer,

    /// <summary>An engineer who also sets policies and stages.</summary>
    Architect,

    /// <summary>Everything, people included.</summary>
    Admin,
}

/// <summary>A thing that a role allows; <c>docs/reference/permissions.md</c> is generated from <see cref="Roles"/>.</summary>
public enum Permission
{
    /// <summary>See teams, systems, keys (never their secrets), calls and costs.</summary>
    Read,

    /// <summary>See stored prompts and answers.</summary>
    ReadContent,

    /// <summary>Register and change systems.</summary>
    WriteSystems,

    /// <summary>Create and revoke keys.</summary>
    WriteKeys,

    /// <summary>Change what a system stores and for how long, and what its calls may cost: budgets and limits.</summary>
    WritePolicies,

    /// <summary>Decide about calls that wait for a person, and close incidents.</summary>
    DecideReviews,

    /// <summary>Create teams, invite people and change their roles.</summary>
    WritePeople,

    /// <summary>See and check the configuration of the installation: providers, routes, storage.</summary>
    ReadSettings,

    /// <summary>Store, change and remove the credentials that Gatehouse keeps; nobody reads them back.</summary>
    WriteSecrets,

    /// <summary>Say whether a guard was right about a text: the development data of the guards.</summary>
    WriteLabels,

    /// <summary>Decide on exceptions that others ask for.</summary>
    Approve,
}

/// <summary>The permissions of each role, in one table.</summary>
public static class Roles
{
    public static bool Allows(Role role, Permission permission) => permission switch
    {
        Permission.Read => true,
        Permission.ReadContent => role is Role.Admin or Role.Architect or Role.Engineer or Role.Auditor,
        Permission.WriteSystems => role is Role.Admin or Role.Architect or Role.Engineer,
        Permission.WriteKeys => role is Role.Admin or Role.Architect or Role.Engineer,
        Permission.WritePolicies => role is Role.Admin or Role.Architect,
        Permission.DecideReviews => role is Role.Admin or Role.Architect or Role.Approver,
        Permission.WritePeople => role is Role.Admin,
        Permission.ReadSettings => role is Role.Admin or Role.Architect or Role.Auditor,
        Permission.WriteSecrets => role is Role.Admin,
        Permission.WriteLabels => role is Role.Admin or Role.Architect or Role.Engineer or Role.Approver,
        Permission.Approve => role is Role.Admin or Role.Architect or Role.Approver,
        _ => false,
    };
}

/// <summary>A role in one team, or in all teams when <paramref name="TeamId"/> is <see langword="null"/>.</summary>
public sealed record Membership(Guid? TeamId, Role Role);

/// <summary>A signed-in person (or the holder of one of their access tokens) and what they may do.</summary>
public sealed record Person(Guid Id, string Email, string Name, IReadOnlyList<Membership> Memberships)
{
    /// <summary>Whether the person has the permission in every team: the installation's own matters need this.</summary>
    public bool MayEverywhere(Permission permission)
    {
        foreach (var membership in Memberships)
        {
            if (membership.TeamId is null && Roles.Allows(membership.Role, permission))
            {
                return true;
            }
        }

        return false;
    }

    public bool May(Guid teamId, Permission permission)
    {
        foreach (var membership in Memberships)
        {
            if ((membership.TeamId is null || membership.TeamId == teamId) && Roles.Allows(membership.Role, permission))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The teams whose rows the person may see with this permission, or <see langword="null"/> for all of them.</summary>
    public IReadOnlyList<Guid>? TeamsWith(Permission permission)
    {
        if (MayEverywhere(permission))
        {
            return null;
        }

        var teams = new List<Guid>();
        foreach (var membership in Memberships)
        {
            if (membership.TeamId is { } team && Roles.Allows(membership.Role, permission))
            {
                teams.Add(team);
            }
        }

        return teams;
    }
}
