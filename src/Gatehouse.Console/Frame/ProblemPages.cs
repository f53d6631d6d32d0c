using Gatehouse.Api;
using Gatehouse.Contracts;
using Microsoft.AspNetCore.Components.Endpoints;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Console.Frame;

/// <summary>
/// Turns a problem of a page into a page that says what it is and where to go, and that of a fragment into a paragraph that says so.
/// </summary>
internal static class ProblemPages
{
    /// <summary>On endpoints that answer with a part of a page.</summary>
    internal sealed record Fragment;

    /// <summary>On endpoints of forms that answer with the address of a page.</summary>
    internal sealed record Form;

    public static async Task ShowAsync(HttpContext http, RequestDelegate next)
    {
        if (!IsShown(http))
        {
            await next(http);
            return;
        }

        try
        {
            await next(http);
        }
        catch (ProblemException e) when (!http.Response.HasStarted)
        {
            await RenderAsync(http, e.Problem);
        }
        catch (Exception e) when (AwayDatabase.IsMeant(e) && !http.Response.HasStarted)
        {
            await RenderAsync(http, http.RequestServices.GetRequiredService<AwayDatabase>().ProblemOf(e));
        }
    }

    public static Task ShowAwayAsync(HttpContext http, RequestDelegate next)
    {
        var away = http.RequestServices.GetRequiredService<AwayDatabase>();
        return away.IsHeldBack && IsShown(http)
            ? SecurityHeaders.ApplyAsync(http, h => RenderAsync(h, away.Problem))
            : next(http);
    }

    private static bool IsShown(HttpContext http) => http.GetEndpoint()?.Metadata is { } about
        && (about.GetMetadata<ComponentTypeMetadata>() is not null || about.GetMetadata<Form>() is not null || IsFragment(http));

    private static bool IsFragment(HttpContext http) => http.GetEndpoint()?.Metadata.GetMetadata<Fragment>() is not null;

    private static Task RenderAsync(HttpContext http, Problem problem)
    {
        if (problem.Status == StatusCodes.Status503ServiceUnavailable)
        {
            http.Response.Headers.RetryAfter = AwayDatabase.RetryAfter;
        }

        return RenderAsync(http, new RazorComponentResult(
            IsFragment(http) ? typeof(ProblemNote) : typeof(ProblemPage),
            new Dictionary<string, object?> { [nameof(ProblemPage.Problem)] = problem })
        {
            StatusCode = problem.Status,
        });
    }

    private static async Task RenderAsync(HttpContext http, RazorComponentResult page)
    {
        // A scope renders once and adds its header without looking: the page that failed has used up both.
        http.Response.Headers.Remove("blazor-enhanced-nav");
        var request = http.RequestServices;
        await using var scope = request.CreateAsyncScope();
        http.RequestServices = scope.ServiceProvider;
        try
        {
            await page.ExecuteAsync(http);
        }
        finally
        {
            http.RequestServices = request;
        }
    }
}
