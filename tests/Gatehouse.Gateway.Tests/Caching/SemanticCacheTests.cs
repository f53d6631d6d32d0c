using System.Globalization;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;

namespace Gatehouse.Gateway.Tests.Caching;

/// <summary>Similar questions, embedded by a provider whose vectors the test writes down.</summary>
public sealed class SemanticCacheTests
{
    private const string Question = "How do I reset my password?";
    private const string Similar = "How can I reset my password?";
    private const string Different = "What is the weather?";
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;
    /// <summary>Nothing else waits just so long, which tells its timer from others.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(1700);

    private static readonly CachePolicy Policy = new(
        TimeSpan.FromMinutes(10)) { Semantic = new("embedder", 0.95, TimeSpan.FromMinutes(5)) { Timeout = Patience } };

    private readonly ManualClock _clock = new();

    [Fact]
    public async Task A_similar_question_gets_the_answer_and_is_told_how_similar_it_is()
    {
        await using var player = ExactCacheTests.Numbered();
        await using var embedder = Embedder();
        await using var gateway = await StartAsync(player, embedder);

        using var first = await gateway.ChatAsync(Ask(Question));
        _clock.Advance(TimeSpan.FromSeconds(7));
        using var second = await gateway.ChatAsync(Ask(Similar));
        using var other = await gateway.ChatAsync(Ask(Different));

        Assert.Equal(["miss", "semantic", "miss"], new[] { first, second, other }.Select(ExactCacheTests.Cache));
        Assert.Equal(await first.Content.ReadAsStringAsync(Ct), await second.Content.ReadAsStringAsync(Ct));
        Assert.InRange(
            double.Parse(ExactCacheTests.Header(second, "x-gatehouse-cache-similarity")!, CultureInfo.InvariantCulture), 0.95, 0.9999);
        Assert.Equal("7", ExactCacheTests.Header(second, "age"));
        Assert.Equal(2, player.Exchanges.Count);
    }

    [Fact]
    public async Task Embedding_is_a_call_of_the_same_principal_in_the_same_trace()
    {
        await using var player = ExactCacheTests.Numbered();
        await using var embedder = Embedder();
        await using var gateway = await StartAsync(player, embedder);

        using var response = await gateway.ChatWithAsync(
            Ask(Question), "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");

        var (embedded, asked) = (gateway.Records()[0], gateway.Records()[1]);
        Assert.Equal(("embeddings", "embedder", CallOutcome.Ok), (embedded.Surface, embedded.Route, embedded.Outcome));
        Assert.Equal(
            (asked.TeamId, asked.SystemId, asked.KeyId, asked.Environment),
            (embedded.TeamId, embedded.SystemId, embedded.KeyId, embedded.Environment));
        Assert.Equal((asked.TraceId, asked.SpanId), (embedded.TraceId, embedded.ParentSpanId));
        Assert.Equal(new TokenUsage(7, 0, 0, 0, 0, 0), embedded.Usage);
        Assert.Equal("""{"model":"e","input":"How do I reset my password?"}""", embedder.Last.Body);
    }

    [Theory]
    [InlineData(TestGateway.OtherStoringKey)]
    [InlineData(TestGateway.OtherTeamKey)]
    [InlineData(TestGateway.ProductionKey)]
    public async Task A_question_of_another_team_system_or_environment_never_gets_it_however_similar(string key)
    {
        await using var player = ExactCacheTests.Numbered();
        await using var embedder = Embedder();
        await using var gateway = await StartAsync(player, embedder);
        using var first = await gateway.ChatAsync(Ask(Question));

        using var similar = await gateway.ChatAsync(Ask(Similar), key);
        using var same = await gateway.ChatAsync(Ask(Question + " "), key); // the same vector to the last bit

        Assert.NotEqual("semantic", ExactCacheTests.Cache(similar));
        Assert.Equal(1, player.Exchanges.Count(e => e.Body.Contains(Question + "\"", StringComparison.Ordinal)));
        Assert.DoesNotContain("answer 1", await similar.Content.ReadAsStringAsync(Ct) + await same.Content.ReadAsStringAsync(Ct));
    }

    [Theory]
    [InlineData("\"model\"", "\"temperature\":0,\"model\"")]
    [InlineData("Be brief", "Be verbose")]
    [InlineData("Earlier", "Later")]
    [InlineData("\"model\"", "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"model\"")]
    public async Task The_rest_of_the_request_must_be_the_same(string what, string by)
    {
        await using var player = ExactCacheTests.Numbered();
        await using var embedder = Embedder();
        await using var gateway = await StartAsync(player, embedder);

        using var first = await gateway.ChatAsync(Ask(Question));
        using var second = await gateway.ChatAsync(Ask(Similar).Replace(what, by));

        Assert.Equal("miss", ExactCacheTests.Cache(second));
    }

    [Fact]
    public async Task Its_own_time_bounds_it()
    {
        await using var player = ExactCacheTests.Numbered();
        await using var embedder = Embedder();
        await using var gateway = await StartAsync(player, embedder);
        using var first = await gateway.ChatAsync(Ask(Question));
        _clock.Advance(TimeSpan.FromMinutes(6));

        using var second = await gateway.ChatAsync(Ask(Similar));
        using var exact = await gateway.ChatAsync(Ask(Question));

        Assert.Equal(("miss", "hit"), (ExactCacheTests.Cache(second), ExactCacheTests.Cache(exact)));
    }

