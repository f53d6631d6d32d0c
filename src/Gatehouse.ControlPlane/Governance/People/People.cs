using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>A person to be invited.</summary>
public sealed record NewPerson(string Email, string Name, IReadOnlyList<Membership> Memberships);

/// <summary>A person as lists show them.</summary>
/// <param name="LastSeenAt">The last sign-in.</param>
/// <param name="Invited">Whether they have yet to accept their invitation.</param>
public sealed record PersonEntry(Person Person, DateTimeOffset CreatedAt, DateTimeOffset? LastSeenAt, bool Invited);

/// <summary>A person just invited.</summary>
/// <param name="Link">The path, with its one-time token, under which they set their password; shown this once.</param>
public sealed record Invitation(Person Person, string Link);

/// <summary>
/// People and their roles. Owns tables <c>governance_person</c> and <c>governance_membership</c>. Who administers a team sees and changes
/// the memberships in that team, and nothing of others.
/// </summary>
public sealed class People
{
    private const int MaxNameChars = 200;

    private readonly Database _db;
    private readonly Secrets _secrets;
    private readonly GovernanceWrites _writes;

    internal People(Database db, Secrets secrets, GovernanceWrites writes)
    {
        _db = db;
        _secrets = secrets;
        _writes = writes;
    }

    /// <exception cref="ProblemException">403: the person administers no team.</exception>
    public async Task<IReadOnlyList<PersonEntry>> ListAsync(Person who, CancellationToken ct)
    {
        var scope = Scope.Of(who);
        var people = await PersonRows.ReadAsync(_db, $"", ct);
        return [.. people.Where(scope.Sees).Select(row => Entry(row, scope))];
    }

    /// <exception cref="ProblemException">The person may not, a field is wrong, or the e-mail address is known already.</exception>
    public async Task<Invitation> InviteAsync(Person who, NewPerson person, CancellationToken ct)
    {
        var scope = Scope.Of(who);
        scope.RequireAll(person.Memberships);
        if (person.Memberships.Count == 0)
        {
            throw new ProblemException(Problem.Invalid("memberships", "must name at least one role"));
        }

        var email = Words.Email(person.Email);
        var name = Words.Text("name", person.Name, MaxNameChars);
        var link = _secrets.Link();
        return await _writes.RunAsync(
            async write =>
            {
                var invited = new Person(Guid.CreateVersion7(write.At), email, name, person.Memberships);
                await AddAsync(write, invited, local: false, passwordHash: null, ct);
                await OneTimeLinks.AddAsync(write, link, invited.Id, ct);
                await write.AuditAsync(
                    who, "person.invite", scope.TeamOf(person.Memberships), email, invited.Id, Describe(person.Memberships), ct);
                return new Invitation(invited, OneTimeLinks.Path(link));
            },
            ct);
    }

    /// <summary>Replaces the memberships that <paramref name="who"/> may see; those in other teams stay.</summary>
    /// <exception cref="ProblemException">There is no such person, the person may not, or no administrator would be left.</exception>
    public async Task<PersonEntry> SetMembershipsAsync(
        Person who, Guid personId, IReadOnlyList<Membership> memberships, CancellationToken ct)
    {
        var scope = Scope.Of(who);
        scope.RequireAll(memberships);
        return await _writes.RunOnAllAsync(
            async write =>
            {
                var had = await HasAdministratorAsync(write.Sql, ct);
                var row = await FindAsync(write.Sql, scope, personId, ct);
                IReadOnlyList<Membership> all = [.. row.Person.Memberships.Where(m => !scope.Covers(m)), .. memberships];
                await write.Sql.ExecuteAsync($"DELETE FROM governance_membership WHERE person_id = {personId}", ct);
                await AddMembershipsAsync(write, personId, all, ct);
                await KeepAdministratorAsync(write.Sql, had, ct);
                await write.AuditAsync(
                    who, "person.memberships", scope.TeamOf(memberships), row.Person.Email, personId, Describe(memberships), ct);
                return Entry(row with { Person = row.Person with { Memberships = all } }, scope);
            },
            ct);
    }

    /// <summary>Removes the account with its sessions and tokens. Keys that the person made go on working.</summary>
    /// <param name="reason">Goes to the audit log; <see langword="null"/> when none was given.</param>
    /// <exception cref="ProblemException">
    /// There is no such person, the person belongs to other teams too, or no administrator would be left.
    /// </exception>
    public async Task RemoveAsync(Person who, Guid personId, string? reason, CancellationToken ct)
    {
        var scope = Scope.Of(who);
        await _writes.RunOnAllAsync(
            async write =>
            {
                var had = await HasAdministratorAsync(write.Sql, ct);
                var row = await FindAsync(write.Sql, scope, personId, ct);
                if (!row.Person.Memberships.All(scope.Covers))
                {
                    throw new ProblemException(Problem.Forbidden(
                        "This person has roles that you do not administer; take away the memberships in your team instead."));
                }

                await write.Sql.ExecuteAsync($"DELETE FROM governance_person WHERE id = {personId}", ct);
                await KeepAdministratorAsync(write.Sql, had, ct);
                await write.AuditAsync(
                    who, "person.remove", scope.TeamOf(row.Person.Memberships), row.Person.Email, personId, Words.WithReason("", reason),
                    ct);
                return true;
            },
            ct);
    }

