using System.Text.Encodings.Web;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Gatehouse.Governance;

/// <summary>Signs in by an access token, from the published tables: no database is asked.</summary>
internal sealed class TokenHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    Snapshot<GovernanceTables> tables,
    Secrets secrets,
    TimeProvider clock)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "gatehouse_token";

    private const string Bearer = "Bearer ";
    private const int MaxTokenChars = 128;

    /// <returns>The token of the <c>Authorization</c> header, or <see langword="null"/> when there is none.</returns>
    public static string? Presented(HttpRequest request) =>
        request.Headers.Authorization.ToString() is { } header && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? header[Bearer.Length..].Trim()
            : null;

    /// <returns>Whose token it is, or <see langword="null"/> when it is unknown, revoked or expired.</returns>
    public static KnownPerson? Find(GovernanceTables tables, KeyHash hash, DateTimeOffset now) =>
        tables.Tokens.TryGetValue(hash, out var token) && !(token.ExpiresAt <= now)
            ? tables.People.GetValueOrDefault(token.PersonId)
            : null;

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Presented(Request) is not { Length: > 0 and <= MaxTokenChars } token)
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        return Task.FromResult(
            Find(tables.Current, secrets.HashOfToken(token), clock.GetUtcNow()) is { } person
                ? AuthenticateResult.Success(new AuthenticationTicket(PersonClaims.From(person.Person, person.Stamp), SchemeName))
                : AuthenticateResult.Fail("The access token is unknown, revoked or expired."));
    }
}
