using Gatehouse.Contracts;
using Gatehouse.Api;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Console.Frame;

/// <summary>One visit of a page: who reads, when, and from which address. Scoped to the request.</summary>
internal sealed class Visit(IHttpContextAccessor accessor, PublicEdge edge, TimeProvider clock)
{
    private Person? _who;

    public HttpContext Http => accessor.HttpContext ?? throw new InvalidOperationException("A page is rendered outside of a request.");

    /// <exception cref="ProblemException">Nobody is signed in.</exception>
    public Person Who => _who ??= ApiPerson.Require(Http);

    public DateTimeOffset Now { get; } = clock.GetUtcNow();

    public CancellationToken Ct => Http.RequestAborted;

    /// <summary>Where people reach Gatehouse: links and commands shown to them start with it. Has no <c>/</c> at its end.</summary>
    public string Address => edge.Url?.ToString().TrimEnd('/') ?? $"{Http.Request.Scheme}://{Http.Request.Host}";

    public string PathAndQuery => Http.Request.Path + Http.Request.QueryString;

    public TimeRange Range => Scope.Range;

    public Scope Scope => Scope.Of(Http.Request.Query, Now);

    /// <summary>Whether the page refreshes itself; part of the address.</summary>
    public bool Live => Http.Request.Query["live"] == "on";

    /// <returns><c>light</c>, <c>dark</c>, or <see langword="null"/> to follow the system.</returns>
    public string? Theme => Http.Request.Cookies[Themes.Cookie] is { } theme && Themes.All.Contains(theme) ? theme : null;

    /// <summary>This page's address with some parameters changed; <see langword="null"/> removes one.</summary>
    public string With(params (string Name, string? Value)[] changes)
    {
        var query = QueryText.Parse(Http.Request.QueryString.Value);
        foreach (var (name, value) in changes)
        {
            query.Set(name, value);
        }

        return Http.Request.Path + query.ToString();
    }
}
