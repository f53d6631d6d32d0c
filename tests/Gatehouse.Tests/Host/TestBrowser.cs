using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Gatehouse.Tests.Host;

/// <summary>Keeps cookies and, once asked to, sends the token that changes need, as the console's pages do.</summary>
internal sealed class TestBrowser : IDisposable
{
    private readonly HttpClientHandler _handler = new() { AllowAutoRedirect = false };

    public TestBrowser(Uri url) => Http = new HttpClient(_handler) { BaseAddress = url };

    public HttpClient Http { get; }

    public CookieCollection Cookies => _handler.CookieContainer.GetAllCookies();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public Task<HttpResponseMessage> SignInAsync(string email, string password) =>
        Http.PostAsJsonAsync("api/session", new { email, password }, Ct);

    /// <summary>Fetches the token of this session and sends it with each request from now on.</summary>
    public async Task<string> TakeTokenAsync()
    {
        var token = (await Http.GetFromJsonAsync<JsonElement>("api/session", Ct)).GetProperty("csrf_token").GetString()!;
        Http.DefaultRequestHeaders.Remove("x-csrf-token");
        Http.DefaultRequestHeaders.Add("x-csrf-token", token);
        return token;
    }

    public void Dispose() => Http.Dispose();
}
