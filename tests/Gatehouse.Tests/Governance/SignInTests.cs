using System.Net;
using System.Net.Http.Json;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>The first administrator, invitations, passwords and sessions, over HTTP.</summary>
public sealed class SignInTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_first_link_makes_the_administrator_once_and_signs_in()
    {
        await using var app = await TestApp.StartAsync();
        var signIn = app.Services.GetRequiredService<SignIn>();
        var token = (await signIn.FirstRunLinkAsync(Ct))!.Split('/')[^1];
        var other = (await signIn.FirstRunLinkAsync(Ct))!.Split('/')[^1];
        using var browser = app.Open();

        var person = await WelcomeAsync(browser, token).JsonAsync(HttpStatusCode.OK);
        var me = await browser.Http.GetAsync("api/me", Ct).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(person.Id(), me.Id());
        Assert.Equal("admin", me.GetProperty("memberships")[0].Text("role"));
        var people = await browser.Http.GetAsync("api/people", Ct).JsonAsync(HttpStatusCode.OK);
        var entry = people.GetProperty("items").EnumerateArray().Single(p => p.GetProperty("person").Id() == me.Id());
        Assert.Equal(app.Clock.GetUtcNow(), entry.GetProperty("last_seen_at").GetDateTimeOffset(), TimeSpan.FromMilliseconds(1)); // by the link
        Assert.Null(await signIn.FirstRunLinkAsync(Ct));
        Assert.Equal("link_not_valid", await WelcomeAsync(app.Open(), token).ProblemAsync(HttpStatusCode.Gone));
        Assert.Equal("link_not_valid", await WelcomeAsync(app.Open(), other, "second@example.org").ProblemAsync(HttpStatusCode.Gone));
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Of_many_who_use_first_links_together_one_becomes_the_administrator(string kind)
    {
        await using var app = await TestApp.StartAsync(kind);
        var signIn = app.Services.GetRequiredService<SignIn>();
        var first = (await signIn.FirstRunLinkAsync(Ct))!.Split('/')[^1];
        var second = (await signIn.FirstRunLinkAsync(Ct))!.Split('/')[^1];

        var statuses = await Task.WhenAll(Enumerable.Range(0, 6).Select(i =>
            WelcomeAsync(app.Open(), i % 2 == 0 ? first : second, $"person{i}@example.org").StatusAsync()));

        Assert.Equal(1, statuses.Count(s => s == HttpStatusCode.OK));
        Assert.Equal(5, statuses.Count(s => s == HttpStatusCode.Gone));
    }

    [Theory]
    [InlineData("elevenchars")]
    [InlineData("aaaaaaaaaaaaaaaa")]
    [InlineData("my ROOT@example.org 1")]
    [InlineData("")]
    public async Task A_weak_password_is_refused_and_leaves_the_link_usable(string password)
    {
        await using var app = await TestApp.StartAsync();
        var token = (await app.Services.GetRequiredService<SignIn>().FirstRunLinkAsync(Ct))!.Split('/')[^1];

        var code = await WelcomeAsync(app.Open(), token, password: password).ProblemAsync(HttpStatusCode.UnprocessableEntity);

        Assert.Equal("invalid_field", code);
        Assert.Equal(HttpStatusCode.OK, await WelcomeAsync(app.Open(), token).StatusAsync());
    }

    [Fact]
    public async Task A_link_is_too_old_after_a_week()
    {
        await using var app = await TestApp.StartAsync();
        var token = (await app.Services.GetRequiredService<SignIn>().FirstRunLinkAsync(Ct))!.Split('/')[^1];

        app.Clock.Advance(TimeSpan.FromDays(7));

        Assert.Equal("link_not_valid", await WelcomeAsync(app.Open(), token).ProblemAsync(HttpStatusCode.Gone));
    }

    [Fact]
    public async Task An_invited_person_sets_a_password_once_and_signs_in_with_it()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        await admin.TakeTokenAsync();
        var team = await admin.Http.SendAsync("POST", "api/teams", new { name = "red" }).JsonAsync(HttpStatusCode.Created);
        var invitation = await admin.Http.SendAsync("POST", "api/people", new
        {
            email = "Ann@Example.org", name = "Ann", memberships = new[] { new { team_id = (Guid?)team.Id(), role = "viewer" } },
        }).JsonAsync(HttpStatusCode.Created);
        var token = invitation.Text("link").Split('/')[^1];

        var before = await app.Open().SignInAsync("ann@example.org", "anything at all").ProblemAsync(HttpStatusCode.Unauthorized);
        var accepted = await WelcomeAsync(app.Open(), token, null).JsonAsync(HttpStatusCode.OK);
        var again = await WelcomeAsync(app.Open(), token, null).ProblemAsync(HttpStatusCode.Gone);
        using var browser = app.Open();
        await browser.SignInAsync(" ANN@example.org ", TestApp.Password).JsonAsync(HttpStatusCode.OK);
        var teams = await browser.Http.GetAsync("api/teams", Ct).JsonAsync(HttpStatusCode.OK);

        Assert.Equal(("sign_in_refused", "link_not_valid", "ann@example.org"), (before, again, accepted.Text("email")));
        Assert.Equal("red", teams.GetProperty("items")[0].Text("name"));
    }

    [Fact]
    public async Task A_wrong_password_and_an_unknown_account_get_the_same_answer()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();

        var wrong = await app.Open().SignInAsync(TestApp.AdminEmail, "not the password").JsonAsync(HttpStatusCode.Unauthorized);
        var unknown = await app.Open().SignInAsync("nobody@example.org", "not the password").JsonAsync(HttpStatusCode.Unauthorized);

        Assert.Equal((wrong.Text("code"), wrong.Text("detail")), (unknown.Text("code"), unknown.Text("detail")));
    }

    [Fact]
    public async Task The_session_cookie_is_out_of_reach_of_scripts_and_other_sites()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        using var browser = app.Open();

        using var response = await browser.SignInAsync(TestApp.AdminEmail, TestApp.Password);
        var cookie = Assert.Single(response.Headers.GetValues("Set-Cookie"), c => c.StartsWith("gatehouse=", StringComparison.Ordinal));

        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("path=/", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("domain", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("secure", cookie, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Over_https_the_session_cookie_is_secure()
    {
        await using var app = await TestApp.StartAsync();
        var options = app.Services.GetRequiredService<Microsoft.Extensions.Options.IOptionsMonitor<
            Microsoft.AspNetCore.Authentication.Cookies.CookieAuthenticationOptions>>().Get(SignIn.CookieScheme);
        var https = new Microsoft.AspNetCore.Http.DefaultHttpContext { Request = { Scheme = "https" } };

        Assert.True(options.Cookie.Build(https).Secure);
    }

    [Fact]
    public async Task Behind_a_proxy_that_ends_tls_every_cookie_is_secure()
    {
        await using var app = await TestApp.StartAsync(server: "public_url: https://gatehouse.example.com");
        using var browser = app.Open();
        var token = (await app.Services.GetRequiredService<SignIn>().FirstRunLinkAsync(Ct))!.Split('/')[^1];

        using var welcome = await WelcomeAsync(browser, token);
        using var session = await browser.Http.GetAsync("api/session", Ct);
        using var page = await browser.Http.GetAsync("sign-in", Ct);

        foreach (var response in new[] { welcome, session, page })
        {
            Assert.All(response.Headers.GetValues("Set-Cookie"), cookie =>
                Assert.Contains("; secure", cookie, StringComparison.OrdinalIgnoreCase));
        }
    }

    [Fact]
    public async Task Signing_out_ends_copies_of_the_cookie_too()
    {
        await using var app = await TestApp.StartAsync();
        using var browser = await app.SignInFirstAsync();
        await browser.TakeTokenAsync();
        using var thief = app.Program(null);
        thief.DefaultRequestHeaders.Add("Cookie", string.Join("; ", browser.Cookies.Select(c => $"{c.Name}={c.Value}")));

        var before = await thief.GetAsync("api/me", Ct).StatusAsync();
        await browser.Http.SendAsync("DELETE", "api/session").JsonAsync(HttpStatusCode.NoContent);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized), (before, await thief.GetAsync("api/me", Ct).StatusAsync()));
    }

    [Fact]
    public async Task A_session_ends_after_a_week_however_much_it_is_used()
    {
        await using var app = await TestApp.StartAsync();
        using var browser = await app.SignInFirstAsync();

        for (var hours = 7; hours < 7 * 24; hours += 7)
        {
            app.Clock.Advance(TimeSpan.FromHours(7));
            Assert.Equal(HttpStatusCode.OK, await browser.Http.GetAsync("api/me", Ct).StatusAsync());
        }

        app.Clock.Advance(TimeSpan.FromHours(7));
        Assert.Equal(HttpStatusCode.Unauthorized, await browser.Http.GetAsync("api/me", Ct).StatusAsync());
    }

    [Fact]
    public async Task A_session_slides_while_it_is_used_and_ends_when_it_is_not()
    {
        await using var app = await TestApp.StartAsync();
        using var browser = await app.SignInFirstAsync();

        for (var i = 0; i < 4; i++)
        {
            app.Clock.Advance(TimeSpan.FromHours(7));
            Assert.Equal(HttpStatusCode.OK, await browser.Http.GetAsync("api/me", Ct).StatusAsync());
        }

        app.Clock.Advance(TimeSpan.FromHours(13));
        Assert.Equal("unauthenticated", await browser.Http.GetAsync("api/me", Ct).ProblemAsync(HttpStatusCode.Unauthorized));
    }

    [Fact]
    public async Task Signing_out_ends_the_session_in_this_browser()
    {
        await using var app = await TestApp.StartAsync();
        using var browser = await app.SignInFirstAsync();
        await browser.TakeTokenAsync();

        Assert.Equal(HttpStatusCode.NoContent, await browser.Http.SendAsync("DELETE", "api/session").StatusAsync());

        Assert.Equal(HttpStatusCode.Unauthorized, await browser.Http.GetAsync("api/me", Ct).StatusAsync());
    }

    [Fact]
    public async Task A_removed_person_and_a_changed_role_take_effect_at_once()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        await admin.TakeTokenAsync();
        var (person, token) = await app.AddPersonAsync("ann@example.org", null, Role.Engineer);
        using var ann = app.Program(token);
        using var link = app.Program(null);

        var asEngineer = await ann.GetAsync("api/config", Ct).StatusAsync();
        await admin.Http.SendAsync(
            "PUT", $"api/people/{person.Id}/memberships", new { memberships = new[] { new { team_id = (Guid?)null, role = "auditor" } } })
            .JsonAsync(HttpStatusCode.OK);
        var asAuditor = await ann.GetAsync("api/config", Ct).StatusAsync();
        await admin.Http.SendAsync("DELETE", $"api/people/{person.Id}").JsonAsync(HttpStatusCode.NoContent);
        var removed = await ann.GetAsync("api/config", Ct).StatusAsync();

        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.OK, HttpStatusCode.Unauthorized), (asEngineer, asAuditor, removed));
    }

    [Fact]
    public async Task A_session_ends_with_the_person()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        await admin.TakeTokenAsync();
        var invitation = await admin.Http.SendAsync("POST", "api/people", new
        {
            email = "ann@example.org", name = "Ann", memberships = new[] { new { team_id = (Guid?)null, role = "viewer" } },
        }).JsonAsync(HttpStatusCode.Created);
        using var ann = app.Open();
        var person = await WelcomeAsync(ann, invitation.Text("link").Split('/')[^1], null).JsonAsync(HttpStatusCode.OK);

        var before = await ann.Http.GetAsync("api/me", Ct).StatusAsync();
        await admin.Http.SendAsync("DELETE", $"api/people/{person.Id()}").JsonAsync(HttpStatusCode.NoContent);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized), (before, await ann.Http.GetAsync("api/me", Ct).StatusAsync()));
    }

    [Fact]
    public async Task A_stream_of_calls_ends_when_its_token_is_revoked()
    {
        await using var app = await TestApp.StartAsync();
        var (_, token) = await app.AddPersonAsync("ann@example.org", null, Role.Admin);
        using var ann = app.Program(token);
        var other = await ann.SendAsync("POST", "api/tokens", new { name = "tail" }).JsonAsync(HttpStatusCode.Created);
        using var tail = app.Program(other.Text("secret"));
        using var follower = await tail.GetAsync("api/calls/follow", HttpCompletionOption.ResponseHeadersRead, Ct);

        await ann.SendAsync("DELETE", $"api/tokens/{other.GetProperty("entry").Id()}").JsonAsync(HttpStatusCode.NoContent);

        Assert.StartsWith(
            ": following", await follower.Content.ReadAsStringAsync(Ct).WaitAsync(TimeSpan.FromSeconds(30), Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_survives_a_restart_and_its_keys_lie_encrypted()
    {
        var app = await TestApp.StartAsync();
        using var browser = await app.SignInFirstAsync();
        app = await app.RestartAsync();
        await using (app)
        {
            using var program = app.Program(null);
            using var request = new HttpRequestMessage(HttpMethod.Get, "api/me");
            request.Headers.Add("Cookie", string.Join("; ", browser.Cookies.Select(c => $"{c.Name}={c.Value}")));

            Assert.Equal(HttpStatusCode.OK, await program.SendAsync(request, Ct).StatusAsync());
            var text = Assert.Single(await app.Db.QueryAsync($"SELECT xml FROM governance_ring_key", row => row.Text(0), Ct));
            Assert.Contains("KeyRingDecryptor", text, StringComparison.Ordinal);
            Assert.DoesNotContain("masterKey", text, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public async Task Tokens_that_are_unknown_expired_or_revoked_are_refused()
    {
        await using var app = await TestApp.StartAsync();
        var (person, token) = await app.AddPersonAsync("ann@example.org", null, Role.Admin);
        using var ann = app.Program(token);
        var shortLived = await ann.SendAsync("POST", "api/tokens", new { name = "ci", expires_in_days = 1 })
            .JsonAsync(HttpStatusCode.Created);
        var revoked = await ann.SendAsync("POST", "api/tokens", new { name = "old" }).JsonAsync(HttpStatusCode.Created);
        using var expiring = app.Program(shortLived.Text("secret"));
        using var gone = app.Program(revoked.Text("secret"));
        using var stranger = app.Program("ght_00000000000000000000000000000000");

        var fresh = await expiring.GetAsync("api/me", Ct).JsonAsync(HttpStatusCode.OK);
        await ann.SendAsync("DELETE", $"api/tokens/{revoked.GetProperty("entry").Id()}").JsonAsync(HttpStatusCode.NoContent);
        app.Clock.Advance(TimeSpan.FromDays(1));

        Assert.Equal(person.Id, fresh.Id());
        Assert.Equal("unauthenticated", await expiring.GetAsync("api/me", Ct).ProblemAsync(HttpStatusCode.Unauthorized));
        Assert.Equal(HttpStatusCode.Unauthorized, await gone.GetAsync("api/me", Ct).StatusAsync());
        Assert.Equal(HttpStatusCode.Unauthorized, await stranger.GetAsync("api/me", Ct).StatusAsync());
        Assert.Equal(HttpStatusCode.OK, await ann.GetAsync("api/me", Ct).StatusAsync());
    }

    private static Task<HttpResponseMessage> WelcomeAsync(
        TestBrowser browser, string token, string? email = TestApp.AdminEmail, string password = TestApp.Password) =>
        browser.Http.PostAsJsonAsync("api/session/welcome", new { token, name = "Root", email, password }, Ct);
}
