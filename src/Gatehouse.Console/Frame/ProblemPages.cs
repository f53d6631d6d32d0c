using Gatehouse.Contracts;
using Microsoft.AspNetCore.Components.Endpoints;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Console.Frame;

/// <summary>Turns a problem of a page into a page that says what it is and where to go.</summary>
internal static class ProblemPages
{
    public static async Task ShowAsync(HttpContext http, RequestDelegate next)
    {
        if (http.GetEndpoint()?.Metadata.GetMetadata<ComponentTypeMetadata>() is null)
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
            var page = new RazorComponentResult<ProblemPage>(new Dictionary<string, object?> { [nameof(ProblemPage.Problem)] = e.Problem })
            {
                StatusCode = e.Problem.Status,
            };
            await RenderAsync(http, page);
        }
    }

    private static async Task RenderAsync(HttpContext http, RazorComponentResult<ProblemPage> page)
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
