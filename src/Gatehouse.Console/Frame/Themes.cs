using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Gatehouse.Console.Frame;

/// <summary>POST /preferences/theme — light, dark, or as the system says; kept in a cookie of this browser.</summary>
internal static class Themes
{
    public const string Cookie = "gatehouse_theme";

    public static readonly IReadOnlyList<string> All = ["light", "dark"];

    public static void Map(IEndpointRouteBuilder app) =>
        app.MapPost("/preferences/theme", Choose).AllowAnonymous().ExcludeFromDescription();

    private static IResult Choose([FromForm] string theme, [FromForm(Name = "return")] string? back, HttpContext http)
    {
        if (All.Contains(theme))
        {
            http.Response.Cookies.Append(Cookie, theme, new CookieOptions
            {
                HttpOnly = true,
                SameSite = SameSiteMode.Lax,
                Secure = http.Request.IsHttps,
                IsEssential = true,
                MaxAge = TimeSpan.FromDays(365),
            });
        }
        else
        {
            http.Response.Cookies.Delete(Cookie);
        }

        return Results.LocalRedirect(LocalPath.Of(back));
    }
}
