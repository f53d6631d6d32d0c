using Gatehouse.Contracts;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Api;

/// <summary>The signed-in person of a request to the API: authentication sets it, every module's endpoints read it here.</summary>
public static class ApiPerson
{
    private static readonly object LastingKey = new();

    /// <param name="lasting">What <see cref="Lasting"/> gives; without it, the person stays as they are.</param>
    public static void Set(HttpContext http, Person person, Func<Person?>? lasting = null)
    {
        http.Items[typeof(Person)] = person;
        http.Items[LastingKey] = lasting ?? (() => person);
    }

    /// <summary>For answers that go on for minutes: asks again who calls.</summary>
    /// <returns>Gives the person as they are at that moment, or <see langword="null"/> once their sign-in is revoked.</returns>
    public static Func<Person?> Lasting(HttpContext http) => http.Items[LastingKey] as Func<Person?> ?? (static () => null);

    public static Person? Find(HttpContext http) => http.Items.TryGetValue(typeof(Person), out var person) ? person as Person : null;

    /// <exception cref="ProblemException">Nobody is signed in: 401.</exception>
    public static Person Require(HttpContext http) =>
        Find(http) ?? throw new ProblemException(
            Problem.Unauthenticated("Sign in, or send an access token as 'Authorization: Bearer ght_…'."));
}
