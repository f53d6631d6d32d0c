using System.Buffers.Binary;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class EmbeddingsTests
{
    private const string Path = "/v1/embeddings";
    private const string Request = """{"model":"fast","input":["one","two"],"x_unknown":1}""";
    private const string Base64Request = """{"model":"fast","input":["one","two"],"encoding_format":"base64"}""";
    private const string Answer =
        """{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]},{"object":"embedding","index":1,"embedding":[2,3.25]}],"model":"m-2026","usage":{"prompt_tokens":7,"total_tokens":7}}""";

    private const string GeminiAnswer = """{"embeddings":[{"values":[0.5,-1]},{"values":[2,3.25]}]}""";
    private const string GeminiBatch =
        """{"requests":[{"model":"models/fast","content":{"parts":[{"text":"one"}]},"taskType":"RETRIEVAL_QUERY"},{"model":"models/fast","content":{"parts":[{"text":"two"}]},"taskType":"RETRIEVAL_QUERY"}]}""";

    private const string CohereAnswer =
        """{"id":"e1","embeddings":{"float":[[0.5,-1],[2,3.25]]},"texts":["one","two"],"meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":4}},"response_type":"embeddings_by_type"}""";

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Bytes_pass_through_with_the_targets_model_and_tokens_are_recorded()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync(Path, Request, ct: Ct);

        Assert.Equal(Answer, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(Request.Replace("\"fast\"", "\"m0\""), player.Last.Body);
        Assert.StartsWith("POST /v1/embeddings HTTP/1.1\r\n", player.Last.Head);
        var record = Assert.Single(gateway.Records());
        Assert.Equal(("embeddings", "fast", "m0", "m-2026"), (record.Surface, record.Route, record.Model, record.AnsweredModel));
        Assert.Equal(new TokenUsage(7, 0, 0, 0, 0, 0), record.Usage);
        Assert.Equal(CallOutcome.Ok, record.Outcome);
    }

    [Theory]
    [InlineData("""{"model":"fast","input":["one","two"]}""", "search_document", false, "")]
    [InlineData("""{"model":"fast","input":["one","two"],"encoding_format":"base64","input_type":"search_query","dimensions":256}""",
        "search_query", true, ",\"output_dimension\":256")]
    public async Task Cohere_is_told_what_the_texts_are_for(string body, string purpose, bool base64, string more)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, CohereAnswer));
        await using var gateway = await TestGateway.StartAsync([CohereRoute(player)]);

        using var response = await gateway.PostAsync(Path, body, ct: Ct);

        Assert.StartsWith("POST /v1/embed HTTP/1.1\r\n", player.Last.Head);
        Assert.Equal(
            $$"""{"model":"embed-v4.0","input_type":"{{purpose}}","texts":["one","two"],"embedding_types":["float"]{{more}}}""",
            player.Last.Body);
        var answer = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct));
        var second = answer.GetProperty("data")[1].GetProperty("embedding");
        Assert.Equal([2f, 3.25f], base64 ? Floats(second.GetBytesFromBase64()) : second.EnumerateArray().Select(v => v.GetSingle()));
        Assert.Equal(4, answer.GetProperty("usage").GetProperty("total_tokens").GetInt32());
        Assert.Equal(new TokenUsage(4, 0, 0, 0, 0, 0), Assert.Single(gateway.Records()).Usage);
    }

    [Theory]
    [InlineData("RETRIEVAL_QUERY", "search_query", null)]
    [InlineData("SEMANTIC_SIMILARITY", "search_document", "taskType")]
    public async Task Googles_purposes_are_said_in_coheres_words_where_it_has_any(string task, string purpose, string? dropped)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, CohereAnswer));
        await using var gateway = await TestGateway.StartAsync([CohereRoute(player)]);

        using var response = await gateway.PostAsync(
            "/v1beta/models/fast:batchEmbedContents", GeminiBatch.Replace("RETRIEVAL_QUERY", task), ct: Ct);

        Assert.Equal(GeminiAnswer, await response.Content.ReadAsStringAsync(Ct));
        Assert.Contains($"\"input_type\":\"{purpose}\"", player.Last.Body);
        Assert.Equal(dropped, PassThroughTests.Header(response, "x-gatehouse-dropped-params"));
    }

    [Fact]
    public async Task More_texts_than_cohere_takes_are_asked_for_in_parts_and_answered_as_one()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, CohereVectors(e)));
        await using var gateway = await TestGateway.StartAsync([CohereRoute(player)], prices: CoherePrices);

        using var response = await gateway.PostAsync(Path, Many(200), ct: Ct);

        var data = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("data").EnumerateArray().ToList();
        Assert.Equal(Enumerable.Range(0, 200), data.Select(d => d.GetProperty("index").GetInt32()));
        Assert.Equal(Enumerable.Range(0, 200), data.Select(d => (int)d.GetProperty("embedding")[0].GetSingle()));
        Assert.Equal([96, 96, 8], player.Exchanges.Select(e => Texts(e).Count));
        var record = Assert.Single(gateway.Records());
        Assert.Equal((new TokenUsage(200, 0, 0, 0, 0, 0), 200_000), (record.Usage, record.CostNanos));
        Assert.Equal(200, Assert.Single(record.Attempts).Usage!.Value.TotalInput);
    }

    [Fact]
    public async Task Parts_that_were_paid_for_before_one_failed_are_in_the_books()
    {
        var limited = 0;
        await using var player = new WirePlayer(e => Interlocked.Increment(ref limited) == 2
            ? e.AnswerAsync(429, """{"message":"slow down"}""")
            : e.AnswerAsync(200, CohereVectors(e)));
        await using var gateway = await TestGateway.StartAsync([CohereRoute(player) with { AttemptsPerTarget = 2 }], prices: CoherePrices);

        using var response = await gateway.PostAsync(Path, Many(100), ct: Ct);

        Assert.Equal(200, (int)response.StatusCode);
        var record = Assert.Single(gateway.Records());
        Assert.Equal([(429, 96), (200, 100)], record.Attempts.Select(a => (a.Status, (int)a.Usage!.Value.TotalInput)));
        Assert.Equal((196, 196_000), (record.Usage!.Value.TotalInput, record.CostNanos));
    }

    [Fact]
    public async Task More_texts_than_google_takes_are_asked_for_in_parts_too()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(
            200,
            $$"""{"embeddings":[{{string.Join(',', JsonElement.Parse(e.Body).GetProperty("requests").EnumerateArray().Select(r =>
                $$"""{"values":[{{r.GetProperty("content").GetProperty("parts")[0].GetProperty("text").GetString()}}]}"""))}}]}"""));
        await using var gateway = await TestGateway.StartAsync(
            [new Route("fast", [new Target(TestGateway.Http("google", player, WireFormat.Gemini), "e1")])]);

        using var response = await gateway.PostAsync(Path, Many(101), ct: Ct);

        var data = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("data").EnumerateArray();
        Assert.Equal(Enumerable.Range(0, 101), data.Select(d => (int)d.GetProperty("embedding")[0].GetSingle()));
        Assert.Equal(2, player.Exchanges.Count);
    }

    [Theory]
    [InlineData("""{"model":"fast","input":"x","input_type":"poetry"}""")]
    public async Task What_cohere_cannot_take_is_refused_before_it_is_asked(string body)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, CohereAnswer));
        await using var gateway = await TestGateway.StartAsync([CohereRoute(player)]);

        using var response = await gateway.PostAsync(Path, body, ct: Ct);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Empty(player.Exchanges);
    }

    private static readonly PriceTable CoherePrices = new(
        "p1", new Dictionary<string, Price> { ["cohere/embed-v4.0"] = new(0.000001m, 0) });

    private static string Many(int texts) =>
        $$"""{"model":"fast","input":[{{string.Join(',', Enumerable.Range(0, texts).Select(i => $"\"{i}\""))}}]}""";

    private static List<string> Texts(Exchange exchange) =>
        [.. JsonElement.Parse(exchange.Body).GetProperty("texts").EnumerateArray().Select(t => t.GetString()!)];

    /// <summary>Each text is a number, and so is its vector; a token each.</summary>
    private static string CohereVectors(Exchange exchange)
    {
        var texts = Texts(exchange);
        var vectors = string.Join(',', texts.Select(t => $"[{t}]"));
        return $$$"""{"embeddings":{"float":[{{{vectors}}}]},"meta":{"billed_units":{"input_tokens":{{{texts.Count}}} } } }""";
    }

    private static Route CohereRoute(WirePlayer player) => new("fast",
        [new Target(TestGateway.Http("cohere", player, TimeProvider.System, s => s with { Kind = "cohere", Wire = WireFormat.Cohere }),
            "embed-v4.0")]) { AttemptsPerTarget = 1 };

    private static float[] Floats(byte[] bytes) => [.. bytes.Chunk(4).Select(b => BinaryPrimitives.ReadSingleLittleEndian(b))];

    [Fact]
    public async Task Targets_that_lack_a_feature_and_answers_that_may_break_a_schema_are_nothing_to_vectors()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer));
        await using var other = new WirePlayer(e => e.AnswerAsync(200, Answer));
        var route = TestGateway.RouteTo(player, other);
        route = route with
        {
            Targets = [route.Targets[0] with { Conditions = new() { Lacks = ModelFeatures.Images } }, route.Targets[1]],
            FallbackOn = FallbackCauses.InvalidSchema,
        };
        await using var gateway = await TestGateway.StartAsync([route]);

        using var response = await gateway.PostAsync(Path, Request, ct: Ct);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal(Answer, await response.Content.ReadAsStringAsync(Ct));
        Assert.Empty(other.Exchanges);
    }

    [Fact]
    public async Task Base64_is_given_where_it_was_asked_for_though_the_provider_answers_in_numbers()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync(Path, Base64Request, ct: Ct);

        var answer = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(
            [0.5f, -1f, 2f, 3.25f], answer.GetProperty("data").EnumerateArray().SelectMany(d => Floats(d.GetProperty("embedding"))));
        Assert.Equal([0, 1], answer.GetProperty("data").EnumerateArray().Select(d => d.GetProperty("index").GetInt32()));
        Assert.Equal(7, answer.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_vector_in_base64_that_holds_no_number_is_garbage(float value)
    {
        var encoded = Answer.Replace("[0.5,-1]", $"\"{Convert.ToBase64String(BitConverter.GetBytes(value))}\"");

        Assert.Throws<FormatException>(
            () => Gatehouse.Gateway.Embeddings.EmbeddingAnswer.ReadOpenAi(System.Text.Encoding.UTF8.GetBytes(encoded)));
    }

    [Fact]
    public void A_name_cut_within_a_character_is_garbage() => Assert.Throws<FormatException>(() =>
        new Gatehouse.Gateway.Embeddings.GeminiVectorTap().ReadWhole("""{"embeddings\ud800":[]}"""u8));

    [Fact]
    public async Task Base64_of_the_provider_passes_through()
    {
        var encoded = Answer.Replace("[0.5,-1]", "\"AAAAPwAAgL8=\"").Replace("[2,3.25]", "\"AAAAQAAAUEA=\"");
        await using var player = new WirePlayer(e => e.AnswerAsync(200, encoded));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync(Path, Base64Request, ct: Ct);

        Assert.Equal(encoded, await response.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task Google_is_asked_in_its_own_words_and_a_parameter_it_lacks_is_named()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, GeminiAnswer));
        await using var gateway = await TestGateway.StartAsync([GeminiProviderTests.Gemini(player)]);

        using var response = await gateway.PostAsync(
            Path, """{"model":"fast","input":["one","two"],"dimensions":2,"x_unknown":1}""", ct: Ct);

        var answer = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal([0.5f, -1f], answer.GetProperty("data")[0].GetProperty("embedding").EnumerateArray().Select(v => v.GetSingle()));
        Assert.Equal("x_unknown", Assert.Single(response.Headers.GetValues("x-gatehouse-dropped-params")));
        Assert.StartsWith("POST /v1/models/gemini-x:batchEmbedContents HTTP/1.1\r\n", player.Last.Head);
        Assert.Equal(
            """{"requests":[{"model":"models/gemini-x","content":{"parts":[{"text":"one"}]},"outputDimensionality":2},{"model":"models/gemini-x","content":{"parts":[{"text":"two"}]},"outputDimensionality":2}]}""",
            player.Last.Body);
        Assert.Null(Assert.Single(gateway.Records()).CostNanos); // Google counts no tokens here: the cost is unknown, not nothing
    }

    [Theory]
    [InlineData("embedContent", """{"content":{"parts":[{"text":"one"}]},"taskType":"RETRIEVAL_QUERY"}""")]
    [InlineData("batchEmbedContents", GeminiBatch)]
    public async Task Clients_of_google_reach_providers_of_the_other_format(string action, string request)
    {
        var one = action == "embedContent";
        var answer = one ? Answer.Replace(",{\"object\":\"embedding\",\"index\":1,\"embedding\":[2,3.25]}", "") : Answer;
        await using var player = new WirePlayer(e => e.AnswerAsync(200, answer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync($"/v1beta/models/fast:{action}", request, ct: Ct);

        var expected = one ? """{"embedding":{"values":[0.5,-1]}}""" : GeminiAnswer;
        Assert.Equal(expected, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(one ? """{"model":"m0","input":["one"]}""" : """{"model":"m0","input":["one","two"]}""", player.Last.Body);
        Assert.Equal("taskType", Assert.Single(response.Headers.GetValues("x-gatehouse-dropped-params")));
    }

    [Fact]
    public async Task Clients_of_google_pass_through_to_google_under_the_targets_model()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, GeminiAnswer));
        await using var gateway = await TestGateway.StartAsync([GeminiProviderTests.Gemini(player)]);

        using var response = await gateway.PostAsync("/v1beta/models/fast:batchEmbedContents", GeminiBatch, ct: Ct);

        Assert.Equal(GeminiAnswer, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(GeminiBatch.Replace("models/fast", "models/gemini-x"), player.Last.Body);
    }

    [Fact]
    public async Task A_provider_without_embeddings_is_skipped_and_alone_refused()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Answer));
        var anthropic = new Target(TestGateway.Http("a", player, WireFormat.Anthropic), "claude-x");
        await using var both = await TestGateway.StartAsync(
            [new Route("fast", [anthropic, new Target(TestGateway.Http("o", player), "m", 1, 1)])]);
        await using var alone = await TestGateway.StartAsync([new Route("fast", [anthropic])]);

        using var served = await both.PostAsync(Path, Request, ct: Ct);
        using var refused = await alone.PostAsync(Path, Request, ct: Ct);

        Assert.Equal(200, (int)served.StatusCode);
        Assert.Equal("o/m", Assert.Single(served.Headers.GetValues("x-gatehouse-served-by")));
        Assert.Equal(400, (int)refused.StatusCode);
        Assert.Contains("offers no embeddings", await refused.Content.ReadAsStringAsync(Ct));
    }

    [Theory]
    [InlineData("""{"input":"one"}""", "model")]
    [InlineData("""{"model":1,"input":"one"}""", "model")]
    [InlineData("""{"model":"fast","model":"slow","input":"one"}""", "model")]
    [InlineData("""{"model":"fast"}""", "input")]
    [InlineData("""{"model":"fast","input":[]}""", "input")]
    [InlineData("""{"model":"fast","input":[[1,2]]}""", "input")]
    [InlineData("""{"model":"fast","input":["one",""]}""", "input[1]")]
    [InlineData("""{"model":"fast","input":"one","dimensions":0}""", "dimensions")]
    public async Task What_cannot_be_read_is_refused_by_name(string request, string field)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, GeminiAnswer));
        await using var gateway = await TestGateway.StartAsync([GeminiProviderTests.Gemini(player)]);

        using var response = await gateway.PostAsync(Path, request, ct: Ct);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Equal(
            field, JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("error").GetProperty("param").GetString());
        Assert.Empty(player.Exchanges);
    }

    [Theory]
    [InlineData("""{"object":"list"}""")]
    [InlineData("not json")]
    [InlineData("""{"data":[{"embedding":[1,"x"],"index":0}]}""")]
    [InlineData("""{"data":[{"embedding":[1],"index":0}]}""")] // one vector for two texts
    public async Task Garbage_of_a_provider_is_an_error_and_never_half_an_answer(string garbage)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, garbage));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player) with { AttemptsPerTarget = 1 }]);

        using var response = await gateway.PostAsync("/v1beta/models/fast:batchEmbedContents", GeminiBatch, ct: Ct);

        Assert.Equal(502, (int)response.StatusCode);
    }

    [Fact]
    public async Task The_simulators_vectors_are_near_for_texts_that_share_words_and_of_the_length_asked_for()
    {
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(TestGateway.Simulator(), "simulator")])]);

        using var response = await gateway.PostAsync(
            Path, """{"model":"fast","input":["how to bake bread","bread: how to bake it","rocket engines"],"dimensions":128}""", ct: Ct);

        var vectors = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("data").EnumerateArray()
            .Select(d => d.GetProperty("embedding").EnumerateArray().Select(v => v.GetSingle()).ToArray()).ToArray();
        Assert.All(vectors, v => Assert.Equal(128, v.Length));
        Assert.All(vectors, v => Assert.Equal(1, v.Sum(x => x * x), 3));
        Assert.True(Dot(vectors[0], vectors[1]) > 0.7);
        Assert.True(Dot(vectors[0], vectors[2]) < 0.4);
    }

    private static float[] Floats(JsonElement base64)
    {
        var bytes = base64.GetBytesFromBase64();
        return [.. Enumerable.Range(0, bytes.Length / 4).Select(i => BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(i * 4)))];
    }

    private static float Dot(float[] a, float[] b) => a.Zip(b, (x, y) => x * y).Sum();
}
