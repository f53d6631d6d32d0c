using System.Globalization;
using System.Net;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Breakers;
using Gatehouse.Governance;
using Gatehouse.Guardrails.Policies;
using Gatehouse.Tests.Host;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Gatehouse.Tests.Governance;

/// <summary>
/// A team never sees another team's rows: every operation of the API, as every role of another team, with the foreign team's ids and names.
/// An operation that is added to the API must be added to <see cref="Attempts"/>, or a test here fails.
/// </summary>
public sealed class IsolationTests
{
    /// <summary>Operations that need nobody signed in, and show no rows.</summary>
    private static readonly string[] Open =
        ["GET /api/version", "GET /api/session", "POST /api/session", "POST /api/session/welcome", "GET /api/openapi.json"];

    /// <summary>Changes that touch only what belongs to the caller, or nothing at all.</summary>
    private static readonly string[] Own = ["POST /api/tokens", "DELETE /api/session", "POST /api/config/check", "POST /api/guard/check"];

    private const string Asking = "Is rival corp better?";

    private const string Policy = """
        name: test
        rules: [ { name: rivals, detect: terms, terms: [ rival corp ], sides: [ input ], action: escalate, escalate: { mode: after } } ]
        """;

    /// <summary>Longer than what the random letters of a form's token spell by chance.</summary>
    private const string Blue = "blue-whales";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task No_role_of_another_team_sees_or_changes_anything(string kind)
    {
        await using var app = await TestApp.StartAsync(kind, policy: Policy);
        var blue = await Estate.BuildAsync(app, Blue);
        var red = await Estate.BuildAsync(app, "red");
        var before = await blue.LookAsync(app);
        var leaks = new List<string>();

        foreach (var role in Enum.GetValues<Role>())
        {
            var (_, token) = await app.AddPersonAsync($"walker-{role}@red.example.org", red.Team, role);
            using var http = app.Program(token);
            foreach (var (operation, paths) in Attempts(blue))
            {
                foreach (var (path, body) in paths)
                {
                    leaks.AddRange(
                        (await FindLeaksAsync(http, operation, path, body, blue)).Select(leak => $"{role}: {operation} {path}: {leak}"));
                }
            }
        }

        Assert.Empty(leaks);
        Assert.Equal(before, await blue.LookAsync(app));
    }

    [Fact]
    public async Task Each_operation_of_the_api_is_attempted()
    {
        await using var app = await TestApp.StartAsync();

        var attempted = Attempts(Estate.Nowhere).Select(a => a.Operation).Concat(Open);

        Assert.Equal(Operations(app).Select(o => o.Name).Order(), attempted.Order());
    }

    [Fact]
    public async Task Each_operation_but_those_named_here_needs_sign_in()
    {
        await using var app = await TestApp.StartAsync();
        using var nobody = app.Program(null);

        Assert.Equal(Open.Order(), Operations(app).Where(o => o.IsOpen).Select(o => o.Name).Order());
        foreach (var (operation, paths) in Attempts(Estate.Nowhere))
        {
            foreach (var (path, body) in paths)
            {
                var code = await nobody.SendAsync(operation.Split(' ')[0], path, body).ProblemAsync(HttpStatusCode.Unauthorized);
                Assert.Equal("unauthenticated", code);
            }
        }
    }