    /// <exception cref="ProblemException">409: the e-mail address is known already.</exception>
    internal static async Task AddAsync(GovernanceWrite write, Person person, bool local, string? passwordHash, CancellationToken ct)
    {
        var added = await write.Sql.ExecuteAsync($"""
            INSERT INTO governance_person (id, email, name, local, password_hash, stamp, created_at)
            VALUES ({person.Id}, {person.Email}, {person.Name}, {local}, {passwordHash}, {Stamps.New()}, {write.At})
            ON CONFLICT (email) DO NOTHING
            """, ct);
        if (added == 0)
        {
            throw new ProblemException(new Problem(
                "conflict", 409, $"There is an account for '{person.Email}' already; an administrator of all teams can change its roles."));
        }

        await AddMembershipsAsync(write, person.Id, person.Memberships, ct);
    }

    /// <summary>Whether someone who can sign in administers the installation.</summary>
    internal static async Task<bool> HasAdministratorAsync(Transaction sql, CancellationToken ct) =>
        (await sql.QueryAsync(AnAdministrator, row => row.Id(0), ct)).Count > 0;

    /// <inheritdoc cref="HasAdministratorAsync(Transaction, CancellationToken)"/>
    internal static async Task<bool> HasAdministratorAsync(Database db, CancellationToken ct) =>
        (await db.QueryAsync(AnAdministrator, row => row.Id(0), ct)).Count > 0;

    private static FormattableString AnAdministrator => $"""
        SELECT p.id FROM governance_person p JOIN governance_membership m ON m.person_id = p.id
        WHERE p.password_hash IS NOT NULL AND m.team_id IS NULL AND m.role = {Words.Of(Role.Admin)}
        LIMIT 1
        """;

    private static async Task KeepAdministratorAsync(Transaction sql, bool had, CancellationToken ct)
    {
        if (had && !await HasAdministratorAsync(sql, ct))
        {
            throw new ProblemException(new Problem(
                "last_administrator", 409, "This would leave nobody who administers all teams; make someone else an administrator first."));
        }
    }

    private static async Task<PersonRow> FindAsync(Transaction sql, Scope scope, Guid personId, CancellationToken ct)
    {
        var rows = await PersonRows.ReadAsync(sql, $"WHERE p.id = {personId}", ct);
        return rows is [var row] && scope.Sees(row) ? row : throw new ProblemException(Problem.NotFound("person", personId.ToString()));
    }

    private static async Task AddMembershipsAsync(
        GovernanceWrite write, Guid personId, IReadOnlyList<Membership> memberships, CancellationToken ct)
    {
        foreach (var membership in memberships)
        {
            var known = membership.TeamId is not { } teamId
                || (await write.Sql.QueryAsync($"SELECT id FROM governance_team WHERE id = {teamId}", row => row.Id(0), ct)).Count == 1;
            if (!known)
            {
                throw new ProblemException(Problem.NotFound("team", membership.TeamId.ToString()!));
            }

            await write.Sql.ExecuteAsync($"""
                INSERT INTO governance_membership (person_id, team_id, role) VALUES ({personId}, {membership.TeamId}, {Words.Of(membership.Role)})
                """, ct);
        }
    }

    private static PersonEntry Entry(PersonRow row, Scope scope) => new(
        row.Person with { Memberships = [.. row.Person.Memberships.Where(scope.Covers)] },
        row.CreatedAt,
        row.LastSeenAt,
        Invited: row.PasswordHash is null && !row.Local);

    private static string Describe(IReadOnlyList<Membership> memberships) =>
        string.Join(", ", memberships.Select(m => $"{Words.Of(m.Role)} in {m.TeamId?.ToString() ?? "every team"}"));

    /// <summary>The teams whose people someone administers; <see langword="null"/> for all.</summary>
    private sealed record Scope(IReadOnlyList<Guid>? Teams)
    {
        public static Scope Of(Person who) =>
            who.TeamsWith(Permission.WritePeople) is var teams && teams is not { Count: 0 }
                ? new Scope(teams)
                : throw Access.Refused(Permission.WritePeople);

        public bool Covers(Membership membership) => Teams is null || (membership.TeamId is { } team && Teams.Contains(team));

        public bool Sees(PersonRow row) => Teams is null || row.Person.Memberships.Any(Covers);

        /// <summary>The team to file an audit entry under: none when the act is about more than one.</summary>
        public Guid? TeamOf(IReadOnlyList<Membership> memberships) =>
            memberships.Select(m => m.TeamId).Distinct().ToList() is [var only] ? only : Teams is [var mine] ? mine : null;

        /// <exception cref="ProblemException">There is none, one is given twice, or one is out of reach.</exception>
        public void RequireAll(IReadOnlyList<Membership> memberships)
        {
            if (memberships.Count == 0 && Teams is null)
            {
                throw new ProblemException(
                    Problem.Invalid("memberships", "must name at least one role; remove the person to take away all"));
            }

            if (memberships.DistinctBy(m => m.TeamId).Count() != memberships.Count)
            {
                throw new ProblemException(Problem.Invalid("memberships", "must name each team once"));
            }

            if (!memberships.All(Covers))
            {
                throw Access.Refused(Permission.WritePeople);
            }
        }
    }
}
