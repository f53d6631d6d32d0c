using System.Globalization;
using System.Net;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Gatehouse.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Governance;

/// <summary>How a sign-in ended: a person, or refused, or refused unseen until a time.</summary>
/// <param name="Person"><see langword="null"/> when it was refused.</param>
/// <param name="LockedUntil">Set when there were too many failures: no password is looked at before.</param>
public sealed record SignInResult(Person? Person, DateTimeOffset? LockedUntil)
{
    public static readonly SignInResult Refused = new(null, null);
}

/// <summary>What a one-time link is for.</summary>
/// <param name="FirstAdministrator">Whether it makes the first administrator, who gives a name and an e-mail address.</param>
/// <param name="Email">Whose invitation it is; <see langword="null"/> for the first administrator's.</param>
public sealed record WelcomeLink(bool FirstAdministrator, string? Email, string? Name);

/// <summary>Local accounts: the first administrator, invitations, passwords, and the session of a browser.</summary>
public sealed class SignIn
{
    /// <summary>The scheme and the name of the session cookie.</summary>
    public const string CookieScheme = "gatehouse";

    private const int MaxNameChars = 200;

    /// <summary>Passwords looked at or waiting to be; more are turned away.</summary>
    private const int MaxAttemptsAtOnce = 32;

    /// <summary>A session ends after this time however much it is used.</summary>
    private static readonly TimeSpan SessionLife = TimeSpan.FromDays(7);

    /// <summary>When a session began, among the properties of its cookie.</summary>
    private const string BegunProperty = "gatehouse_begun";

    private readonly Database _db;
    private readonly Secrets _secrets;
    private readonly Passwords _passwords;
    private readonly SignInAttempts _attempts;
    private readonly GovernanceWrites _writes;
    private readonly TimeProvider _clock;
    private int _attemptsNow;

    internal SignIn(
        Database db, Secrets secrets, Passwords passwords, SignInAttempts attempts, GovernanceWrites writes, TimeProvider clock)
    {
        _db = db;
        _secrets = secrets;
        _passwords = passwords;
        _attempts = attempts;
        _writes = writes;
        _clock = clock;
    }

    /// <summary>Makes a one-time link for the first administrator.</summary>
    /// <returns>Its path, or <see langword="null"/> once there is an administrator who can sign in.</returns>
    public Task<string?> FirstRunLinkAsync(CancellationToken ct) =>
        _writes.RunAsync(write => AddFirstRunLinkAsync(write, _secrets, ct), ct);

    /// <inheritdoc cref="FirstRunLinkAsync"/>
    internal static async Task<string?> AddFirstRunLinkAsync(GovernanceWrite write, Secrets secrets, CancellationToken ct)
    {
        if (await People.HasAdministratorAsync(write.Sql, ct))
        {
            return null;
        }

        var link = secrets.Link();
        await OneTimeLinks.AddAsync(write, link, null, ct);
        return OneTimeLinks.Path(link);
    }

    /// <summary>Says what a link is for without using it up.</summary>
    /// <returns><see langword="null"/> when it is unknown, used or too old.</returns>
    public async Task<WelcomeLink?> FindLinkAsync(string token, CancellationToken ct)
    {
        if (await OneTimeLinks.FindAsync(_db, _secrets.HashOfLink(token).ToBytes(), _clock.Now(), ct) is not { } link)
        {
            return null;
        }

        if (link.PersonId is not { } personId)
        {
            // Each node prints links of its own: the first of them that is used ends them all.
            return await HasAdministratorAsync(ct) ? null : new WelcomeLink(true, null, null);
        }

        var invited = (await PersonRows.ReadAsync(_db, $"WHERE p.id = {personId}", ct))[0].Person;
        return new WelcomeLink(false, invited.Email, invited.Name);
    }

    /// <summary>Whether there is an administrator who can sign in.</summary>
    public Task<bool> HasAdministratorAsync(CancellationToken ct) => People.HasAdministratorAsync(_db, ct);

    /// <summary>Sets the password of an invited person, or makes the first administrator.</summary>
    /// <param name="name">Needed for the first administrator; an invited person may correct theirs.</param>
    /// <param name="email">Needed for the first administrator; ignored for an invited person.</param>
    /// <exception cref="ProblemException">The link is unknown, used or too old, or a field is wrong. A wrong field leaves the link
    /// usable.</exception>
    public async Task<Person> AcceptLinkAsync(string token, string? name, string? email, string password, CancellationToken ct)
    {
        var link = await FindLinkAsync(token, ct) ?? throw NoSuchLink();
        var address = link.Email ?? Words.Email(email);
        var called = Words.Text("name", name ?? link.Name, MaxNameChars);
        Passwords.Check(password, address);
        var hash = await _passwords.HashAsync(password, ct);
        return await _writes.RunOnAllAsync(
            async write =>
            {
                // Used up in the transaction that it opens the door to: of two who come together, one finds it gone.
                var taken = await OneTimeLinks.TakeAsync(write, _secrets.HashOfLink(token).ToBytes(), ct) ?? throw NoSuchLink();
                return taken.PersonId is { } personId
                    ? await AcceptInvitationAsync(write, personId, called, hash, ct)
                    : await AddFirstAdministratorAsync(write, address, called, hash, ct);
            },
            ct);
    }

