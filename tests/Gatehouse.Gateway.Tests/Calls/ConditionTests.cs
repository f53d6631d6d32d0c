using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class ConditionTests
{
    private const string Image =
        """{"model":"fast","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}""";
    private const string Audio =
        """{"model":"fast","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]}""";
    private const string File = """{"model":"fast","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f1"}}]}]}""";
    private const string Tools =
        """{"model":"fast","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}]}""";
    private const string Schema =
        """{"model":"fast","messages":[{"role":"user","content":"Hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object"}}}}""";
    private const string Reasoning = """{"model":"fast","messages":[{"role":"user","content":"Hi"}],"reasoning_effort":"high"}""";

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Image, ModelFeatures.Images)]
    [InlineData(Audio, ModelFeatures.Audio)]
    [InlineData(File, ModelFeatures.Files)]
    [InlineData(Tools, ModelFeatures.Tools)]
    [InlineData(Schema, ModelFeatures.Schema)]
    [InlineData(Reasoning, ModelFeatures.Reasoning)]
    public async Task A_call_passes_by_the_target_that_lacks_what_it_needs(string body, ModelFeatures feature)
    {
        await using var players = new Players(2);
        await using var gateway = await TestGateway.StartAsync([players.Route((0, Lacks(feature)), (1, null))]);

        Assert.Equal("p1", await ServedByAsync(gateway.ChatAsync(body)));
        Assert.Equal("p0", await ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
    }

    [Fact]
    public async Task When_every_target_lacks_it_the_caller_reads_what()
    {
        await using var players = new Players(2);
        var lacks = Lacks(ModelFeatures.Images | ModelFeatures.Audio);
        await using var gateway = await TestGateway.StartAsync([players.Route((0, lacks), (1, lacks))]);

        using var response = await gateway.ChatAsync(Image);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Equal("unsupported_feature", await FallbackTests.ErrorCodeAsync(response));
        Assert.Contains("images.", await response.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Equal("false", PassThroughTests.Header(response, "x-should-retry"));
        Assert.Equal(CallOutcome.Refused, Assert.Single(gateway.Records()).Outcome);
        Assert.Empty(players[0].Exchanges);
    }

    [Fact]
    public async Task A_fallback_never_goes_to_a_target_that_lacks_it()
    {
        await using var broken = new WirePlayer(e => e.AnswerAsync(500, """{"error":{"message":"no"}}"""));
        await using var blind = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var route = TestGateway.RouteTo(broken, blind);
        await using var gateway = await TestGateway.StartAsync(
            [route with { Targets = [route.Targets[0], route.Targets[1] with { Conditions = Lacks(ModelFeatures.Images) }] }]);

        using var response = await gateway.ChatAsync(Image);

        Assert.Equal(500, (int)response.StatusCode);
        Assert.Empty(blind.Exchanges);
    }

    [Fact]
    public async Task The_size_of_the_request_decides()
    {
        await using var players = new Players(2);
        await using var gateway = await TestGateway.StartAsync(
            [players.Route((0, new() { MaxRequestBytes = 1000 }), (1, new() { MinRequestBytes = 1001, MaxRequestBytes = 5000 }))]);
        var large = Wire.ChatRequest.Replace("Hello", new string('x', 2000), StringComparison.Ordinal);

        Assert.Equal("p0", await ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
        Assert.Equal("p1", await ServedByAsync(gateway.ChatAsync(large)));
        using var refused = await gateway.ChatAsync(large.Replace("x", "xxx", StringComparison.Ordinal));
        Assert.Equal(413, (int)refused.StatusCode);
        Assert.Equal("request_size_not_served", await FallbackTests.ErrorCodeAsync(refused));
    }

    [Fact]
    public async Task Metadata_of_the_header_or_the_body_decides_and_the_header_wins()
    {
        await using var players = new Players(2);
        var gold = new TargetConditions { Metadata = [new("tier", ["gold", "silver"])] };
        await using var gateway = await TestGateway.StartAsync([players.Route((0, gold), (1, null))]);
        var body = Wire.ChatRequest.Replace(
            "{\"model\"", "{\"metadata\":{\"tier\":\"silver\",\"other\":[1]},\"model\"", StringComparison.Ordinal);

        Assert.Equal("p1", await ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
        Assert.Equal("p0", await ServedByAsync(gateway.ChatWithAsync(Wire.ChatRequest, "x-gatehouse-metadata", """{"tier":"gold"}""")));
        Assert.Equal("p0", await ServedByAsync(gateway.ChatAsync(body)));
        Assert.Equal("p1", await ServedByAsync(gateway.ChatWithAsync(body, "x-gatehouse-metadata", """{"tier":"bronze"}""")));
        using var refused = await gateway.ChatWithAsync(Wire.ChatRequest, "x-gatehouse-metadata", "tier=gold");
        Assert.Equal(400, (int)refused.StatusCode);
        Assert.Contains("x-gatehouse-metadata", await refused.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_system_that_must_stay_in_a_place_never_leaves_it()
    {
        await using var home = new WirePlayer(e => e.AnswerAsync(500, """{"error":{"message":"no"}}"""));
        await using var away = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var lookalike = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var unknown = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        Route route = new(
            "fast", [In(away, "us", 0), In(home, "eu-west-1", 1), In(lookalike, "europa", 2), In(unknown, null, 3)]) { AttemptsPerTarget =
                1 };
        await using var gateway = await TestGateway.StartAsync([route, new Route("abroad", [route.Targets[0]])]);

        using var failed = await gateway.ChatAsync(Wire.ChatRequest, TestGateway.EuropeanKey);
        using var refused = await gateway.ChatAsync(
            Wire.ChatRequest.Replace("fast", "abroad", StringComparison.Ordinal), TestGateway.EuropeanKey);

        Assert.Equal(500, (int)failed.StatusCode);
        Assert.Equal(403, (int)refused.StatusCode);
        Assert.Equal("residency_not_met", await FallbackTests.ErrorCodeAsync(refused));
        Assert.Equal("false", PassThroughTests.Header(refused, "x-should-retry"));
        Assert.Single(home.Exchanges);
        Assert.Empty(away.Exchanges);
        Assert.Empty(lookalike.Exchanges);
        Assert.Empty(unknown.Exchanges);
        Assert.Equal("us", await ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
    }

    [Fact]
    public async Task Data_goes_only_where_it_is_cleared()
    {
        await using var open = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var cleared = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var route = new Route(
            "fast", [Cleared("low", open, DataClassification.Internal, 0), Cleared("high", cleared, DataClassification.Confidential, 1)]);
        await using var gateway = await TestGateway.StartAsync([route, new Route("low", [route.Targets[0]])]);

        Assert.Equal("low", await ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
        Assert.Equal("high", await ServedByAsync(gateway.ChatAsync(Wire.ChatRequest, TestGateway.ConfidentialKey)));
        using var refused = await gateway.ChatAsync(
            Wire.ChatRequest.Replace("fast", "low", StringComparison.Ordinal), TestGateway.ConfidentialKey);
        Assert.Equal("data_classification_not_met", await FallbackTests.ErrorCodeAsync(refused));
    }

    [Fact]
    public async Task A_canary_gets_its_share_of_users_and_each_user_stays()
    {
        await using var players = new Players(2);
        await using var gateway = await TestGateway.StartAsync([players.Route((0, null), (1, new() { Canary = 0.2 }))]);
        var canaried = 0;

        for (var user = 0; user < 200; user++)
        {
            var first = await ServedByAsync(gateway.ChatWithAsync(Wire.ChatRequest, "x-gatehouse-user", $"user-{user}"));
            var again = await ServedByAsync(
                gateway.ChatAsync(
                    Wire.ChatRequest.Replace("{\"model\"", $"{{\"user\":\"user-{user}\",\"model\"", StringComparison.Ordinal)));
            Assert.Equal(first, again);
            canaried += first == "p1" ? 1 : 0;
        }

        Assert.InRange(canaried, 25, 55);
    }

    [Fact]
    public async Task A_canary_that_fails_falls_back_and_nobody_falls_back_to_it()
    {
        await using var broken = new WirePlayer(e => e.AnswerAsync(500, """{"error":{"message":"no"}}"""));
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var (whole, none) = (TestGateway.RouteTo(broken, good), TestGateway.RouteTo(broken, good));
        whole = whole with { Targets = [whole.Targets[1], whole.Targets[0] with { Conditions = new() { Canary = 1 } }] };
        none = none with { Name = "none", Targets = [none.Targets[0], none.Targets[1] with { Conditions = new() { Canary = 1e-9 } }] };
        await using var gateway = await TestGateway.StartAsync([whole, none]);

        Assert.Equal("p1", await ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
        using var failed = await gateway.ChatAsync(Wire.ChatRequest.Replace("fast", "none", StringComparison.Ordinal));
        Assert.Equal(500, (int)failed.StatusCode);
        Assert.Equal([2, 1], gateway.Records().Select(r => r.Attempts.Count));
    }

    [Fact]
    public async Task What_is_switched_off_gets_no_calls_and_says_why()
    {
        await using var players = new Players(2);
        var route = players.Route((0, null), (1, null));
        var partly = route with { Targets = [route.Targets[0] with { Off = "'enabled' is false." }, route.Targets[1]] };
        var wholly = new Route("wholly", [partly.Targets[0]]);
        await using var gateway = await TestGateway.StartAsync(
            [partly, wholly, new Route("off", [route.Targets[0]]) { Off = "for the night." }]);

        Assert.Equal("p1", await ServedByAsync(gateway.ChatAsync(Wire.ChatRequest)));
        using var none = await gateway.ChatAsync(Wire.ChatRequest.Replace("fast", "wholly", StringComparison.Ordinal));
        using var off = await gateway.ChatAsync(Wire.ChatRequest.Replace("fast", "off", StringComparison.Ordinal));

        Assert.Equal([503, 503], [(int)none.StatusCode, (int)off.StatusCode]);
        Assert.Equal("false", PassThroughTests.Header(none, "x-should-retry"));
        Assert.Equal("false", PassThroughTests.Header(off, "x-should-retry"));
        Assert.Equal("targets_off", await FallbackTests.ErrorCodeAsync(none));
        Assert.Equal("route_off", await FallbackTests.ErrorCodeAsync(off));
        Assert.Contains("for the night.", await off.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Empty(players[0].Exchanges);
    }

    internal static async Task<string> ServedByAsync(Task<HttpResponseMessage> call)
    {
        using var response = await call;
        Assert.Equal(200, (int)response.StatusCode);
        return PassThroughTests.Header(response, "x-gatehouse-served-by")!.Split('/')[0];
    }

    private static TargetConditions Lacks(ModelFeatures features) => new() { Lacks = features };

    private static Target In(WirePlayer player, string? region, int order) =>
        new(TestGateway.Http(region ?? "unknown", player, TimeProvider.System, s => s with { Region = region }), "m", 1, order);

    private static Target Cleared(string name, WirePlayer player, DataClassification most, int order) =>
        new(TestGateway.Http(name, player, TimeProvider.System, s => s with { MaxData = most }), "m", 1, order);

    /// <summary>Providers <c>p0</c>, <c>p1</c> … that answer.</summary>
    private sealed class Players(int count) : IAsyncDisposable
    {
        private readonly WirePlayer[] _players =
            [.. Enumerable.Range(0, count).Select(_ => new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer)))];

        public WirePlayer this[int index] => _players[index];

        public Route Route(params (int Player, TargetConditions? Conditions)[] targets) => new("fast", [.. targets.Select((t, i) =>
            new Target(TestGateway.Http($"p{t.Player}", _players[t.Player]), $"m{t.Player}", 1, i) { Conditions = t.Conditions })]);

        public async ValueTask DisposeAsync()
        {
            foreach (var player in _players)
            {
                await player.DisposeAsync();
            }
        }
    }
}
