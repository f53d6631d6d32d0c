using Gatehouse.Api;
using Microsoft.AspNetCore.HttpOverrides;

namespace Gatehouse.Hosting;

/// <summary>Undoes what proxies in front change about a request: the client's address and the scheme that its browser uses.</summary>
internal static class Proxies
{
    public static void UseProxies(this WebApplication app)
    {
        var edge = app.Services.GetRequiredService<PublicEdge>();
        if (edge.Proxies.Count > 0)
        {
            app.UseForwardedHeaders(Believing(edge.Proxies));
        }

        if (edge.IsHttps)
        {
            app.Use(SayHttps);
        }
    }

    private static ForwardedHeadersOptions Believing(IReadOnlyList<System.Net.IPNetwork> proxies)
    {
        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
            ForwardLimit = null, // as far as the trusted proxies reach, and no further
        };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var proxy in proxies)
        {
            options.KnownIPNetworks.Add(proxy);
        }

        return options;
    }

    /// <summary>So that every cookie is <c>Secure</c>, whether or not the proxy that ends TLS says that it did.</summary>
    private static Task SayHttps(HttpContext http, RequestDelegate next)
    {
        http.Request.Scheme = Uri.UriSchemeHttps;
        return next(http);
    }
}
