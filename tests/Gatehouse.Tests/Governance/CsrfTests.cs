using System.Net;
using System.Net.Http.Json;
using Gatehouse.Contracts;
using Gatehouse.Tests.Host;

namespace Gatehouse.Tests.Governance;

/// <summary>No other site can make changes in a browser's session.</summary>
public sealed class CsrfTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_change_in_a_session_needs_the_token_of_that_session()
    {
        await using var app = await TestApp.StartAsync();
        using var browser = await app.SignInFirstAsync();

        var without = await CreateTeamAsync(browser.Http, "red").ProblemAsync(HttpStatusCode.Forbidden);
        await browser.TakeTokenAsync();
        await CreateTeamAsync(browser.Http, "red").JsonAsync(HttpStatusCode.Created);
        browser.Http.DefaultRequestHeaders.Remove("x-csrf-token");
        browser.Http.DefaultRequestHeaders.Add("x-csrf-token", await app.Open().TakeTokenAsync());
        var foreign = await CreateTeamAsync(browser.Http, "blue").ProblemAsync(HttpStatusCode.Forbidden);

        Assert.Equal(("csrf_token_missing", "csrf_token_missing"), (without, foreign));
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site", false)]
    [InlineData("Sec-Fetch-Site", "same-site", false)]
    [InlineData("Sec-Fetch-Site", "none", false)]
    [InlineData("Sec-Fetch-Site", "same-origin", true)]
    [InlineData("Origin", "https://evil.example", false)]
    [InlineData("Origin", "null", false)]
    [InlineData("Origin", "OWN", true)]
    public async Task A_change_that_another_site_sent_is_refused_whatever_it_carries(string header, string value, bool passes)
    {
        await using var app = await TestApp.StartAsync();
        using var browser = await app.SignInFirstAsync();
        await browser.TakeTokenAsync();
        browser.Http.DefaultRequestHeaders.Add(header, value == "OWN" ? app.Url.GetLeftPart(UriPartial.Authority) : value);

        var status = await CreateTeamAsync(browser.Http, "red").StatusAsync();

        Assert.Equal(passes ? HttpStatusCode.Created : HttpStatusCode.Forbidden, status);
    }

    [Fact]
    public async Task The_rules_of_the_api_hold_however_its_address_is_written()
    {
        await using var app = await TestApp.StartAsync();
        using var browser = await app.SignInFirstAsync();
        browser.Http.DefaultRequestHeaders.Add("Origin", "https://evil.example");

        var foreign = await browser.Http.PostAsync(
            new Uri("/API/teams", UriKind.Relative), new StringContent("""{"name":"red"}""", System.Text.Encoding.UTF8, "application/json"),
            TestContext.Current.CancellationToken);
        using var nobody = app.Open();
        var anonymous = await nobody.Http.GetAsync(new Uri("/API/config", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Unauthorized), (foreign.StatusCode, anonymous.StatusCode));
        Assert.Equal("application/problem+json", anonymous.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task Another_site_cannot_sign_a_browser_in()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        using var browser = app.Open();
        browser.Http.DefaultRequestHeaders.Add("Origin", "https://evil.example");

        Assert.Equal("forbidden", await browser.SignInAsync(TestApp.AdminEmail, TestApp.Password).ProblemAsync(HttpStatusCode.Forbidden));
        Assert.Empty(browser.Cookies);
    }

    [Fact]
    public async Task Another_site_cannot_send_a_form_in_place_of_json()
    {
        await using var app = await TestApp.StartAsync();
        using var browser = await app.SignInFirstAsync();
        await browser.TakeTokenAsync();

        using var form = new FormUrlEncodedContent([new("name", "red")]);
        using var text = new StringContent("{\"name\":\"red\"}", System.Text.Encoding.UTF8, "text/plain");

        Assert.Equal(
            "unsupported_media_type",
            await browser.Http.PostAsync("api/teams", form, Ct).ProblemAsync(HttpStatusCode.UnsupportedMediaType));
        Assert.Equal(
            "unsupported_media_type",
            await browser.Http.PostAsync("api/teams", text, Ct).ProblemAsync(HttpStatusCode.UnsupportedMediaType));
    }

    [Fact]
    public async Task A_token_of_a_program_needs_no_proof_and_a_made_up_one_is_no_way_around()
    {
        await using var app = await TestApp.StartAsync();
        using var browser = await app.SignInFirstAsync();
        var (_, token) = await app.AddPersonAsync("ann@example.org", null, Role.Admin);
        using var program = app.Program(token);

        await CreateTeamAsync(program, "red").JsonAsync(HttpStatusCode.Created);
        browser.Http.DefaultRequestHeaders.Authorization = new("Bearer", "made up");

        Assert.Equal("unauthenticated", await CreateTeamAsync(browser.Http, "blue").ProblemAsync(HttpStatusCode.Unauthorized));
    }

    private static Task<HttpResponseMessage> CreateTeamAsync(HttpClient http, string name) =>
        http.PostAsJsonAsync("api/teams", new { name }, Ct);
}
