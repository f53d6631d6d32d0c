using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>
/// Guard policies that are kept in the database, in numbered revisions that never change. What is put in force applies on every
/// live node when the act is answered. Owns tables <c>governance_guard_policy</c> and <c>governance_guard_policy_force</c>.
/// </summary>
public sealed class GuardPolicies
{
    private const int MaxTextChars = 1 << 18;
    private const int MaxNoteChars = 500;
    private const int MaxPolicies = 500;
    private const int MaxLimit = 200;

    private readonly Database _db;
    private readonly GovernanceWrites _writes;
    private readonly PolicyJoint _joint;

    internal GuardPolicies(Database db, GovernanceWrites writes, PolicyJoint joint)
    {
        _db = db;
        _writes = writes;
        _joint = joint;
    }

    /// <summary>Of every policy the revision that is in force and the newest, by name, newest first.</summary>
    /// <exception cref="ProblemException">The person may not.</exception>
    public async Task<IReadOnlyList<PolicyRevision>> ListAsync(Person who, CancellationToken ct)
    {
        who.RequireEverywhere(Permission.ReadSettings);
        return await KeptPolicyRows.ReadAsync(_db, $"WHERE p.number = f.number OR {KeptPolicyRows.IsNewest}", ct);
    }

    /// <summary>Revisions of one policy, newest first; empty when there is none of the name.</summary>
    /// <param name="before">Only those of a lower number.</param>
    /// <exception cref="ProblemException">The person may not, or the limit is out of range.</exception>
    public async Task<IReadOnlyList<PolicyRevision>> HistoryAsync(Person who, string name, long? before, int limit, CancellationToken ct)
    {
        who.RequireEverywhere(Permission.ReadSettings);
        return limit is >= 1 and <= MaxLimit
            ? await KeptPolicyRows.ReadAsync(_db, $"WHERE p.name = {name} AND p.number < {before ?? long.MaxValue}", ct, limit)
            : throw new ProblemException(Problem.Invalid("limit", $"must be between 1 and {MaxLimit}"));
    }

    /// <summary>One revision of a policy and the newest one.</summary>
    /// <param name="number"><see langword="null"/>: the one that is in force, or else the newest.</param>
    /// <returns>What there is of them.</returns>
    /// <exception cref="ProblemException">The person may not.</exception>
    public async Task<(PolicyRevision? Found, PolicyRevision? Newest)> FindAsync(
        Person who, string name, long? number, CancellationToken ct)
    {
        who.RequireEverywhere(Permission.ReadSettings);
        FormattableString wanted = number is { } one ? (FormattableString)$"p.number = {one}" : $"p.number = f.number";
        var rows = await KeptPolicyRows.ReadAsync(_db, $"WHERE p.name = {name} AND ({wanted} OR {KeptPolicyRows.IsNewest})", ct);
        var newest = rows.FirstOrDefault();
        return (number is null ? rows.Find(r => r.InForce) ?? newest : rows.Find(r => r.Number == number), newest);
    }

    /// <summary>
    /// Saves a text as the next revision, and puts it in force if that is wanted. A text that is the newest revision's already makes none.
    /// </summary>
    /// <exception cref="ProblemException">The person may not, the name is taken, the text is no policy, or it is to be in force and fails a
    /// test of its own.</exception>
    public async Task<PolicyRevision> SaveAsync(Person who, string name, string text, string? note, bool inForce, CancellationToken ct)
    {
        who.RequireEverywhere(Permission.WritePolicies);
        var valid = Words.Name("name", name);
        if (_joint.Taken().Contains(valid))
        {
            throw new ProblemException(new Problem(
                "policy_name_taken", 409,
                $"'{valid}' is built in or stands in a file, which nobody changes over the network: choose another name."));
        }

        if (text is not { Length: > 0 and <= MaxTextChars })
        {
            throw new ProblemException(Problem.Invalid("text", $"must be 1 to {MaxTextChars} characters"));
        }

        var why = string.IsNullOrWhiteSpace(note) ? "" : Words.Text("note", note, MaxNoteChars);
        var hash = Judge(valid, text, inForce);
        return await _writes.RunOnAllAsync(
            async write =>
            {
                var newest = await NewestAsync(write, valid, ct);
                var number = newest.Number;
                if (newest.Text != text)
                {
                    number++;
                    if (number == 1)
                    {
                        await RefuseTooManyAsync(write, ct);
                    }

                    await write.Sql.ExecuteAsync($"""
                        INSERT INTO governance_guard_policy (name, number, hash, text, note, person, made_at)
                        VALUES ({valid}, {number}, {hash}, {text}, {why}, {who.Email}, {write.At})
                        """, ct);
                    await write.AuditAsync(
                        who, "guard_policy.save", null, valid, null, Words.WithReason($"revision {number}, content {hash}", note), ct);
                }

                if (inForce)
                {
                    await PutAsync(write, who, valid, number, note, ct);
                }

                return await ReadAsync(write, valid, number, ct);
            },
            ct);
    }

