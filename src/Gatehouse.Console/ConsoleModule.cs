using Gatehouse.Console.Calls;
using Gatehouse.Console.Entrance;
using Gatehouse.Console.Frame;
using Gatehouse.Governance;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Constraints;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Console;

/// <summary>The console: pages rendered on the server for people. Everything it registers and maps: read this file first.</summary>
public static class ConsoleModule
{
    /// <summary>Needs Governance, Observability and Configuration beside it, with authentication and authorization.</summary>
    public static IServiceCollection AddConsole(this IServiceCollection services)
    {
        services.AddAuthorization();
        services.AddHttpContextAccessor();
        // a slim host lacks it
        services.Configure<RouteOptions>(options => options.SetParameterPolicy<RegexInlineRouteConstraint>("regex"));
        services.AddRazorComponents();
        services.AddAntiforgery(options =>
        {
            options.Cookie.Name = "gatehouse_form";
            options.Cookie.SameSite = SameSiteMode.Strict;
            options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            options.SuppressXFrameOptionsHeader = true; // the policy's frame-ancestors says it
        });

        services.AddSingleton<Assets>();
        services.AddScoped<Visit>();
        return services;
    }

    /// <summary>Pages while nothing of what they show can be had, nor who is signed in. After routing and before authentication.</summary>
    public static IApplicationBuilder UseAwayPage(this IApplicationBuilder app) => app.Use(ProblemPages.ShowAwayAsync);

    /// <summary>
    /// Headers of the answers, and forms that only the console's own pages can send. After authentication and authorization.
    /// </summary>
    public static IApplicationBuilder UseConsole(this IApplicationBuilder app)
    {
        app.Use(SecurityHeaders.ApplyAsync);
        app.Use(ProblemPages.ShowAsync);
        app.UseAntiforgery();
        return app;
    }

    /// <summary>Pages, fragments and assets. All but the entrance and the assets need a signed-in person.</summary>
    public static void MapConsole(this IEndpointRouteBuilder app)
    {
        Assets.Map(app);
        Themes.Map(app);
        SignOut.Map(app);

        var signedIn = new AuthorizationPolicyBuilder(SignIn.CookieScheme).RequireAuthenticatedUser().Build();
        var fragments = app.MapGroup("").RequireAuthorization(signedIn).WithMetadata(new ProblemPages.Fragment()).ExcludeFromDescription();
        CallTail.Map(fragments);
        PaletteSearch.Map(fragments);
        app.MapRazorComponents<App>().RequireAuthorization(signedIn).Add(AnswerHead);
    }

    /// <summary>Monitors ask for the headers of a page alone; the server leaves the body out.</summary>
    private static void AnswerHead(EndpointBuilder page)
    {
        foreach (var methods in page.Metadata.OfType<HttpMethodMetadata>().ToList())
        {
            page.Metadata.Remove(methods);
            page.Metadata.Add(new HttpMethodMetadata([.. methods.HttpMethods, HttpMethods.Head]));
        }
    }
}
