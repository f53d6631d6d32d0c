using System.Net;
using System.Text.RegularExpressions;
using Gatehouse.Configuration;
using Gatehouse.Contracts;
using Gatehouse.Governance;
using Gatehouse.Tests.Governance;
using Gatehouse.Tests.Host;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Console;

/// <summary>Pages of the console over HTTP, as a browser without scripts uses them.</summary>
public sealed partial class PagesTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0")]
    public async Task A_role_is_given_everywhere_only_by_the_word(string? team)
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();

        var refused = await InviteAsync(admin, "ann@example.org", team);
        var made = await InviteAsync(admin, "bob@example.org", "everywhere");

        Assert.Contains("must be a team", refused, StringComparison.Ordinal);
        Assert.Contains("Send this link to bob@example.org", made, StringComparison.Ordinal);
        Assert.DoesNotContain("ann@example.org</td>", made, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Role.Auditor, true)]
    [InlineData(Role.Engineer, false)]
    public async Task What_is_wrong_with_the_configuration_is_told_to_those_who_may_read_it(Role role, bool told)
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        using var ann = await SignInAsync(app, role);
        await File.WriteAllTextAsync(Path.Combine(app.DataFolder, ConfigurationSource.DefaultFile), "colour: red\n", Ct);
        await app.Services.GetRequiredService<ConfigurationState>().ReloadAsync(Ct);

        var page = await ann.Http.GetStringAsync("systems", Ct);

        Assert.Equal(told, page.Contains("is not a setting", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_route_shows_each_of_its_targets_and_the_names_that_nobody_knows_together()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        await File.WriteAllTextAsync(
            Path.Combine(app.DataFolder, ConfigurationSource.DefaultFile),
            """
            providers: { simulator: { kind: simulator } }
            routes:
              pair:
                targets:
                  - { provider: simulator, model: small, weight: 1 }
                  - { provider: simulator, model: big, weight: 1 }
            """,
            Ct);
        await app.Services.GetRequiredService<ConfigurationState>().ReloadAsync(Ct);
        var page = await admin.Http.GetStringAsync("routes", Ct);

        Assert.Matches(
            "(?s)aria-label=\"Targets of pair\".*simulator</a>\\s*<span class=\"soft\">small</span>.*<span class=\"soft\">big</span>",
            page);
        Assert.Matches(
            "provider=simulator&amp;model=small|provider=simulator&amp;route=pair&amp;model=small|route=pair&amp;provider=simulator&amp;model=small", page);
        Assert.DoesNotContain("unknown route", page, StringComparison.Ordinal);
    }

    /// <summary>A request was once on the second page behind two hundred newer ones that were settled.</summary>
    [Fact]
    public async Task One_provider_is_spoken_of_as_one_and_a_call_without_a_name_as_such()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        await using var team = await TestTeam.BuildAsync(app, "red");
        await team.CallAsync();
        using var unread = await team.Caller.PostAsync("v1/chat/completions", new StringContent("{"), Ct);
        Assert.Equal(HttpStatusCode.BadRequest, unread.StatusCode);
        await team.RecordedAsync(2);
        app.Clock.Advance(TimeSpan.FromMinutes(1));

        var providers = await admin.Http.GetStringAsync("providers", Ct);
        var routes = await admin.Http.GetStringAsync("routes", Ct);

        Assert.Contains("The one provider that was called in the last hour answers.", providers, StringComparison.Ordinal);
        Assert.Contains("no name <span class=\"soft\">1 call refused before a name was read", routes, StringComparison.Ordinal);
        Assert.DoesNotContain("earlier configuration", routes, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_waits_for_a_decision_is_on_the_first_page_of_exceptions()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        await using var team = await TestTeam.BuildAsync(app, "red");
        var now = app.Clock.GetUtcNow();
        await app.Db.InsertManyAsync(
            "governance_exception",
            [
                "team_id", "id", "system_id", "types", "until_at", "reason", "requested_by_id", "requested_by", "made_at", "approved",
                "decided_by", "decided_at",
            ],
            [
                .. Enumerable.Range(0, 203).Select(i => new object?[]
                {
                    team.Team, Guid.CreateVersion7(now.AddSeconds(i)), team.System, "[]", now.AddDays(9), $"reason {i}.", Guid.Empty,
                    "ann@example.org", now.AddSeconds(i), i is 1 or 202 ? null : false, i is 1 or 202 ? null : "bob@example.org",
                    i is 1 or 202 ? null : now,
                }),
            ],
            Ct);

        var page = await admin.Http.GetStringAsync("guards/exceptions", Ct);

        Assert.Matches("(?s)reason 202\\..*reason 1\\..*reason 201\\.", page);
        Assert.DoesNotContain("reason 2.", page, StringComparison.Ordinal);
        Assert.Contains("2 requests wait", page, StringComparison.Ordinal);
    }

    /// <summary>The pages of a history once left the revision that was open.</summary>
    [Fact]
    public async Task Older_revisions_of_a_policy_are_shown_beside_the_one_that_is_open()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        using var program = app.Program((await app.AddPersonAsync("program@example.org", null, Role.Admin)).Token);
        for (var i = 1; i <= 101; i++)
        {
            var text = $"name: support\nrules:\n  - {{ name: rivals, detect: terms, terms: [ rival {i} ], action: flag }}\n";
            await program.SendAsync("PUT", "api/policies/support", new { text }).JsonAsync(HttpStatusCode.OK);
        }

        var page = await admin.Http.GetStringAsync("guards/policies/support?revision=50", Ct);
        var older = WebUtility.HtmlDecode(Regex.Match(page, "href=\"([^\"]+)\"[^>]*>Older revisions").Groups[1].Value);
        var next = await admin.Http.GetStringAsync(older.TrimStart('/'), Ct);

        Assert.Contains("rival 50 ", page, StringComparison.Ordinal);
        Assert.Contains("rival 50 ", next, StringComparison.Ordinal);
        Assert.Contains("href=\"/guards/policies/support?revision=50#history\"", next, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("9")]
    [InlineData("0")]
    [InlineData("Viewer,Engineer")]
    [InlineData("")]
    public async Task A_role_is_given_only_by_its_name(string role)
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();

        var refused = await InviteAsync(admin, "ann@example.org", "everywhere", role);

        Assert.Contains("must be one of viewer", refused, StringComparison.Ordinal);
        Assert.DoesNotContain("Send this link", refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_role_that_cannot_be_read_does_not_take_the_membership_away()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        var (person, _) = await app.AddPersonAsync("ann@example.org", null, Role.Engineer);
        var page = await admin.Http.GetStringAsync("settings", Ct);
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["__RequestVerificationToken"] = FormToken().Match(page).Groups[1].Value,
            ["_handler"] = $"role-{person.Id}",
            ["Grants[0].Role"] = "9",
            ["Grants[0].Team"] = "everywhere",
        });
        using var response = await admin.Http.PostAsync("settings", form, Ct);

        Assert.Contains("must be one of viewer", await response.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        var everyone = await app.Services.GetRequiredService<People>()
            .ListAsync(new Person(Guid.Empty, "t", "t", [new Membership(null, Role.Admin)]), Ct);
        Assert.Equal(Role.Engineer, Assert.Single(everyone.Single(p => p.Person.Id == person.Id).Person.Memberships).Role);
    }

    [Fact]
    public async Task The_overview_and_a_call_lead_to_the_reviews_and_incidents_that_concern_them()
    {
        await using var app = await TestApp.StartAsync(policy: """
            name: test
            rules:
              - { name: rivals, detect: terms, terms: [ rival corp ], sides: [ input ], action: escalate, escalate: { mode: after } }
            breakers:
              - { name: runaway, watch: loops, threshold: 2, window: 1m, action: stop, for: 1m }
            """);
        using var admin = await app.SignInFirstAsync();
        await using var team = await TestTeam.BuildAsync(app, "red");
        var calm = (await team.CallAsync(content: "calm")).Header("x-request-id");
        await team.RecordedAsync(1);
        app.Clock.Advance(TimeSpan.FromMinutes(5));

        var asked = (await team.CallAsync(content: "Is Rival Corp better?")).Header("x-request-id");
        await team.CallAsync(content: "the same");
        Assert.Equal(503, (await team.CallAsync(content: "the same")).Status);
        await team.RecordedAsync(4);
        var review = await FirstAsync("api/reviews");
        var incident = await FirstAsync("api/incidents");

        var overview = await admin.Http.GetStringAsync("", Ct);
        var call = await admin.Http.GetStringAsync($"calls/{asked}", Ct);
        var before = await admin.Http.GetStringAsync($"calls/{calm}", Ct);
        Assert.All([overview, call], page => Assert.Contains($"/reviews/{review}", page, StringComparison.Ordinal));
        Assert.All([overview, call], page => Assert.Contains($"/incidents#incident-{incident}", page, StringComparison.Ordinal));
        Assert.Contains("The breaker runaway of red-shop is open", overview, StringComparison.Ordinal);
        Assert.DoesNotContain("/reviews/", before, StringComparison.Ordinal);
        Assert.DoesNotContain("#incident-", before, StringComparison.Ordinal);

        async Task<Guid> FirstAsync(string path)
        {
            var began = TimeProvider.System.GetTimestamp();
            while (true)
            {
                if ((await team.GetAsync(path)).GetProperty("items") is var items && items.GetArrayLength() > 0)
                {
                    return items[0].Id();
                }

                Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(30), $"Nothing came to {path}.");
            }
        }
    }

    [Fact]
    public async Task Labels_are_listed_with_their_places_marked_for_those_who_may_read_texts_and_removed()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        await using var team = await TestTeam.BuildAsync(app, "red");
        var label = await team.SendAsync("POST", "api/guard/labels", new
        {
            team = "red", detector = "pii", type = "PERSON", text = "ask Falcon <now>", verdict = "false_positive",
            spans = new[] { new { start = 4, end = 10, type = "PERSON" } },
        }, HttpStatusCode.Created);
        using var viewer = await SignInAsync(app, Role.Viewer);

        var page = await admin.Http.GetStringAsync("guards/labels", Ct);
        var hidden = await viewer.Http.GetStringAsync("guards/labels", Ct);
        var missed = await admin.Http.GetStringAsync("guards/labels?verdict=missed", Ct);
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["__RequestVerificationToken"] = FormToken().Match(page).Groups[1].Value,
            ["_handler"] = $"remove-{label.Id()}",
        });
        using var removed = await admin.Http.PostAsync("guards/labels", form, Ct);

        Assert.Contains("1 label: 1 false positive.", page, StringComparison.Ordinal);
        Assert.Contains("ask <mark class=\"found found-pii\">Falcon</mark> &lt;now&gt;", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Falcon", hidden, StringComparison.Ordinal);
        Assert.DoesNotContain("PERSON", missed, StringComparison.Ordinal);
        Assert.Contains("Nobody has labelled a finding yet.", await removed.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
    }

    /// <param name="team">Left out of the form when <see langword="null"/>.</param>
    [Fact]
    public async Task A_secret_is_stored_and_removed_on_its_page_which_shows_where_it_is_used_and_never_its_value()
    {
        const string value = "canary-page-5f0c1d2e3a4b";
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();

        var stored = await PostSecretAsync("store", ("Input.Name", "openai"), ("Input.Value", value));
        var refused = await PostSecretAsync("store", ("Input.Name", "Not a name"), ("Input.Value", value));
        await File.WriteAllTextAsync(
            Path.Combine(app.DataFolder, ConfigurationSource.DefaultFile),
            "providers: { kept: { kind: openai, api_key: '${secret:openai}' } }\nroutes: { r: { targets: [{ provider: kept, model: m }] } }\n",
            Ct);
        await app.Services.GetRequiredService<ConfigurationState>().ReloadAsync(Ct);
        var used = await admin.Http.GetStringAsync("settings/secrets", Ct);
        await PostSecretAsync("store", ("Input.Name", "spare"), ("Input.Value", value));
        var removed = await PostSecretAsync("remove-spare");

        Assert.Contains("&#x27;openai&#x27; is stored", stored.Replace("'", "&#x27;", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("class=\"soft\">nowhere", stored, StringComparison.Ordinal);
        Assert.Contains("name", refused, StringComparison.Ordinal);
        Assert.Contains("<code>providers.kept.api_key</code>", used, StringComparison.Ordinal);
        Assert.DoesNotContain("remove-openai", used, StringComparison.Ordinal);
        Assert.DoesNotContain(">spare<", removed, StringComparison.Ordinal);
        Assert.All([stored, refused, used, removed], page => Assert.DoesNotContain(value, page, StringComparison.Ordinal));

        async Task<string> PostSecretAsync(string handler, params (string Name, string Value)[] fields)
        {
            var page = await admin.Http.GetStringAsync("settings/secrets", Ct);
            using var form = new FormUrlEncodedContent(
            [
                new("__RequestVerificationToken", FormToken().Match(page).Groups[1].Value), new("_handler", handler),
                .. fields.Select(f => KeyValuePair.Create(f.Name, f.Value)),
            ]);
            using var response = await admin.Http.PostAsync("settings/secrets", form, Ct);
            return await response.Content.ReadAsStringAsync(Ct);
        }
    }

    [Fact]
    public async Task Who_may_not_store_secrets_sees_neither_the_page_nor_its_tab()
    {
        await using var app = await TestApp.StartAsync();
        using var admin = await app.SignInFirstAsync();
        using var ann = await SignInAsync(app, Role.Engineer);

        using var page = await ann.Http.SendAsync("GET", "settings/secrets");

        Assert.Equal(HttpStatusCode.Forbidden, page.StatusCode);
        Assert.DoesNotContain("/settings/secrets", await ann.Http.GetStringAsync("settings/tokens", Ct), StringComparison.Ordinal);
    }

    private static async Task<TestBrowser> SignInAsync(TestApp app, Role role)
    {
        var root = new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);
        var link = (await app.Services.GetRequiredService<People>()
            .InviteAsync(root, new NewPerson("ann@example.org", "Ann", [new Membership(null, role)]), Ct)).Link;
        var ann = app.Open();
        await ann.Http.SendAsync("POST", "api/session/welcome", new { token = link.Split('/')[^1], password = TestApp.Password })
            .JsonAsync(HttpStatusCode.OK);
        return ann;
    }

    private static async Task<string> InviteAsync(TestBrowser admin, string email, string? team, string role = "Viewer")
    {
        var page = await admin.Http.GetStringAsync("settings", Ct);
        var fields = new Dictionary<string, string>
        {
            ["__RequestVerificationToken"] = FormToken().Match(page).Groups[1].Value,
            ["_handler"] = "invite",
            ["Input.Email"] = email,
            ["Input.Name"] = "Ann",
            ["Grant.Role"] = role,
        };
        if (team is not null)
        {
            fields["Grant.Team"] = team;
        }

        using var form = new FormUrlEncodedContent(fields);
        using var response = await admin.Http.PostAsync("settings", form, Ct);
        return await response.Content.ReadAsStringAsync(Ct);
    }

    [GeneratedRegex("name=\"__RequestVerificationToken\" value=\"([^\"]+)\"")]
    private static partial Regex FormToken();
}
