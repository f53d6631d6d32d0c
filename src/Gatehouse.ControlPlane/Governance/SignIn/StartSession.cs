using System.Text.Json.Serialization;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Governance;

/// <summary>POST /api/session — signs in with a password.</summary>
internal static class StartSession
{
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
    internal sealed record Request(string Email, string Password)
    {
        public override string ToString() => nameof(Request);
    }

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/session", HandleAsync).AllowAnonymous().WithTags("session");

    /// <summary>Signs in with a password and sets the session cookie. Guessing is slowed down per account and per address.</summary>
    internal static async Task<Ok<Person>> HandleAsync(
        Request request, HttpContext http, SignIn signIn, TimeProvider clock, CancellationToken ct)
    {
        var result = await signIn.TryPasswordAsync(request.Email, request.Password, http.Connection.RemoteIpAddress, ct);
        if (result.LockedUntil is { } until)
        {
            var seconds = Math.Max(1, (int)Math.Ceiling((until - clock.GetUtcNow()).TotalSeconds));
            http.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
            throw new ProblemException(new Problem("locked", 429, $"There were too many failed sign-ins; try again in {seconds} s."));
        }

        if (result.Person is not { } person)
        {
            throw new ProblemException(new Problem("sign_in_refused", 401, "The e-mail address or the password is wrong."));
        }

        await signIn.StartSessionAsync(http, person, ct);
        return TypedResults.Ok(person);
    }
}
