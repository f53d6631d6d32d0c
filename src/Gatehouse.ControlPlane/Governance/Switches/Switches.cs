using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>
/// Kill switches. Owns table <c>governance_switch</c>. They hold on every live node when the act is answered.
/// </summary>
public sealed class Switches
{
    private const int MaxReasonChars = 500;

    private readonly Database _db;
    private readonly Systems _systems;
    private readonly Keys _keys;
    private readonly GovernanceWrites _writes;
    private readonly Snapshot<GatewayTable> _table;

    internal Switches(Database db, Systems systems, Keys keys, GovernanceWrites writes, Snapshot<GatewayTable> table)
    {
        _db = db;
        _systems = systems;
        _keys = keys;
        _writes = writes;
        _table = table;
    }

    /// <summary>
    /// What is switched off and the person may know: everything that all teams share, and their own teams' systems and keys.
    /// </summary>
    public async Task<IReadOnlyList<Switch>> ListAsync(Person who, CancellationToken ct) =>
        [.. (await SwitchRows.ReadAsync(_db, ct)).Where(s => s.TeamId is not { } team || who.May(team, Permission.Read))];

    /// <summary>Refuses the subject's calls from now on. Calls under way end by themselves. Doing it again changes the reason.</summary>
    /// <param name="subject">The name of a provider, model or route; the id of a system or key.</param>
    /// <param name="reason">Callers read it, and it goes to the audit log.</param>
    /// <exception cref="ProblemException">There is no such subject, the person may not, or the reason is missing.</exception>
    public async Task<Switch> OffAsync(Person who, SwitchKind kind, string subject, string reason, CancellationToken ct)
    {
        var (name, team) = kind switch
        {
            SwitchKind.System => await SystemAsync(who, subject, ct),
            SwitchKind.Key => await KeyAsync(who, subject, ct),
            _ => Shared(who, kind, subject),
        };
        var why = Words.Text("reason", reason, MaxReasonChars);
        return await _writes.RunOnAllAsync(
            async write =>
            {
                var made = new Switch(Guid.CreateVersion7(write.At), kind, subject, name, team, why, who.Email, write.At);
                await write.Sql.ExecuteAsync($"""
                    INSERT INTO governance_switch (id, kind, subject, team_id, reason, person, made_at)
                    VALUES ({made.Id}, {Words.Of(kind)}, {subject}, {team}, {why}, {made.Person}, {made.At})
                    ON CONFLICT (kind, subject)
                    DO UPDATE SET id = excluded.id, reason = excluded.reason, person = excluded.person, made_at = excluded.made_at
                    """, ct);
                await write.AuditAsync(
                    who, "switch.off", team, $"{Words.Of(kind)} {name}", IdOf(kind, subject), Words.WithReason("", why), ct);
                return made;
            },
            ct);
    }

    /// <summary>Lets the subject's calls through again.</summary>
    /// <exception cref="ProblemException">Nothing of this id is switched off, or the person may not.</exception>
    public async Task<Switch> OnAsync(Person who, Guid id, string? reason, CancellationToken ct)
    {
        var found = (await ListAsync(who, ct)).FirstOrDefault(s => s.Id == id)
            ?? throw new ProblemException(Problem.NotFound("switch", id.ToString()));
        Require(who, found.Kind, found.TeamId);
        return await _writes.RunOnAllAsync(
            async write =>
            {
                await write.Sql.ExecuteAsync(
                    $"DELETE FROM governance_switch WHERE kind = {Words.Of(found.Kind)} AND subject = {found.Subject}", ct);
                await write.AuditAsync(
                    who, "switch.on", found.TeamId, $"{Words.Of(found.Kind)} {found.Name}", IdOf(found.Kind, found.Subject),
                    Words.WithReason("", reason), ct);
                return found;
            },
            ct);
    }

    private static Guid? IdOf(SwitchKind kind, string subject) => kind is SwitchKind.System or SwitchKind.Key ? Guid.Parse(subject) : null;

    private static void Require(Person who, SwitchKind kind, Guid? teamId)
    {
        if (teamId is { } team)
        {
            who.Require(team, kind == SwitchKind.Key ? Permission.WriteKeys : Permission.WritePolicies);
        }
        else
        {
            who.RequireEverywhere(Permission.WritePolicies);
        }
    }

    private async Task<(string Name, Guid? TeamId)> SystemAsync(Person who, string subject, CancellationToken ct)
    {
        var system = await _systems.GetAsync(who, Id("system", subject), ct);
        Require(who, SwitchKind.System, system.TeamId);
        return (system.Name, system.TeamId);
    }

    private async Task<(string Name, Guid? TeamId)> KeyAsync(Person who, string subject, CancellationToken ct)
    {
        var (key, team) = await _keys.FindAsync(who, Id("key", subject), ct);
        Require(who, SwitchKind.Key, team);
        return ($"{key.System}/{key.Name}", team);
    }

    private static Guid Id(string what, string subject) =>
        Guid.TryParseExact(subject, "D", out var id) && id.ToString() == subject
            ? id
            : throw new ProblemException(Problem.NotFound(what, Shown(subject)));

    /// <summary>A name that nothing has is refused: a slip of the pen at night must not look like safety.</summary>
    private (string Name, Guid? TeamId) Shared(Person who, SwitchKind kind, string subject)
    {
        Require(who, kind, null);
        var routes = _table.Current.Routes.Routes;
        var known = kind switch
        {
            SwitchKind.Provider => routes.SelectMany(r => r.AllTargets).Any(t => t.Provider.Name == subject),
            SwitchKind.Route => routes.Any(r => r.Name == subject),
            SwitchKind.Model => subject.Length <= RouteTable.MaxNameChars && !subject.EndsWith('*')
                && (routes.SelectMany(r => r.AllTargets).Any(t => t.Model == subject || t.Name == subject) || IsServedByPrefix(subject)),
            _ => throw new ProblemException(Problem.Invalid("kind", "must be provider, model, route, system or key")),
        };
        return known ? (subject, null) : throw new ProblemException(new Problem(
            "not_found", 404,
            $"No route uses a {Words.Of(kind)} '{Shown(subject)}'; 'gatehouse doctor' and the Routes page show what there is.") { Field =
                "subject" });
    }

    /// <summary>A model that a target for every model would ask for.</summary>
    private bool IsServedByPrefix(string subject)
    {
        var model = subject[(subject.IndexOf('/', StringComparison.Ordinal) + 1)..];
        return (_table.Current.Routes.TryFind(subject, out var route) || _table.Current.Routes.TryFind(model, out route))
            && route.AllTargets.Any(t => t.Model == Target.AnyModel);
    }

    private static string Shown(string subject) => subject.Length <= 64 ? subject : subject[..64] + "…";
}
