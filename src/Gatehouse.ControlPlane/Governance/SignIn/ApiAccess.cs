using System.Security.Claims;
using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Governance;

/// <summary>
/// Who calls, for every request; and under <c>/api</c>: nobody without sign-in, and no change in a browser's session that another site
/// could have sent. An access token is no browser's, so it needs no such proof.
/// </summary>
internal sealed class ApiAccess(
    RequestDelegate next, IAntiforgery antiforgery, Snapshot<GovernanceTables> tables, Secrets secrets, TimeProvider clock)
{
    /// <summary>Carries the token that <c>GET /api/session</c> gives.</summary>
    public const string TokenHeader = "x-csrf-token";

    public async Task InvokeAsync(HttpContext http)
    {
        var person = PersonClaims.Find(http.User, tables.Current);
        if (person is not null)
        {
            ApiPerson.Set(http, person, Lasting(http.User, TokenHandler.Presented(http.Request)));
        }

        if (http.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase) && http.GetEndpoint() is { } endpoint)
        {
            await CheckAsync(http, person, anonymous: endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null);
        }

        await next(http);
    }

    private Func<Person?> Lasting(ClaimsPrincipal user, string? token)
    {
        if (token is null)
        {
            return () => PersonClaims.Find(user, tables.Current);
        }

        var hash = secrets.HashOfToken(token);
        return () => TokenHandler.Find(tables.Current, hash, clock.GetUtcNow())?.Person;
    }

    private async Task CheckAsync(HttpContext http, Person? person, bool anonymous)
    {
        if (person is null && !anonymous)
        {
            ApiPerson.Require(http);
        }

        var reads = HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method)
            || HttpMethods.IsOptions(http.Request.Method);
        if (reads || TokenHandler.Presented(http.Request) is not null)
        {
            return;
        }

        if (IsForeign(http.Request))
        {
            throw new ProblemException(Problem.Forbidden("This request was sent by a page of another site."));
        }

        if (person is not null && !await antiforgery.IsRequestValidAsync(http))
        {
            throw new ProblemException(new Problem(
                "csrf_token_missing", 403,
                $"A change in a browser's session needs the header '{TokenHeader}' with the token of GET /api/session."));
        }
    }

    /// <summary>By what browsers add and pages cannot change. Programs add neither header.</summary>
    private static bool IsForeign(HttpRequest request)
    {
        if (request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } site)
        {
            return site != "same-origin";
        }

        return request.Headers.Origin.ToString() is { Length: > 0 } origin
            && !(Uri.TryCreate(origin, UriKind.Absolute, out var uri)
                && string.Equals(uri.IsDefaultPort ? uri.Host : uri.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase));
    }
}
