using System.Net;
using System.Net.Http.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>A person's session without a browser.</summary>
internal static class Browser
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Makes the first administrator by the link that the node printed.</summary>
    /// <returns>The cookie of the session.</returns>
    public static async Task<string> SignInAsync(GatehouseProcess node)
    {
        var link = node.Output.Split('\n').First(l => l.Contains("/welcome/", StringComparison.Ordinal)).Trim();
        using var http = new HttpClient(new HttpClientHandler { UseCookies = false }) { BaseAddress = node.Url };
        using var accepted = await http.PostAsJsonAsync(
            "api/session/welcome",
            new { token = link[(link.LastIndexOf('/') + 1)..], name = "First", email = "first@example.com",
                password = "correct horse battery" }, Ct);
        Assert.Equal(HttpStatusCode.OK, accepted.StatusCode);
        return accepted.Headers.GetValues("Set-Cookie").First().Split(';')[0];
    }

    /// <summary>A client that presents the session and follows no redirection.</summary>
    public static HttpClient Open(GatehouseProcess node, string cookie)
    {
        var http = new HttpClient(new HttpClientHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = node.Url };
        http.DefaultRequestHeaders.Add("Cookie", cookie);
        return http;
    }
}