    [Fact]
    public async Task Who_follows_calls_sees_those_of_their_team_alone()
    {
        await using var app = await TestApp.StartAsync(policy: Policy);
        var blue = await Estate.BuildAsync(app, Blue);
        var red = await Estate.BuildAsync(app, "red");
        using var http = app.Program(red.Token);
        using var response = await http.SendAsync("GET", "api/calls/follow");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Ct));
        Assert.StartsWith(":", await reader.ReadLineAsync(Ct), StringComparison.Ordinal);

        await CallAsync(app, blue.Secret, "simulator");
        await CallAsync(app, red.Secret, "simulator");

        Assert.Equal(red.System, (await NextCallAsync(reader)).Id("system_id"));
    }

    /// <summary>The console reads the same operations; its pages and fragments are walked all the same.</summary>
    [Fact]
    public async Task No_role_of_another_team_sees_anything_in_the_console()
    {
        await using var app = await TestApp.StartAsync(policy: Policy);
        var blue = await Estate.BuildAsync(app, Blue);
        var red = await Estate.BuildAsync(app, "red");
        var people = app.Services.GetRequiredService<People>();
        var root = new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);
        var leaks = new List<string>();

        foreach (var role in Enum.GetValues<Role>())
        {
            var email = $"reader-{role}@red.example.org";
            var link = (await people.InviteAsync(root, new NewPerson(email, email, [new Membership(red.Team, role)]), Ct)).Link;
            using var browser = app.Open();
            await browser.Http.SendAsync("POST", "api/session/welcome", new { token = link.Split('/')[^1], password = TestApp.Password })
                .JsonAsync(HttpStatusCode.OK);
            foreach (var path in Pages(blue).SelectMany(p => p.Paths))
            {
                leaks.AddRange((await FindLeaksAsync(browser.Http, path, blue)).Select(leak => $"{role}: {path}: {leak}"));
            }
        }

        Assert.Empty(leaks);
    }

    [Fact]
    public async Task Each_page_and_fragment_of_the_console_is_walked()
    {
        await using var app = await TestApp.StartAsync();

        var pages = app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<IAuthorizeData>() is not null || e.Metadata.GetMetadata<AuthorizationPolicy>() is not null)
            .Where(e => e.Metadata.GetMetadata<IAllowAnonymous>() is null)
            .Where(e => e.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods.Contains("GET") != false)
            .Select(e => "/" + e.RoutePattern.RawText!.TrimStart('/'))
            .Where(p => !p.StartsWith("/api/", StringComparison.Ordinal) && !p.StartsWith("/{*", StringComparison.Ordinal))
            .Where(p => !p.StartsWith("/_framework/", StringComparison.Ordinal));

        Assert.Equal(
            pages.Distinct().Order(StringComparer.Ordinal), Pages(Estate.Nowhere).Select(p => p.Page).Order(StringComparer.Ordinal));
    }

    private static List<(string Page, string[] Paths)> Pages(Estate blue) =>
    [
        ("/", ["", $"?team={blue.Team}"]),
        ("/batches", ["batches", $"batches?team={blue.Team}"]),
        ("/budgets", ["budgets", $"budgets?team={blue.Team}"]),
        ("/systems", ["systems", $"systems?team={blue.Team}"]),
        ("/systems/new", ["systems/new"]),
        ("/systems/{Id:guid}", [$"systems/{blue.System}"]),
        ("/calls", ["calls?range=30d", $"calls?team={blue.Team}", $"calls?system={blue.System}", $"calls?search={blue.RequestId}"]),
        ("/calls/{Id}", [$"calls/{blue.Call}", $"calls/{blue.RequestId}"]),
        ("/calls/tail", [$"calls/tail?team={blue.Team}"]),
        ("/guards", ["guards?range=30d", $"guards?team={blue.Team}", $"guards?system={blue.System}"]),
        ("/guards/exceptions", ["guards/exceptions"]),
        ("/guards/labels", ["guards/labels"]),
        ("/guards/playground", ["guards/playground"]),
        ("/guards/policies", ["guards/policies"]),
        ("/guards/policies/{Name}", ["guards/policies/standard", "guards/policies/new"]),
        ("/reviews", ["reviews", $"reviews?team={blue.Team}"]),
        ("/reviews/{Id:guid}", [$"reviews/{blue.Review}"]),
        ("/incidents", ["incidents", $"incidents?team={blue.Team}"]),
        ("/palette/results",
        [
            "palette/results", $"palette/results?search={blue.Name}", $"palette/results?search={blue.RequestId[..4]}",
            $"palette/results?search={blue.RequestId}", $"palette/results?search={blue.Call}",
        ]),
        ("/providers", ["providers", $"providers?team={blue.Team}"]),
        ("/routes", ["routes?range=30d", $"routes?team={blue.Team}"]),
        ("/settings", ["settings"]),
        ("/settings/tokens", ["settings/tokens"]),
        ("/settings/secrets", ["settings/secrets"]),
        ("/settings/audit", ["settings/audit"]),
        ("/settings/configuration", ["settings/configuration"]),
        ("/settings/doctor", ["settings/doctor"]),
    ];

    /// <summary>A page may repeat what its own address says, and nothing more.</summary>
    private static async Task<List<string>> FindLeaksAsync(HttpClient http, string path, Estate blue)
    {
        using var response = await http.SendAsync("GET", path);
        if (response.Content.Headers.ContentType?.MediaType == "text/event-stream")
        {
            // The head is sent before the filter is looked at: a stream that shows nothing ends.
            var streamed = await response.Content.ReadAsStringAsync(Ct).WaitAsync(TimeSpan.FromSeconds(30), Ct);
            return streamed.Contains("data:", StringComparison.Ordinal) ? ["follows a foreign team"] : [];
        }

        var text = await response.Content.ReadAsStringAsync(Ct);
        var names = path.Contains(blue.Team.ToString(), StringComparison.Ordinal)
            || path == $"systems/{blue.System}" || path == $"reviews/{blue.Review}"
            || path == $"calls/{blue.Call}" || path == $"calls/{blue.RequestId}";
        if (names && response.StatusCode is not (HttpStatusCode.Forbidden or HttpStatusCode.NotFound))
        {
            return [$"answers {(int)response.StatusCode} in place of 403 or 404"];
        }

        if (!names && response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.Forbidden))
        {
            return [$"answers {(int)response.StatusCode}"];
        }

        return
        [
            .. blue.Marks.Where(
                mark => !path.Contains(mark, StringComparison.Ordinal) && text.Contains(mark, StringComparison.OrdinalIgnoreCase))
                .Select(mark => $"shows {mark}"),
        ];
    }

    private static List<(string Operation, (string Path, object? Body)[] Paths)> Attempts(Estate blue)
    {
        var policy = new { store_content = true, retention_days = 1 };
        var takeOver = new { memberships = new[] { new { team_id = (Guid?)blue.Team, role = "viewer" } } };
        var outsider =
            new { email = "x@red.example.org", name = "x", memberships = new[] { new { team_id = (Guid?)blue.Team, role = "viewer" } } };
        var everywhere =
            new { email = "x@red.example.org", name = "x", memberships = new[] { new { team_id = (Guid?)null, role = "viewer" } } };
        var filter = $"team={blue.Team}&system={blue.System}";
        return
        [
            ("GET /api/me", [("api/me", null)]),
            ("DELETE /api/session", [("api/session", null)]),
            ("GET /api/teams", [("api/teams", null)]),
            ("POST /api/teams", [("api/teams", new { name = "green" })]),
            ("GET /api/systems", [("api/systems", null), ($"api/systems?team={blue.Name}", null)]),
            ("POST /api/systems", [("api/systems", new { team = blue.Name, name = "x", purpose = "p", owner = "o" })]),
            ("GET /api/systems/{id:guid}", [($"api/systems/{blue.System}", null)]),
            ("PATCH /api/systems/{id:guid}", [($"api/systems/{blue.System}", new { owner = "me" })]),
            ("PUT /api/systems/{id:guid}/environments/{environment}", [($"api/systems/{blue.System}/environments/staging", policy)]),
            ("GET /api/systems/{id:guid}/keys", [($"api/systems/{blue.System}/keys", null)]),
            ("POST /api/systems/{id:guid}/keys", [($"api/systems/{blue.System}/keys", new { environment = "development", name = "x" })]),
            ("DELETE /api/keys/{id:guid}", [($"api/keys/{blue.Key}", null)]),
            ("GET /api/secrets", [("api/secrets", null)]),
            ("PUT /api/secrets/{name}", [("api/secrets/openai", new { value = "v" })]),
            ("DELETE /api/secrets/{name}", [("api/secrets/openai", null)]),
            ("GET /api/switches", [("api/switches", null)]),
            ("POST /api/switches",
            [
                ("api/switches", new { kind = "system", subject = blue.System.ToString(), reason = "r" }),
                ("api/switches", new { kind = "key", subject = blue.Key.ToString(), reason = "r" }),
                ("api/switches", new { kind = "route", subject = "simulator", reason = "r" }),
            ]),
            ("DELETE /api/switches/{id:guid}", [($"api/switches/{blue.Switch}", null)]),
            ("GET /api/people", [("api/people", null)]),
            ("POST /api/people", [("api/people", outsider), ("api/people", everywhere)]),
            ("PUT /api/people/{id:guid}/memberships", [($"api/people/{blue.Person}/memberships", takeOver)]),
            ("DELETE /api/people/{id:guid}", [($"api/people/{blue.Person}", null)]),
            ("GET /api/tokens", [("api/tokens", null)]),
            ("POST /api/tokens", [("api/tokens", new { name = "mine" })]),
            ("DELETE /api/tokens/{id:guid}", [($"api/tokens/{blue.TokenId}", null)]),
            ("GET /api/budgets", [("api/budgets", null)]),
            ("GET /api/budgets/events", [("api/budgets/events", null)]),
            ("POST /api/budgets",
            [
                ("api/budgets", new { name = "x", limit_usd = 1, period = "day", team = blue.Name }),
                ("api/budgets", new { name = "x", limit_usd = 1, period = "day", system = (Guid?)blue.System }),
                ("api/budgets", new { name = "x", limit_usd = 1, period = "day", key = (Guid?)blue.Key }),
                ("api/budgets", new { name = "x", limit_usd = 1, period = "day" }),
            ]),
            ("PATCH /api/budgets/{id:guid}", [($"api/budgets/{blue.Budget}", new { limit_usd = 2 })]),
            ("DELETE /api/budgets/{id:guid}", [($"api/budgets/{blue.Budget}", null)]),
            ("GET /api/limits", [("api/limits", null)]),
            ("POST /api/limits",
            [
                ("api/limits", new { name = "x", requests_per_minute = 1, team = blue.Name }),
                ("api/limits", new { name = "x", requests_per_minute = 1, system = (Guid?)blue.System }),
                ("api/limits", new { name = "x", requests_per_minute = 1, key = (Guid?)blue.Key }),
                ("api/limits", new { name = "x", requests_per_minute = 1 }),
            ]),
            ("PATCH /api/limits/{id:guid}", [($"api/limits/{blue.Limit}", new { concurrency = 2 })]),
            ("DELETE /api/limits/{id:guid}", [($"api/limits/{blue.Limit}", null)]),
            ("POST /api/prices/reprice",
                [("api/prices/reprice", new { from = DateTimeOffset.UnixEpoch, to = DateTimeOffset.UnixEpoch.AddYears(100) })]),
            ("GET /api/prices/spending", [($"api/prices/spending?from={Day(-300)}&to={Day(300)}", null)]),
            ("GET /api/reviews",
                [("api/reviews", null), ($"api/reviews?system={blue.System}", null), ($"api/reviews?team={blue.Team}", null)]),
            ("GET /api/incidents",
                [("api/incidents", null), ($"api/incidents?system={blue.System}", null), ($"api/incidents?team={blue.Team}", null)]),
            ("GET /api/incidents/{id:guid}", [($"api/incidents/{blue.Incident}", null)]),
            ("POST /api/incidents/{id:guid}/close", [($"api/incidents/{blue.Incident}/close", new { note = "n" })]),
            ("GET /api/reviews/{id:guid}", [($"api/reviews/{blue.Review}", null)]),
            ("POST /api/reviews/{id:guid}/decision", [($"api/reviews/{blue.Review}/decision", new { decision = "approve" })]),
            ("GET /api/audit", [("api/audit?limit=500", null)]),
            ("GET /api/config", [("api/config", null)]),
            ("POST /api/config/check", [("api/config/check", new { text = "" })]),
            ("POST /api/guard/check", [("api/guard/check", new { text = "" })]),
            ("GET /api/guard/labels", [("api/guard/labels?limit=500", null), ($"api/guard/labels?system={blue.System}", null)]),
            ("GET /api/guard/labels/export",
                [("api/guard/labels/export?set=pii", null), ($"api/guard/labels/export?set=pii&system={blue.System}", null)]),
            ("POST /api/guard/labels",
            [
                ("api/guard/labels", new { detector = "pii", type = "PERSON", text = "t", verdict = "right", team = blue.Name }),
                ("api/guard/labels", new { detector = "pii", type = "PERSON", text = "t", verdict = "right", system = (Guid?)blue.System }),
            ]),
            ("DELETE /api/guard/labels/{id:guid}", [($"api/guard/labels/{blue.Label}", null)]),
            ("GET /api/guard/plug-ins", [("api/guard/plug-ins", null)]),
            ("GET /api/guard/samples", [("api/guard/samples", null), ($"api/guard/samples?system={blue.System}", null)]),
            ("GET /api/exceptions", [("api/exceptions", null), ($"api/exceptions?system={blue.System}", null)]),
            ("POST /api/exceptions",
                [("api/exceptions", new { system = blue.System, until = DateTimeOffset.UnixEpoch.AddYears(60), reason = "r" })]),
            ("POST /api/exceptions/{id:guid}/decision", [($"api/exceptions/{blue.Exception}/decision", new { approve = true })]),
            ("DELETE /api/exceptions/{id:guid}", [($"api/exceptions/{blue.Exception}", null)]),
            ("GET /api/policies", [("api/policies", null)]),
            ("GET /api/policies/diff", [("api/policies/diff?from=standard&to=strict", null)]),
            ("GET /api/policies/replay", [($"api/policies/replay?from=minimal&to=strict&system={blue.System}", null)]),
            ("POST /api/policies/check", [("api/policies/check", new { text = "name: x" })]),
            ("GET /api/policies/{name}", [("api/policies/standard", null)]),
            ("PUT /api/policies/{name}", [("api/policies/mine", new { text = "name: mine" })]),
            ("GET /api/policies/{name}/revisions", [("api/policies/mine/revisions", null)]),
            ("PUT /api/policies/{name}/in-force", [("api/policies/mine/in-force", new { revision = 1 })]),
            ("DELETE /api/policies/{name}/in-force", [("api/policies/mine/in-force", null)]),
            ("GET /api/providers", [("api/providers", null)]),
            ("GET /api/routes", [("api/routes", null)]),
            ("GET /api/doctor", [("api/doctor", null)]),
            ("GET /api/calls", [("api/calls?limit=500", null), ($"api/calls?{filter}", null), ($"api/calls?system={blue.System}", null)]),
            ("GET /api/calls/follow", [($"api/calls/follow?{filter}", null)]),
            ("GET /api/calls/{id}", [($"api/calls/{blue.Call}", null), ($"api/calls/{blue.RequestId}", null)]),
            ("GET /api/guard/activity", [("api/guard/activity", null), ($"api/guard/activity?{filter}", null)]),
            ("GET /api/traffic", [("api/traffic", null), ($"api/traffic?{filter}", null)]),
            ("GET /api/traffic/by/{dimension}",
            [
                ("api/traffic/by/system", null), ("api/traffic/by/route", null), ("api/traffic/by/error", null),
                ($"api/traffic/by/model?{filter}", null),
            ]),
        ];
    }

    private static string Day(int fromToday) =>
        TimeProvider.System.GetUtcNow().AddDays(fromToday).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static async Task<List<string>> FindLeaksAsync(HttpClient http, string operation, string path, object? body, Estate blue)
    {
        using var response = await http.SendAsync(operation.Split(' ')[0], path, body);
        if (response.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.NotFound)
        {
            return [];
        }

        if (!response.IsSuccessStatusCode)
        {
            return [$"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync(Ct)}"];
        }

        if (!operation.StartsWith("GET ", StringComparison.Ordinal) && !Own.Contains(operation))
        {
            return [$"was done with {(int)response.StatusCode}"];
        }

        if (response.Content.Headers.ContentType?.MediaType == "text/event-stream")
        {
            return path.Contains(blue.Team.ToString(), StringComparison.Ordinal) ? ["follows a foreign team"] : [];
        }

        var text = await response.Content.ReadAsStringAsync(Ct);
        return [.. blue.Marks.Where(mark => text.Contains(mark, StringComparison.OrdinalIgnoreCase)).Select(mark => $"shows {mark}")];
    }

    private static IEnumerable<(string Name, bool IsOpen)> Operations(TestApp app) =>
        app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText?.TrimStart('/').StartsWith("api/", StringComparison.Ordinal) == true)
            .SelectMany(e => e.Metadata.GetRequiredMetadata<IHttpMethodMetadata>().HttpMethods.Select(method =>
                ($"{method} /{e.RoutePattern.RawText!.TrimStart('/')}", e.Metadata.GetMetadata<IAllowAnonymous>() is not null)));

    private static async Task<JsonElement> NextCallAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync(Ct) is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                return JsonElement.Parse(line["data: ".Length..]);
            }
        }

        throw new InvalidOperationException("The stream ended.");
    }

    private static async Task CallAsync(TestApp app, string key, string model)
    {
        using var http = app.Program(key);
        using var response = await http.SendAsync(
            "POST", "v1/chat/completions", new { model, messages = new[] { new { role = "user", content = "hello" } } });
        await response.Content.ReadAsStringAsync(Ct);
    }

    /// <summary>A team with one of everything that a team can have.</summary>
    private sealed record Estate(
        string Name, Guid Team, Guid System, Guid Key, string Secret, Guid Person, string Token, Guid TokenId, Guid Call, string RequestId,
        Guid Switch,
        Guid Budget, Guid Limit, Guid Label, Guid Review, Guid Exception, Guid Incident)
    {
        public static readonly Estate Nowhere = new(
            "nowhere", Guid.Empty, Guid.Empty, Guid.Empty, "", Guid.Empty, "", Guid.Empty, Guid.Empty, "none", Guid.Empty, Guid.Empty,
            Guid.Empty, Guid.Empty, Guid.Empty, Guid.Empty, Guid.Empty);

        /// <summary>What no other team may read.</summary>
        public IEnumerable<string> Marks =>
        [
            Name, Team.ToString(), System.ToString(), Key.ToString(), Secret[..11], Person.ToString(), TokenId.ToString(), Call.ToString(),
            RequestId,
            Switch.ToString(), Budget.ToString(), Limit.ToString(), Label.ToString(),
            Review.ToString(), Exception.ToString(), Incident.ToString(),
        ];

        public static async Task<Estate> BuildAsync(TestApp app, string name)
        {
            var root = new Person(Guid.Empty, "test", "test", [new Membership(null, Role.Admin)]);
            var team = (await app.Services.GetRequiredService<Teams>().CreateAsync(root, name, Ct)).Id;
            var (person, token) = await app.AddPersonAsync($"admin@{name}.example.org", team, Role.Admin);
            using var http = app.Program(token);
            var system = await http.SendAsync(
                "POST", "api/systems", new { team = name, name = $"{name}-shop", purpose = "p", owner = $"{name} owner" })
                .JsonAsync(HttpStatusCode.Created);
            var key = await http.SendAsync(
                "POST", $"api/systems/{system.Id()}/keys", new { environment = "development", name = $"{name} key" })
                .JsonAsync(HttpStatusCode.Created);
            var spare = await http.SendAsync(
                "POST", $"api/systems/{system.Id()}/keys", new { environment = "staging", name = $"{name} spare" })
                .JsonAsync(HttpStatusCode.Created);
            var thrown = await http.SendAsync(
                "POST", "api/switches", new { kind = "key", subject = spare.GetProperty("key").Text("id"), reason = $"{name} drill" })
                .JsonAsync(HttpStatusCode.Created);
            var tokens = await http.GetAsync("api/tokens", Ct).JsonAsync(HttpStatusCode.OK);

            var budget = await http.SendAsync(
                "POST", "api/budgets", new { name = $"{name}-budget", limit_usd = 100, period = "month", team = name })
                .JsonAsync(HttpStatusCode.Created);
            var limit = await http.SendAsync("POST", "api/limits", new { name = $"{name}-limit", requests_per_minute = 100, team = name })
                .JsonAsync(HttpStatusCode.Created);

            var label = await http.SendAsync(
                "POST", "api/guard/labels",
                new { detector = "pii", type = "PERSON", text = $"{name} text", verdict = "right", system = (Guid?)system.Id() })
                .JsonAsync(HttpStatusCode.Created);

            var exception = await http.SendAsync(
                "POST", "api/exceptions", new { system = system.Id(), until = app.Clock.GetUtcNow().AddDays(9), reason = $"{name} drill" })
                .JsonAsync(HttpStatusCode.Created);

            using var follow = await http.SendAsync("GET", "api/calls/follow");
            using var reader = new StreamReader(await follow.Content.ReadAsStreamAsync(Ct));
            await reader.ReadLineAsync(Ct);
            await CallAsync(app, key.Text("secret"), $"{name}-model");
            var call = await NextCallAsync(reader);
            return new Estate(
                name, team, system.Id(), key.GetProperty("key").Id(), key.Text("secret"), person.Id, token,
                tokens.GetProperty("items")[0].Id(), call.Id(), call.Text("request_id"), thrown.Id(),
                budget.GetProperty("budget").Id(), limit.GetProperty("limit").Id(), label.Id(),
                await AskAsync(app, http, key.Text("secret")), exception.Id(), await BreakAsync(app, http, team, system.Id()));
        }

        /// <summary>A breaker that opened.</summary>
        private static async Task<Guid> BreakAsync(TestApp app, HttpClient http, Guid team, Guid system)
        {
            var breaker = new GuardBreaker(
                "loop", BreakerWatch.Loops, 3, TimeSpan.FromMinutes(1), 1, BreakerAction.Slow, TimeSpan.FromMinutes(1));
            await app.Services.GetRequiredService<Incidents>().RecordAsync(
                new BreakerChanged(
                    team, "s", "test", breaker, 3, new SharedBreaker(system, SystemEnvironment.Staging, "loop", true, 1, 1)), Ct);
            return (await http.GetAsync("api/incidents", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items")[0].Id();
        }

        /// <summary>A call that somebody is asked about afterwards.</summary>
        private static async Task<Guid> AskAsync(TestApp app, HttpClient http, string key)
        {
            using var caller = app.Program(key);
            using var response = await caller.SendAsync(
                "POST", "v1/chat/completions", new { model = "simulator", messages = new[] { new { role = "user", content = Asking } } });
            while (true)
            {
                var items = (await http.GetAsync("api/reviews", Ct).JsonAsync(HttpStatusCode.OK)).GetProperty("items");
                if (items.GetArrayLength() > 0)
                {
                    return items[0].Id();
                }
            }
        }

        /// <summary>Everything as its own administrator sees it.</summary>
        public async Task<string> LookAsync(TestApp app)
        {
            using var http = app.Program(Token);
            var seen = new List<string>();
            foreach (var path in (string[])[
                "teams", "systems", $"systems/{System}/keys", "people", "tokens", "audit", "switches", "limits", "budgets/events",
                "guard/labels", "reviews", $"reviews/{Review}", "exceptions", "incidents", $"calls/{Call}"])
            {
                seen.Add((await http.GetAsync($"api/{path}", Ct).JsonAsync(HttpStatusCode.OK)).GetRawText());
            }

            return string.Join('\n', seen);
        }
    }
}
