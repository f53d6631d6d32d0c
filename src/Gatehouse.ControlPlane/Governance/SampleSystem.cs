using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>
/// What makes a fresh installation answer at once: a token for this machine's command line, and a sample team and system with a
/// development key, each in a file that only this user may read; and the link by which the first administrator signs in.
/// </summary>
public sealed class SampleSystem
{
    public const string KeyFile = "sample-key";
    public const string TokenFile = "cli-token";

    private const string LocalEmail = "command-line@localhost";

    private readonly Database _db;
    private readonly Secrets _secrets;
    private readonly GovernanceWrites _writes;
    private readonly string _dataDirectory;

    internal SampleSystem(Database db, Secrets secrets, GovernanceWrites writes, string dataDirectory)
    {
        _db = db;
        _secrets = secrets;
        _writes = writes;
        _dataDirectory = dataDirectory;
    }

    /// <summary>Makes what is missing, all in one write: a start waits for it. A key that someone revoked stays revoked.</summary>
    /// <param name="sample">Whether the sample is wanted too, or the command line's token alone.</param>
    /// <returns>Path of a one-time link for the first administrator; <see langword="null"/> once there is one who can sign in.</returns>
    public async Task<string?> EnsureAsync(bool sample, CancellationToken ct)
    {
        var hasToken = await HasTokenAsync(ct);
        var hasKey = !sample || await HasKeyAsync(ct);
        if (hasToken && hasKey && await People.HasAdministratorAsync(_db, ct))
        {
            return null;
        }

        var made = await _writes.RunAsync(
            async write =>
            {
                // Another node may have begun in the same moment: in a write it has made all, or nothing yet.
                var who = await PersonRows.ReadAsync(write.Sql, $"WHERE p.email = {LocalEmail}", ct) is [var known]
                    ? known.Person
                    : await AddPersonAsync(write, ct);
                var token = hasToken ? null : await AccessTokens.AddAsync(write, _secrets, who, "command line", null, ct);
                var key = hasKey
                    ? null
                    : await Keys.AddAsync(
                        write, _secrets, who, await EnsureSystemAsync(write, who, ct),
                        new NewKey(SystemEnvironment.Development, "sample", null), ct);
                return new Made(token?.Secret, key?.Secret, await SignIn.AddFirstRunLinkAsync(write, _secrets, ct));
            },
            ct);
        Keep(TokenFile, made.Token);
        Keep(KeyFile, made.Key);
        return made.Link;
    }

    private async Task<bool> HasTokenAsync(CancellationToken ct) =>
        await OwnerFile.ReadAsync(PathOf(TokenFile), ct) is { } token
            && (await _db.QueryAsync(
                $"SELECT id FROM governance_token WHERE hash = {_secrets.HashOfToken(token).ToBytes()}", row => row.Id(0), ct)).Count > 0;

    private async Task<bool> HasKeyAsync(CancellationToken ct) =>
        await OwnerFile.ReadAsync(PathOf(KeyFile), ct) is { } key
            && (await _db.QueryAsync(
                $"SELECT id FROM governance_key WHERE hash = {_secrets.HashOfKey(key).ToBytes()}", row => row.Id(0), ct)).Count > 0;

    private static async Task<Person> AddPersonAsync(GovernanceWrite write, CancellationToken ct)
    {
        var person = new Person(
            Guid.CreateVersion7(write.At), LocalEmail, "Command line of this machine", [new Membership(null, Role.Admin)]);
        await People.AddAsync(write, person, local: true, passwordHash: null, ct);
        return person;
    }

    private static async Task<AiSystem> EnsureSystemAsync(GovernanceWrite write, Person person, CancellationToken ct)
    {
        if (await SystemRows.ReadAsync(write.Sql, $"WHERE t.name = {"sample"} AND s.name = {"hello"}", ct) is [var system])
        {
            return system;
        }

        var teams = await write.Sql.QueryAsync(
            $"SELECT id, name, created_at FROM governance_team WHERE name = {"sample"}",
            row => new Team(row.Id(0), row.Text(1), row.Instant(2)),
            ct);
        var team = teams is [var known] ? known : await Teams.AddAsync(write, person, "sample", ct);
        return await Systems.AddAsync(
            write,
            person,
            team,
            new NewSystem(team.Name, "hello", "Shows a first call through Gatehouse; safe to play with.", "you", SystemStage.Building),
            ct);
    }

    private void Keep(string file, string? secret)
    {
        if (secret is not null)
        {
            OwnerFile.Replace(PathOf(file), secret);
        }
    }

    private string PathOf(string file) => Path.Combine(_dataDirectory, file);

    private sealed record Made(string? Token, string? Key, string? Link);
}
