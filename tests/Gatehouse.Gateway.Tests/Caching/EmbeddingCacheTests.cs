using System.Buffers.Binary;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Caching;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;

namespace Gatehouse.Gateway.Tests.Caching;

/// <summary>Vectors kept one by one, over HTTP through the real pipeline.</summary>
public sealed class EmbeddingCacheTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;
    private static readonly PriceTable Prices = new("p1", new Dictionary<string, Price> { ["p0/m0"] = new(0.000001m, 0m) });
    private static readonly CachePolicy Policy = new(TimeSpan.FromHours(1));

    private readonly ManualClock _clock = new();

    [Fact]
    public async Task A_batch_asks_only_for_what_is_new_and_comes_back_in_its_order()
    {
        await using var player = Lengths();
        await using var gateway = await StartAsync(player);

        using var first = await PostAsync(gateway, """{"model":"fast","input":["one","three"]}""");
        using var second = await PostAsync(gateway, """{"model":"fast","input":["seventeen","three","x","one","x"]}""");
        using var third = await PostAsync(gateway, """{"model":"fast","input":["one","x","seventeen"]}""");

        Assert.Equal("""["seventeen","x"]""", JsonElement.Parse(player.Last.Body).GetProperty("input").GetRawText());
        Assert.Equal(2, player.Exchanges.Count);
        Assert.Equal(["miss", "partial", "hit"], new[] { first, second, third }.Select(ExactCacheTests.Cache));
        Assert.Equal((float[])[9f, 5f, 1f, 3f, 1f], await VectorsAsync(second));
        Assert.Equal((float[])[3f, 1f, 9f], await VectorsAsync(third));
        Assert.Equal((10, 0), (await TokensAsync(second), await TokensAsync(third)));
    }

    [Fact]
    public async Task Records_tell_what_was_asked_and_what_was_saved()
    {
        await using var player = Lengths();
        await using var gateway = await StartAsync(player);
        using var first = await PostAsync(gateway, """{"model":"fast","input":["one","three"]}""");
        using var second = await PostAsync(gateway, """{"model":"fast","input":["three","x"]}""");
        using var third = await PostAsync(gateway, """{"model":"fast","input":"x"}""");

        var (made, part, kept) = (gateway.Records()[0], gateway.Records()[1], gateway.Records()[2]);
        Assert.Equal((CacheUse.Miss, 8_000L, null), (made.Cache, made.CostNanos, made.SavedNanos));
        Assert.Equal((CacheUse.Partial, 1_000L, 5_000L), (part.Cache, part.CostNanos, part.SavedNanos));
        Assert.Equal((new TokenUsage(1, 0, 0, 0, 0, 0), new TokenUsage(5, 0, 0, 0, 0, 0)), (part.Usage, part.Saved));
        Assert.Equal("p0", part.Provider);
        Assert.Equal((CacheUse.Hit, 0L, 1_000L, null), (kept.Cache, kept.CostNanos, kept.SavedNanos, kept.Provider));
        Assert.Equal("m-2026", kept.AnsweredModel);
    }

    [Fact]
    public async Task Either_way_of_writing_vectors_gets_the_same_ones()
    {
        await using var player = Lengths();
        await using var gateway = await StartAsync(player);
        using var numbers = await PostAsync(gateway, """{"model":"fast","input":["one"]}""");

        using var encoded = await PostAsync(gateway, """{"model":"fast","input":["one","three"],"encoding_format":"base64"}""");

        Assert.Equal("partial", ExactCacheTests.Cache(encoded));
        Assert.Equal((float[])[3f, 5f], await VectorsAsync(encoded));
    }

    [Theory]
    [InlineData("\"dimensions\":2,")]
    [InlineData("\"input_type\":\"search_query\",")]
    public async Task Another_parameter_asks_for_other_vectors(string parameter)
    {
        await using var player = Lengths();
        await using var gateway = await StartAsync(player);
        using var first = await PostAsync(gateway, """{"model":"fast","input":["one"]}""");

        using var second = await PostAsync(gateway, """{"model":"fast",X"input":["one"]}""".Replace("X", parameter));

        Assert.Equal("miss", ExactCacheTests.Cache(second));
    }

    [Theory]
    [InlineData(TestGateway.OtherStoringKey)]
    [InlineData(TestGateway.OtherTeamKey)]
    [InlineData(TestGateway.ProductionKey)]
    public async Task Teams_systems_and_environments_do_not_share(string key)
    {
        await using var player = Lengths();
        await using var gateway = await StartAsync(player);
        using var first = await PostAsync(gateway, """{"model":"fast","input":["one"]}""");

        using var second = await PostAsync(gateway, """{"model":"fast","input":["one"]}""", key);

        Assert.Equal("miss", ExactCacheTests.Cache(second));
    }

    [Fact]
    public async Task Routes_whose_targets_are_different_models_keep_none()
    {
        await using var player = Lengths();
        var route = TestGateway.RouteTo(player, player);
        await using var gateway = await TestGateway.StartAsync([route with { Cache = Policy }], _clock);

        using var response = await PostAsync(gateway, """{"model":"fast","input":["one"]}""");

        Assert.Equal("bypass", ExactCacheTests.Cache(response));
        Assert.Equal(0, gateway.Vectors.Bytes);
    }

    [Fact]
    public async Task Tokens_in_place_of_text_pass_by()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, """{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]}],"model":"m"}"""));
        await using var gateway = await StartAsync(player);

        using var response = await PostAsync(gateway, """{"model":"fast","input":[1,2,3]}""");

        Assert.Equal((200, "bypass"), ((int)response.StatusCode, ExactCacheTests.Cache(response)));
    }

    [Fact]
    public async Task Vectors_of_a_kind_that_is_not_known_pass_as_they_came()
    {
        const string Odd = """{"object":"list","data":[{"object":"embedding","index":0,"embedding":{"int8":[1]}}],"model":"m"}""";
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Odd));
        await using var gateway = await StartAsync(player);

        using var response = await PostAsync(gateway, """{"model":"fast","input":["one"]}""");

        Assert.Equal(Odd, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(0, gateway.Vectors.Bytes);
    }

    [Fact]
    public async Task A_translated_batch_asks_only_for_what_is_new_too()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, """{"embeddings":[{"values":[1]},{"values":[2]}]}"""), e =>
                e.AnswerAsync(200, """{"embeddings":[{"values":[3]}]}"""));
        var target = new Target(TestGateway.Http("p0", player, WireFormat.Gemini), "gemini-embed");
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [target]) { Cache = Policy }], _clock);

        using var first = await PostAsync(gateway, """{"model":"fast","input":["one","two"]}""");
        using var second = await PostAsync(gateway, """{"model":"fast","input":["two","three"]}""");

        Assert.Equal((float[])[2f, 3f], await VectorsAsync(second));
        Assert.Equal(1, JsonElement.Parse(player.Last.Body).GetProperty("requests").GetArrayLength());
    }

    [Fact]
    public async Task The_caller_decides_by_cache_control()
    {
        await using var player = Lengths();
        await using var gateway = await StartAsync(player);
        const string Body = """{"model":"fast","input":["one"]}""";
        using var first = await PostAsync(gateway, Body);

        gateway.Client.DefaultRequestHeaders.Add("cache-control", "no-cache");
        using var fresh = await PostAsync(gateway, Body);
        gateway.Client.DefaultRequestHeaders.Remove("cache-control");
        gateway.Client.DefaultRequestHeaders.Add("cache-control", "only-if-cached");
        using var kept = await PostAsync(gateway, Body);
        using var missing = await PostAsync(gateway, Body.Replace("one", "two"));

        Assert.Equal(("bypass", "hit", 504), (ExactCacheTests.Cache(fresh), ExactCacheTests.Cache(kept), (int)missing.StatusCode));
        Assert.Equal(2, player.Exchanges.Count);
    }

    /// <summary>The vector of a text is its length, and so is its count of tokens.</summary>
    private static WirePlayer Lengths() => new(e =>
    {
        var input = JsonElement.Parse(e.Body).GetProperty("input");
        int[] lengths = input.ValueKind == JsonValueKind.String
            ? [input.GetString()!.Length]
            : [.. input.EnumerateArray().Select(t => t.GetString()!.Length)];
        var data = string.Join(",", lengths.Select((l, i) => $$"""{"object":"embedding","index":{{i}},"embedding":[{{l}}]}"""));
        return e.AnswerAsync(
            200, $$$"""{"object":"list","data":[{{{data}}}],"model":"m-2026","usage":{"prompt_tokens":{{{lengths.Sum()}}},"total_tokens":{{{lengths.Sum()}}}}}""");
    });

    private static Task<HttpResponseMessage> PostAsync(TestGateway gateway, string body, string key = TestGateway.Key) =>
        gateway.PostAsync("/v1/embeddings", body, key, Ct);

    private static async Task<float[]> VectorsAsync(HttpResponseMessage response) =>
    [
        .. JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("data").EnumerateArray().Select((d, i) =>
        {
            Assert.Equal(i, d.GetProperty("index").GetInt32());
            var vector = d.GetProperty("embedding");
            return vector.ValueKind == JsonValueKind.String
                ? BinaryPrimitives.ReadSingleLittleEndian(vector.GetBytesFromBase64())
                : vector[0].GetSingle();
        }),
    ];

    private static async Task<int> TokensAsync(HttpResponseMessage response) =>
        JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("usage").GetProperty("prompt_tokens").GetInt32();

    private Task<TestGateway> StartAsync(WirePlayer player) =>
        TestGateway.StartAsync([TestGateway.RouteTo(player) with { Cache = Policy }], _clock, Prices);
}