    [Theory]
    [InlineData("""[{"role":"user","content":"a"},{"role":"assistant","content":"How do I reset my password?"}]""")]
    [InlineData("""[{"role":"user","content":[{"type":"text","text":"How do I reset my password?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]""")]
    public async Task Nothing_is_embedded_where_the_last_word_is_not_a_users_text(string messages)
    {
        await using var player = ExactCacheTests.Numbered();
        await using var embedder = Embedder();
        await using var gateway = await StartAsync(player, embedder);

        using var response = await gateway.ChatAsync($$"""{"model":"fast","messages":{{messages}}}""");

        Assert.Equal("miss", ExactCacheTests.Cache(response));
        Assert.Empty(embedder.Exchanges);
    }

    [Fact]
    public async Task A_call_whose_question_cannot_be_embedded_is_answered_all_the_same()
    {
        await using var player = ExactCacheTests.Numbered();
        await using var embedder = new WirePlayer(e => e.AnswerAsync(500, "{}"));
        await using var gateway = await StartAsync(player, embedder);

        using var response = await gateway.ChatAsync(Ask(Question));

        Assert.Equal((200, "miss"), ((int)response.StatusCode, ExactCacheTests.Cache(response)));
        Assert.Equal([CallOutcome.Failed, CallOutcome.Ok], gateway.Records().Select(r => r.Outcome));
    }

    [Fact]
    public async Task A_call_does_not_wait_long_for_its_questions_vector()
    {
        await using var player = ExactCacheTests.Numbered();
        var silence = new TaskCompletionSource();
        await using var embedder = new WirePlayer(e => silence.Task);
        await using var gateway = await StartAsync(player, embedder);

        var asked = gateway.ChatAsync(Ask(Question));
        await _clock.ArmedAsync(Policy.Semantic!.Timeout);
        _clock.Advance(Policy.Semantic.Timeout);
        using var response = await asked;
        silence.SetResult();

        Assert.Equal((200, "miss"), ((int)response.StatusCode, ExactCacheTests.Cache(response)));
        Assert.Equal(
            [("question_timeout", CallOutcome.Cancelled), (null, CallOutcome.Ok)], gateway.Records().Select(r => (r.ErrorCode, r.Outcome)));
    }

    [Fact]
    public async Task Other_formats_know_it_too()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.MessagesAnswer));
        await using var embedder = Embedder();
        await using var gateway = await TestGateway.StartAsync(
            [PassThroughTests.Anthropic(player) with { Cache = Policy }, EmbedderRoute(embedder)], _clock);
        using var first = await gateway.MessagesAsync(Calls.Wire.MessagesRequest.Replace("Hello", Question));
        using var second = await gateway.MessagesAsync(Calls.Wire.MessagesRequest.Replace("Hello", Similar));

        Assert.Equal(("miss", "semantic"), (ExactCacheTests.Cache(first), ExactCacheTests.Cache(second)));
    }

    [Fact]
    public async Task Vectors_of_questions_come_from_the_embedding_routes_cache_when_it_has_one()
    {
        await using var player = ExactCacheTests.Numbered();
        await using var embedder = Embedder();
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(player) with { Cache = Policy }, EmbedderRoute(embedder) with { Cache = new(TimeSpan.FromMinutes(10)) }],
            _clock);

        using var first = await gateway.ChatAsync(Ask(Question));
        using var second = await gateway.ChatAsync(Ask(Question).Replace("\"model\"", "\"temperature\":1,\"model\""));

        Assert.Equal(2, player.Exchanges.Count);
        Assert.Single(embedder.Exchanges);
        Assert.Equal(CacheUse.Hit, gateway.Records()[2].Cache);
    }

    [Fact]
    public async Task A_shelf_forgets_what_the_cache_forgets()
    {
        await using var player = ExactCacheTests.Numbered();
        await using var embedder = Embedder();
        await using var gateway = await StartAsync(player, embedder);
        using var first = await gateway.ChatAsync(Ask(Question));
        Assert.True(gateway.Answers.Bytes > 0);

        _clock.Advance(TimeSpan.FromMinutes(11));

        Assert.Equal((0, 0, 0), (gateway.Answers.Count, gateway.Answers.Bytes, gateway.Answers.Shelves));
    }

    private static string Ask(string question) =>
        $$"""{"model":"fast","messages":[{"role":"system","content":"Be brief"},{"role":"user","content":"Earlier"},{"role":"assistant","content":"Yes"},{"role":"user","content":"{{question}}"}]}""";

    private static WirePlayer Embedder() => new(e =>
    {
        var text = JsonElement.Parse(e.Body).GetProperty("input").GetString()!;
        var vector = text.StartsWith(Similar, StringComparison.Ordinal)
            ? "[0.9,0.1,0.1]"
            : text.StartsWith(Different, StringComparison.Ordinal) ? "[0,1,0]" : "[1,0.1,0]";
        return e.AnswerAsync(
            200, $$$"""{"object":"list","data":[{"object":"embedding","index":0,"embedding":{{{vector}}}}],"model":"e-1","usage":{"prompt_tokens":7,"total_tokens":7}}""");
    });

    private static Route EmbedderRoute(WirePlayer embedder) =>
        new("embedder", [new Target(TestGateway.Http("pe", embedder), "e")]) { AttemptsPerTarget = 1 };

    private Task<TestGateway> StartAsync(WirePlayer player, WirePlayer embedder) =>
        TestGateway.StartAsync([TestGateway.RouteTo(player) with { Cache = Policy }, EmbedderRoute(embedder)], _clock);
}
