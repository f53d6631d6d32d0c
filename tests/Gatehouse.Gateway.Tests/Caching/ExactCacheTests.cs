using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Limits;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;
using Gatehouse.Gateway.Tests.Responses;
using Gatehouse.Guardrails;
using Gatehouse.Guardrails.Pii;
using Gatehouse.Guardrails.Policies;

namespace Gatehouse.Gateway.Tests.Caching;

/// <summary>The cache of whole answers, over HTTP through the real pipeline.</summary>
public sealed class ExactCacheTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;
    private static readonly CachePolicy TenMinutes = new(TimeSpan.FromMinutes(10));
    private static readonly PriceTable Prices = new("p1", new Dictionary<string, Price> { ["p0/m0"] = new(0.000001m, 0.00001m) });

    private readonly ManualClock _clock = new();

    [Fact]
    public async Task The_same_request_is_answered_again_without_a_provider_and_costs_nothing()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes);

        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        _clock.Advance(TimeSpan.FromSeconds(90));
        using var second = await gateway.ChatAsync(Calls.Wire.ChatRequest);

        Assert.Single(player.Exchanges);
        Assert.Equal(await first.Content.ReadAsStringAsync(Ct), await second.Content.ReadAsStringAsync(Ct));
        Assert.Equal(("miss", null), (Cache(first), Header(first, "age")));
        Assert.Equal(("hit", "90", "cache"), (Cache(second), Header(second, "age"), Header(second, "x-gatehouse-served-by")));
        Assert.Equal("application/json", second.Content.Headers.ContentType!.MediaType);
        var (made, kept) = (gateway.Records()[0], gateway.Records()[1]);
        Assert.Equal((CacheUse.Miss, null), (made.Cache, made.SavedNanos));
        Assert.Equal((CallOutcome.Ok, 200, CacheUse.Hit), (kept.Outcome, kept.Status, kept.Cache));
        Assert.Equal((0L, default(TokenUsage), made.CostNanos, made.Usage), (kept.CostNanos, kept.Usage, kept.SavedNanos, kept.Saved));
        Assert.True(made.CostNanos > 0);
        Assert.Equal((null, null, "m-2026"), (kept.Provider, kept.Model, kept.AnsweredModel));
        Assert.Empty(kept.Attempts);
    }

    [Fact]
    public async Task A_route_without_a_policy_keeps_nothing_and_says_nothing()
    {
        await using var player = Numbered();
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], _clock);

        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        using var second = await gateway.ChatAsync(Calls.Wire.ChatRequest);

        Assert.Equal(2, player.Exchanges.Count);
        Assert.Null(Cache(second));
        Assert.Equal((0, 0), (gateway.Answers.Count, gateway.Answers.Bytes));
        Assert.All(gateway.Records(), r => Assert.Equal(CacheUse.None, r.Cache));
    }

    [Fact]
    public async Task An_answer_is_asked_anew_when_its_time_is_over()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes);

        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        _clock.Advance(TimeSpan.FromMinutes(10));
        using var second = await gateway.ChatAsync(Calls.Wire.ChatRequest);

        Assert.Equal(2, player.Exchanges.Count);
        Assert.Equal("miss", Cache(second));
    }

    [Fact]
    public async Task What_has_expired_leaves_the_memory_though_nobody_asks_for_it()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, new CachePolicy(TimeSpan.FromSeconds(30)));
        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        Assert.Equal(1, gateway.Answers.Count);

        _clock.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal((0, 0), (gateway.Answers.Count, gateway.Answers.Bytes));
    }

    [Theory]
    [InlineData(TestGateway.StoringKey, true)] // another key of the same system and environment
    [InlineData(TestGateway.OtherStoringKey, false)]
    [InlineData(TestGateway.OtherTeamKey, false)]
    [InlineData(TestGateway.ProductionKey, false)]
    public async Task Only_the_same_team_system_and_environment_share(string key, bool shares)
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes);

        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        using var second = await gateway.ChatAsync(Calls.Wire.ChatRequest, key);

        Assert.Equal(shares ? "hit" : "miss", Cache(second));
        Assert.Equal(shares ? 1 : 2, player.Exchanges.Count);
    }

    [Theory]
    [InlineData(TestGateway.OtherStoringKey, true)]
    [InlineData(TestGateway.OtherTeamKey, false)]
    [InlineData(TestGateway.ProductionKey, false)]
    public async Task Systems_of_a_team_share_where_the_route_says_so_but_never_teams_or_environments(string key, bool shares)
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes with { Scope = CacheSharing.Team });

        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        using var second = await gateway.ChatAsync(Calls.Wire.ChatRequest, key);

        Assert.Equal(shares ? "hit" : "miss", Cache(second));
    }

    [Fact]
    public async Task End_users_are_kept_apart_where_the_route_says_so_and_calls_without_one_are_not_kept()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes with { Scope = CacheSharing.EndUser });

        Assert.Equal("miss", await AskAsync(gateway, "x-gatehouse-user", "ann"));
        Assert.Equal("hit", await AskAsync(gateway, "x-gatehouse-user", "ann"));
        Assert.Equal("miss", await AskAsync(gateway, "x-gatehouse-user", "ben"));
        Assert.Equal("bypass", await AskAsync(gateway));
        Assert.Equal("bypass", await AskAsync(gateway));
    }

    [Fact]
    public async Task Two_end_users_whose_long_names_begin_alike_share_nothing()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes with { Scope = CacheSharing.EndUser });
        var beginning = new string('x', 500);

        Assert.Equal("miss", await AskAsync(gateway, "x-gatehouse-user", beginning + "ann"));
        Assert.Equal("miss", await AskAsync(gateway, "x-gatehouse-user", beginning + "ben"));
        Assert.Equal("hit", await AskAsync(gateway, "x-gatehouse-user", beginning + "ann"));
    }

    [Fact]
    public async Task What_an_exception_let_through_is_not_served_once_it_is_over()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, Calls.Wire.ChatAnswer.Replace("\"Hi\"", "\"Write to ann@example.org\"", StringComparison.Ordinal)));
        var route = TestGateway.RouteTo(player);
        var accepted = new GuardException(
            "helpdesk", GuardDetector.Pii, [], _clock.GetUtcNow().AddMinutes(5), "the privacy officer", "it answers mail")
        {
            SystemId = TestGateway.HelpdeskId,
        };
        var policy = Guarding.Policy.Of(Guarding.Policy.Pii(GuardAction.Redact, PiiTypes.Email));
        await using var gateway = await TestGateway.StartAsync(
            [route with { Cache = TenMinutes.For(route.Targets, false) }], _clock, policies: Guarding.Policy.Table(policy, accepted));

        var during = await AnswerAsync(gateway);
        var again = await AnswerAsync(gateway);
        _clock.Advance(TimeSpan.FromMinutes(6));
        var after = await AnswerAsync(gateway);

        Assert.Equal(("miss", "hit", "miss"), (during.Cache, again.Cache, after.Cache));
        Assert.Contains("ann@example.org", again.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("ann@example.org", after.Text, StringComparison.Ordinal);

        static async Task<(string? Cache, string Text)> AnswerAsync(TestGateway gateway)
        {
            using var response = await gateway.ChatAsync(Calls.Wire.ChatRequest);
            return (Cache(response), await response.Content.ReadAsStringAsync(Ct));
        }
    }

    [Fact]
    public async Task Calls_that_are_drawn_for_a_canary_and_the_others_each_find_their_own_answer()
    {
        await using var stable = Numbered();
        await using var canary = Numbered();
        var route = TestGateway.RouteTo(stable, canary);
        route = route with { Targets = [route.Targets[0], route.Targets[1] with { Conditions = new() { Canary = 0.5 } }] };
        await using var gateway = await TestGateway.StartAsync([route with { Cache = TenMinutes.For(route.Targets, false) }], _clock);

        for (var i = 0; i < 40; i++)
        {
            await AskAsync(gateway);
        }

        Assert.Equal((1, 1), (stable.Exchanges.Count, canary.Exchanges.Count));
    }

    [Fact]
    public async Task The_caller_decides_by_cache_control()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes);

        Assert.Equal("bypass", await AskAsync(gateway, "cache-control", "no-store"));
        Assert.Equal("miss", await AskAsync(gateway)); // nothing was kept
        _clock.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal("hit", await AskAsync(gateway, "cache-control", "max-age=60"));
        Assert.Equal("miss", await AskAsync(gateway, "cache-control", "max-age=59"));
        Assert.Equal("hit", await AskAsync(gateway, "cache-control", "max-age=59")); // the new answer was kept
        Assert.Equal("bypass", await AskAsync(gateway, "cache-control", "No-Cache, something-new"));
        Assert.Equal(4, player.Exchanges.Count);

        using var newest = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        Assert.Contains("\"answer 4\"", await newest.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task Who_wants_a_kept_answer_only_gets_it_or_a_refusal_that_costs_nothing()
    {
        await using var player = Numbered();
        var kept = TestGateway.RouteTo(player) with { Cache = TenMinutes };
        await using var gateway = await TestGateway.StartAsync([kept, kept with { Name = "plain", Cache = null }], _clock);

        using var refused = await gateway.ChatWithAsync(Calls.Wire.ChatRequest, "cache-control", "only-if-cached");
        using var plain = await gateway.ChatWithAsync(Calls.Wire.ChatRequest.Replace("fast", "plain"), "cache-control", "only-if-cached");
        Assert.Empty(player.Exchanges);
        using var asked = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        using var found = await gateway.ChatWithAsync(Calls.Wire.ChatRequest, "cache-control", "only-if-cached, max-age=5");

        Assert.Equal((504, 504, 200), ((int)refused.StatusCode, (int)plain.StatusCode, (int)found.StatusCode));
        Assert.Contains("not_cached", await refused.Content.ReadAsStringAsync(Ct));
        Assert.Equal("false", Header(refused, "x-should-retry"));
        Assert.Equal((CallOutcome.Refused, "not_cached"), (gateway.Records()[0].Outcome, gateway.Records()[0].ErrorCode));
    }

    [Fact]
    public async Task White_space_and_order_do_not_matter_and_everything_else_does()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes);
        const string Request = """{"model":"fast","temperature":0.5,"messages":[{"role":"user","content":"caf\u00e9"}]}""";
        using var first = await gateway.ChatAsync(Request);

        using var same = await gateway.ChatAsync(
            """{ "messages": [ {"content":"café", "role":"user"} ], "temperature": 0.5, "model": "fast" }""");
        using var warmer = await gateway.ChatAsync(Request.Replace("0.5", "0.6"));
        using var other = await gateway.ChatAsync(Request.Replace("user\"", "system\""));
        using var more = await gateway.ChatAsync(Request.Replace("\"model\"", "\"x\":1,\"model\""));

        Assert.Equal(["hit", "miss", "miss", "miss"], new[] { same, warmer, other, more }.Select(Cache));
    }

    [Fact]
    public async Task What_the_route_ignores_does_not_matter()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes with { Ignore = ["user", "metadata"] });

        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest.Replace("\"model\"", "\"user\":\"ann\",\"model\""));
        using var second = await gateway.ChatAsync(
            Calls.Wire.ChatRequest.Replace("\"model\"", "\"user\":\"ben\",\"metadata\":{\"trace\":\"7\"},\"model\""));

        Assert.Equal("hit", Cache(second));
    }

    [Fact]
    public async Task Warm_calls_are_not_kept_where_the_route_says_so()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes with { MaxTemperature = 0.2 });

        using var unsaid = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        using var warm = await gateway.ChatAsync(Calls.Wire.ChatRequest.Replace("\"model\"", "\"temperature\":1,\"model\""));
        using var cold = await gateway.ChatAsync(Calls.Wire.ChatRequest.Replace("\"model\"", "\"temperature\":0,\"model\""));

        Assert.Equal(["bypass", "bypass", "miss"], new[] { unsaid, warm, cold }.Select(Cache));
    }

    [Fact]
    public async Task A_stream_is_replayed_as_a_stream_and_a_whole_answer_is_another_one()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Calls.Wire.WholeStream), e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await StartAsync(player, TenMinutes);

        using var first = await gateway.ChatAsync(Calls.Wire.StreamRequest);
        var text = await first.Content.ReadAsStringAsync(Ct);
        using var second = await gateway.ChatAsync(Calls.Wire.StreamRequest);
        using var whole = await gateway.ChatAsync(Calls.Wire.ChatRequest);

        Assert.Equal(Calls.Wire.Role + Calls.Wire.Hello + Calls.Wire.Finish + Calls.Wire.Done, text);
        Assert.Equal(text, await second.Content.ReadAsStringAsync(Ct));
        Assert.Equal(("hit", "text/event-stream"), (Cache(second), second.Content.Headers.ContentType!.MediaType));
        Assert.Equal("miss", Cache(whole));
        Assert.Equal(new TokenUsage(9, 0, 0, 0, 3, 0), gateway.Records()[1].Saved);
    }

    [Fact]
    public async Task Answers_of_another_format_are_kept_as_the_client_got_them()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Calls.Wire.WholeMessagesStream));
        var target = new Target(TestGateway.Http("p0", player, WireFormat.Anthropic), "claude-x");
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [target]) { Cache = TenMinutes }], _clock);
        var request = Calls.Wire.StreamRequest.Replace("\"model\"", "\"seed\":7,\"model\"");

        using var first = await gateway.ChatAsync(request);
        var text = await first.Content.ReadAsStringAsync(Ct);
        using var second = await gateway.ChatAsync(request);

        Assert.Single(player.Exchanges);
        Assert.Equal(text, await second.Content.ReadAsStringAsync(Ct));
        Assert.EndsWith(Calls.Wire.Done, text);
        Assert.Equal("seed", Header(second, "x-gatehouse-dropped-params"));
        Assert.Equal(["seed"], gateway.Records()[1].DroppedParameters);
    }

    [Theory]
    [InlineData("length")]
    [InlineData("content_filter")]
    [InlineData("something_new")]
    public async Task An_answer_that_was_cut_is_not_kept(string finish)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer.Replace("\"stop\"", $"\"{finish}\"")));
        await using var gateway = await StartAsync(player, TenMinutes);

        await TwiceAsync(gateway, Calls.Wire.ChatRequest);

        Assert.Equal(2, player.Exchanges.Count);
        Assert.Equal(0, gateway.Answers.Count);
    }

    [Fact]
    public async Task An_answer_of_several_choices_is_not_kept_when_one_of_them_was_cut()
    {
        const string Choices =
            """{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"length"},{"index":1,"message":{"role":"assistant","content":"b"},"finish_reason":"stop"}]}""";
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, Choices), e => e.AnswerAsync(200, Choices.Replace("length", "tool_calls")));
        await using var gateway = await StartAsync(player, TenMinutes);
        var request = Calls.Wire.ChatRequest.Replace("\"model\"", "\"n\":2,\"model\"");

        await TwiceAsync(gateway, request);
        using var third = await gateway.ChatAsync(request);

        Assert.Equal(2, player.Exchanges.Count);
        Assert.Equal("hit", Cache(third));
    }

    [Fact]
    public async Task Failures_and_broken_streams_are_not_kept()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(500, "{}"),
            e => e.AnswerAsync(400, """{"error":{"message":"no"}}"""),
            e => e.StreamAsync(Calls.Wire.Role + Calls.Wire.Hello),
            e => e.StreamAsync(Calls.Wire.Role + Calls.Wire.Hello + Calls.Wire.ErrorEvent));
        await using var gateway = await StartAsync(player, TenMinutes);

        await TwiceAsync(gateway, Calls.Wire.ChatRequest);
        await TwiceAsync(gateway, Calls.Wire.StreamRequest);

        Assert.Equal(4, player.Exchanges.Count);
        Assert.Equal(0, gateway.Answers.Count);
    }

    [Fact]
    public async Task An_answer_beyond_the_limit_reaches_its_client_and_is_not_kept()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes with { MaxEntryBytes = 100 });

        await TwiceAsync(gateway, Calls.Wire.ChatRequest);

        Assert.Equal(2, player.Exchanges.Count);
        Assert.Equal(0, gateway.Answers.Count);
    }

    [Fact]
    public async Task A_body_with_a_member_twice_is_not_looked_up()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes);

        using var response = await gateway.ChatAsync("""{"model":"fast","messages":[{"role":"user","content":"a","content":"b"}]}""");

        Assert.Equal("bypass", Cache(response));
    }

    [Theory]
    [InlineData("anthropic-beta", "context-1m-2025-08-07")]
    [InlineData("anthropic-version", "2023-01-01")]
    public async Task A_header_that_changes_the_answer_makes_another_request(string name, string value)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.MessagesAnswer));
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player) with { Cache = TenMinutes }], _clock);
        using var first = await gateway.MessagesAsync(Calls.Wire.MessagesRequest);
        using var again = await gateway.MessagesAsync(Calls.Wire.MessagesRequest);

        gateway.Client.DefaultRequestHeaders.Add(name, value);
        using var other = await gateway.MessagesAsync(Calls.Wire.MessagesRequest);

        Assert.Equal(("hit", "miss"), (Cache(again), Cache(other)));
    }

    [Fact]
    public async Task A_change_of_the_routes_targets_or_policy_leaves_old_answers_behind()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes);
        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);

        var route = TestGateway.RouteTo(player);
        var changed = route with { Targets = [route.Targets[0] with { Weight = 7 }] };
        Publish(gateway, changed with { Cache = TenMinutes.For(changed.Targets, false) });
        Assert.Equal("hit", await AskAsync(gateway));

        var renamed = route with { Targets = [new Target(route.Targets[0].Provider, "other")] };
        Publish(gateway, renamed with { Cache = TenMinutes.For(renamed.Targets, false) });
        Assert.Equal("miss", await AskAsync(gateway));
    }

    [Fact]
    public async Task An_answer_of_a_target_that_was_switched_off_is_not_served()
    {
        await using var player = Numbered();
        await using var other = Numbered();
        var route = TestGateway.RouteTo(player, other);
        route = route with { Cache = TenMinutes.For(route.Targets, false) };
        await using var gateway = await TestGateway.StartAsync([route], _clock);
        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);

        Publish(gateway, route with { Targets = [route.Targets[0] with { Off = "it says things." }, route.Targets[1]] });

        Assert.Equal("miss", await AskAsync(gateway));
        Assert.Single(other.Exchanges);
        Publish(gateway, route with { Off = "closed." });
        using var closed = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        Assert.Equal(503, (int)closed.StatusCode);
    }

    [Fact]
    public async Task Limits_of_requests_hold_for_kept_answers_and_budgets_do_not()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes);
        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        var book = new AllowanceBook(_clock);
        Publish(gateway, gateway.Tables.Current.Routes.Routes[0],
            new LimitTable([Rule(Measure.Money, 0), Rule(Measure.Requests, 1)], book));
        foreach (var allowance in book.All)
        {
            allowance.Current(_clock.GetUtcNow()).Grant(allowance.Rule.Cap, 0, 0);
        }

        using var second = await gateway.ChatAsync(Calls.Wire.ChatRequest);
        using var third = await gateway.ChatAsync(Calls.Wire.ChatRequest);

        Assert.Equal((200, "hit", 429), ((int)second.StatusCode, Cache(second), (int)third.StatusCode));
        Assert.Single(player.Exchanges);
    }

    [Theory]
    [InlineData("\"store\":false,", "hit")]
    [InlineData("", "bypass")]
    public async Task A_response_that_is_stored_is_one_of_its_own(string store, string expected)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, ResponsesWire.Answer));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player) with { Cache = TenMinutes }], _clock);
        var body = ResponsesWire.Request.Replace("{\"model\"", "{" + store + "\"model\"");

        using var first = await gateway.PostAsync("/v1/responses", body, TestGateway.StoringKey, Ct);
        using var second = await gateway.PostAsync("/v1/responses", body, TestGateway.StoringKey, Ct);

        Assert.Equal(expected, Cache(second));
    }

    [Fact]
    public async Task Kept_answers_are_stored_as_content_like_any_other()
    {
        await using var player = Numbered();
        await using var gateway = await StartAsync(player, TenMinutes);

        using var first = await gateway.ChatAsync(Calls.Wire.ChatRequest, TestGateway.StoringKey);
        using var second = await gateway.ChatAsync(Calls.Wire.ChatRequest, TestGateway.StoringKey);

        Assert.True(gateway.Contents.TryRead(out var made) && gateway.Contents.TryRead(out var kept)
            && made.Response.Span.SequenceEqual(kept.Response.Span));
    }

    [Fact]
    public async Task Googles_stream_as_an_array_is_not_its_stream_of_events()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Calls.Wire.GeminiHello + Calls.Wire.GeminiEnd));
        var target = new Target(TestGateway.Http("p0", player, WireFormat.Gemini), "gemini-x");
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [target]) { Cache = TenMinutes }], _clock);

        using var events = await gateway.PostAsync("/v1beta/models/fast:streamGenerateContent?alt=sse", Calls.Wire.GeminiRequest, ct: Ct);
        await events.Content.ReadAsStringAsync(Ct);
        using var array = await gateway.PostAsync("/v1beta/models/fast:streamGenerateContent", Calls.Wire.GeminiRequest, ct: Ct);
        var text = await array.Content.ReadAsStringAsync(Ct);
        using var again = await gateway.PostAsync("/v1beta/models/fast:streamGenerateContent", Calls.Wire.GeminiRequest, ct: Ct);

        Assert.Equal(("miss", "hit"), (Cache(array), Cache(again)));
        Assert.Equal(text, await again.Content.ReadAsStringAsync(Ct));
        Assert.Equal("application/json", again.Content.Headers.ContentType!.MediaType);
        Assert.Equal(2, JsonElement.Parse(text).GetArrayLength());
    }

    internal static WirePlayer Numbered()
    {
        var count = 0;
        return new WirePlayer(
            e => e.AnswerAsync(200, Calls.Wire.ChatAnswer.Replace("\"Hi\"", $"\"answer {Interlocked.Increment(ref count)}\"")));
    }

    internal static string? Cache(HttpResponseMessage response) => Header(response, "x-gatehouse-cache");

    internal static string? Header(HttpResponseMessage response, string name) => PassThroughTests.Header(response, name);

    private Task<TestGateway> StartAsync(WirePlayer player, CachePolicy policy)
    {
        var route = TestGateway.RouteTo(player);
        return TestGateway.StartAsync([route with { Cache = policy.For(route.Targets, false) }], _clock, Prices);
    }

    private static async Task<string?> AskAsync(TestGateway gateway, params string[] headers)
    {
        using var response = await gateway.ChatWithAsync(Calls.Wire.ChatRequest, headers);
        return Cache(response);
    }

    private static async Task TwiceAsync(TestGateway gateway, string request)
    {
        for (var i = 0; i < 2; i++)
        {
            using var response = await gateway.ChatAsync(request);
            await response.Content.ReadAsStringAsync(Ct);
        }
    }

    private static void Publish(TestGateway gateway, Route route, LimitTable? limits = null)
    {
        var old = gateway.Tables.Current;
        gateway.Tables.Publish(new GatewayTable
        {
            Revision = "r2", Keys = old.Keys, Routes = new RouteTable([route]), Prices = old.Prices, Limits = limits ?? old.Limits,
        });
    }

    private static LimitRule Rule(Measure measure, long cap) =>
        new(Guid.CreateVersion7(), "r", new CallScope(null), measure, LimitPeriod.Day, cap, true, UnknownPrice.Count);
}
