using Gatehouse.Contracts;
using Gatehouse.Storage;

namespace Gatehouse.Governance;

/// <summary>
/// What makes a fresh installation answer at once: a token for this machine's command line, and a sample team and system with a
/// development key, each in a file that only this user may read.
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

    /// <summary>Makes what is missing. A key that someone revoked stays revoked.</summary>
    /// <param name="sample">Whether the sample is wanted too, or the command line's token alone.</param>
    public async Task EnsureAsync(bool sample, CancellationToken ct)
    {
        var person = await EnsurePersonAsync(ct);
        await EnsureTokenAsync(person, ct);
        if (sample)
        {
            await EnsureKeyAsync(person, await EnsureSystemAsync(person, ct), ct);
        }
    }

    private async Task<Person> EnsurePersonAsync(CancellationToken ct)
    {
        if (await PersonRows.ReadAsync(_db, $"WHERE p.email = {LocalEmail}", ct) is [var row])
        {
            return row.Person;
        }

        return await _writes.RunAsync(
            async write =>
            {
                var person = new Person(
                    Guid.CreateVersion7(write.At), LocalEmail, "Command line of this machine", [new Membership(null, Role.Admin)]);
                await People.AddAsync(write, person, local: true, passwordHash: null, ct);
                return person;
            },
            ct);
    }

    private async Task EnsureTokenAsync(Person person, CancellationToken ct)
    {
        var path = Path.Combine(_dataDirectory, TokenFile);
        if (await OwnerFile.ReadAsync(path, ct) is { } token
            && (await _db.QueryAsync(
                $"SELECT id FROM governance_token WHERE hash = {_secrets.HashOfToken(token).ToBytes()}", row => row.Id(0), ct)).Count > 0)
        {
            return;
        }

        var created = await _writes.RunAsync(write => AccessTokens.AddAsync(write, _secrets, person, "command line", null, ct), ct);
        OwnerFile.Replace(path, created.Secret);
    }

    private async Task<AiSystem> EnsureSystemAsync(Person person, CancellationToken ct)
    {
        if (await SystemRows.ReadAsync(_db, $"WHERE t.name = {"sample"} AND s.name = {"hello"}", ct) is [var system])
        {
            return system;
        }

        return await _writes.RunAsync(
            async write =>
            {
                var teams = await write.Sql.QueryAsync(
                    $"SELECT id, name, created_at FROM governance_team WHERE name = {"sample"}",
                    row => new Team(row.Id(0), row.Text(1), row.Instant(2)),
                    ct);
                var team = teams is [var known] ? known : await Teams.AddAsync(write, person, "sample", ct);
                return await Systems.AddAsync(
                    write,
                    person,
                    team,
                    new NewSystem(
                        team.Name, "hello", "Shows a first call through Gatehouse; safe to play with.", "you", SystemStage.Building),
                    ct);
            },
            ct);
    }

    private async Task EnsureKeyAsync(Person person, AiSystem system, CancellationToken ct)
    {
        var path = Path.Combine(_dataDirectory, KeyFile);
        if (await OwnerFile.ReadAsync(path, ct) is { } key
            && (await _db.QueryAsync(
                $"SELECT id FROM governance_key WHERE hash = {_secrets.HashOfKey(key).ToBytes()}", row => row.Id(0), ct)).Count > 0)
        {
            return;
        }

        var created = await _writes.RunAsync(
            write => Keys.AddAsync(write, _secrets, person, system, new NewKey(SystemEnvironment.Development, "sample", null), ct), ct);
        OwnerFile.Replace(path, created.Secret);
    }
}