    /// <summary>Puts a revision in force: a new one, or one of before.</summary>
    /// <exception cref="ProblemException">The person may not, there is no such revision, or it fails a test of its own.</exception>
    public async Task<PolicyRevision> PutInForceAsync(Person who, string name, long number, string? reason, CancellationToken ct)
    {
        who.RequireEverywhere(Permission.WritePolicies);
        var found = (await FindAsync(who, name, number, ct)).Found
            ?? throw new ProblemException(Problem.NotFound("policy revision", Shown($"{name}@{number}")));
        if (_joint.Taken().Contains(name))
        {
            throw new ProblemException(new Problem(
                "policy_name_taken", 409, $"'{name}' stands in a file by now: the file is the policy of this name."));
        }

        Judge(name, found.Text, inForce: true);
        return await _writes.RunOnAllAsync(
            async write =>
            {
                await PutAsync(write, who, name, number, reason, ct);
                return await ReadAsync(write, name, number, ct);
            },
            ct);
    }

    /// <summary>Takes a policy out of force; its revisions stay.</summary>
    /// <exception cref="ProblemException">The person may not, it is not in force, or a system has chosen it.</exception>
    public async Task TakeOutOfForceAsync(Person who, string name, string? reason, CancellationToken ct)
    {
        who.RequireEverywhere(Permission.WritePolicies);
        await _writes.RunOnAllAsync(
            async write =>
            {
                var users = await write.Sql.QueryAsync(
                    $"""
                    SELECT s.name, p.environment FROM governance_policy p
                    JOIN governance_system s ON s.team_id = p.team_id AND s.id = p.system_id
                    WHERE p.guard_policy = {name} ORDER BY s.name LIMIT 5
                    """,
                    row => $"{row.Text(0)} ({row.Text(1)})",
                    ct);
                if (users.Count > 0)
                {
                    throw new ProblemException(new Problem(
                        "policy_in_use", 409,
                        $"Calls of {string.Join(", ", users)} would be refused without '{name}': choose another policy there first."));
                }

                if (await write.Sql.ExecuteAsync($"DELETE FROM governance_guard_policy_force WHERE name = {name}", ct) == 0)
                {
                    throw new ProblemException(Problem.NotFound("policy in force", Shown(name)));
                }

                await write.AuditAsync(who, "guard_policy.out_of_force", null, name, null, Words.WithReason("", reason), ct);
                return true;
            },
            ct);
    }

    private string Judge(string name, string text, bool inForce)
    {
        var judged = _joint.Judge(name, text);
        if (judged.Errors.Count > 0)
        {
            throw new ProblemException(new Problem("policy_invalid", 422, $"This is no policy: {judged.Errors[0]}") { Field = "text" });
        }

        return judged.Failures.Count == 0 || !inForce ? judged.Hash : throw new ProblemException(new Problem(
            "policy_tests_fail", 422, $"A policy that fails its own tests is not put in force: {judged.Failures[0]}") { Field = "text" });
    }

    private static async Task<(long Number, string? Text)> NewestAsync(GovernanceWrite write, string name, CancellationToken ct) =>
        (await write.Sql.QueryAsync(
            $"SELECT number, text FROM governance_guard_policy WHERE name = {name} ORDER BY number DESC LIMIT 1",
            row => (row.Long(0), (string?)row.Text(1)), ct)).FirstOrDefault();

    private static async Task RefuseTooManyAsync(GovernanceWrite write, CancellationToken ct)
    {
        var count = (await write.Sql.QueryAsync($"SELECT COUNT(DISTINCT name) FROM governance_guard_policy", row => row.Long(0), ct))[0];
        if (count >= MaxPolicies)
        {
            throw new ProblemException(new Problem("too_many_policies", 409, $"There are {MaxPolicies} kept policies already."));
        }
    }

    private static async Task PutAsync(GovernanceWrite write, Person who, string name, long number, string? reason, CancellationToken ct)
    {
        var before = await write.Sql.QueryAsync(
            $"SELECT number FROM governance_guard_policy_force WHERE name = {name}", row => row.Long(0), ct);
        await write.Sql.ExecuteAsync($"""
            INSERT INTO governance_guard_policy_force (name, number, person, changed_at)
            VALUES ({name}, {number}, {who.Email}, {write.At})
            ON CONFLICT (name) DO UPDATE SET number = excluded.number, person = excluded.person, changed_at = excluded.changed_at
            """, ct);
        await write.AuditAsync(
            who, "guard_policy.in_force", null, name, null,
            Words.WithReason($"revision {(before is [var was] ? $"{was} -> " : "")}{number}", reason), ct);
    }

    private static async Task<PolicyRevision> ReadAsync(GovernanceWrite write, string name, long number, CancellationToken ct) =>
        (await write.Sql.QueryAsync(
            $"""
            SELECT p.hash, p.text, p.note, p.person, p.made_at, f.number
            FROM governance_guard_policy p LEFT JOIN governance_guard_policy_force f ON f.name = p.name
            WHERE p.name = {name} AND p.number = {number}
            """,
            row => new PolicyRevision(
                name, number, row.Text(0), row.Text(1), row.Text(2), row.Text(3), row.Instant(4), row.LongOrNull(5) == number),
            ct))[0];

    private static string Shown(string name) => name.Length <= Words.MaxNameChars + 20 ? name : "…";
}
