using Gatehouse.Contracts;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Api;

/// <summary>The signed-in person of a request to the API: authentication sets it, every module's endpoints read it here.</summary>
public static class ApiPerson
{
    public static void Set(HttpContext http, Person person) => http.Items[typeof(Person)] = person;

    public static Person? Find(HttpContext http) => http.Items.TryGetValue(typeof(Person), out var person) ? person as Person : null;

    /// <exception cref="ProblemException">Nobody is signed in: 401.</exception>
    public static Person Require(HttpContext http) =>
        Find(http) ?? throw new ProblemException(Problem.Unauthenticated("Sign in, or send an access token as 'Authorization: Bearer ght_…'."));
}