    /// <param name="address">Where the attempt comes from; guesses are counted per account and per address.</param>
    /// <exception cref="ProblemException">429: too many sign in at this moment.</exception>
    public async Task<SignInResult> TryPasswordAsync(string email, string password, IPAddress? address, CancellationToken ct)
    {
        try
        {
            return Interlocked.Increment(ref _attemptsNow) <= MaxAttemptsAtOnce
                ? await LookAtPasswordAsync(email, password, address, ct)
                : throw new ProblemException(
                    new Problem("busy", 429, "Too many people sign in at this moment; try again in a few seconds."));
        }
        finally
        {
            Interlocked.Decrement(ref _attemptsNow);
        }
    }

    /// <summary>Gives the browser its session cookie.</summary>
    public async Task StartSessionAsync(HttpContext http, Person person, CancellationToken ct)
    {
        var row = (await PersonRows.ReadAsync(_db, $"WHERE p.id = {person.Id}", ct))[0];
        var properties = new AuthenticationProperties();
        properties.SetString(BegunProperty, _clock.GetUtcNow().ToString("O", CultureInfo.InvariantCulture));
        await _db.ExecuteAsync($"UPDATE governance_person SET last_seen_at = {_clock.Now()} WHERE id = {person.Id}", ct);
        await http.SignInAsync(CookieScheme, PersonClaims.From(row.Person, row.Stamp), properties);
    }

    /// <summary>Takes the session cookie away, and ends every session of the person: a copy of the cookie is worth nothing.</summary>
    public async Task EndSessionAsync(HttpContext http, CancellationToken ct)
    {
        if (ApiPerson.Find(http) is { } person)
        {
            await _writes.RunOnAllAsync(
                write => write.Sql.ExecuteAsync($"UPDATE governance_person SET stamp = {Stamps.New()} WHERE id = {person.Id}", ct), ct);
        }

        await http.SignOutAsync(CookieScheme);
    }

    internal static bool IsOver(AuthenticationProperties session, DateTimeOffset now) =>
        !DateTimeOffset.TryParseExact(
            session.GetString(BegunProperty), "O", CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var begun)
        || now - begun >= SessionLife;

    private async Task<SignInResult> LookAtPasswordAsync(string email, string password, IPAddress? address, CancellationToken ct)
    {
        if (await _attempts.BeginAsync(email, address, ct) is { } lockedUntil)
        {
            return new SignInResult(null, lockedUntil);
        }

        var normal = email.Trim().ToLowerInvariant();
        var row = (await PersonRows.ReadAsync(_db, $"WHERE p.email = {normal}", ct)).SingleOrDefault();
        if (!await _passwords.VerifyAsync(row?.PasswordHash, password, ct))
        {
            return SignInResult.Refused;
        }

        await _attempts.SucceedAsync(email, address, ct);
        return new SignInResult(row!.Person, null);
    }

    private static ProblemException NoSuchLink() => new(new Problem(
        "link_not_valid", 410,
        "This link was used already, is too old, or was never made; sign in, or ask an administrator for a new one (until the first account exists, Gatehouse prints one at each start)."));

    private static async Task<Person> AcceptInvitationAsync(
        GovernanceWrite write, Guid personId, string name, string hash, CancellationToken ct)
    {
        await write.Sql.ExecuteAsync($"""
            UPDATE governance_person SET name = {name}, password_hash = {hash}, stamp = {Stamps.New()} WHERE id = {personId}
            """, ct);
        var person = (await PersonRows.ReadAsync(write.Sql, $"WHERE p.id = {personId}", ct))[0].Person;
        await write.AuditAsync(person, "person.accept", null, person.Email, person.Id, "", ct);
        return person;
    }

    private static async Task<Person> AddFirstAdministratorAsync(
        GovernanceWrite write, string email, string name, string hash, CancellationToken ct)
    {
        if (await People.HasAdministratorAsync(write.Sql, ct))
        {
            throw NoSuchLink();
        }

        var person = new Person(Guid.CreateVersion7(write.At), email, name, [new Membership(null, Role.Admin)]);
        await People.AddAsync(write, person, local: false, hash, ct);
        await write.AuditAsync(person, "person.first_administrator", null, person.Email, person.Id, "", ct);
        return person;
    }
}
