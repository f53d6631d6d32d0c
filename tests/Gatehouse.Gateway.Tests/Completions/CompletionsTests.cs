using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;

namespace Gatehouse.Gateway.Tests.Completions;

/// <summary><c>POST /v1/completions</c>, passed through and over chat models.</summary>
public sealed class CompletionsTests
{
    private const string Answer =
        """{"id":"cmpl-1","object":"text_completion","created":1,"model":"m-2026","choices":[{"text":" Hi","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}""";

    private const string Hello =
        """data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m-2026","choices":[{"text":"Hello","index":0,"logprobs":null,"finish_reason":null}]}""" + "\n\n";

    private const string Finish =
        """data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m-2026","choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}]}""" + "\n\n";

    private const string Usage =
        """data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m-2026","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}""" + "\n\n";

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_provider_that_has_it_gets_the_request_as_it_is()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, Answer), e => e.StreamAsync(Hello + Finish + Usage + "data: [DONE]\n\n"));
        await using var gateway = await TestGateway.StartAsync([Native(player, "vllm")]);

        using var whole = await PostAsync(gateway, """{"model":"fast","prompt":["One","Two"],"suffix":"!","best_of":3,"max_tokens":5}""");
        Assert.Equal("""{"model":"m0","prompt":["One","Two"],"suffix":"!","best_of":3,"max_tokens":5}""", player.Last.Body);
        using var streamed = await PostAsync(gateway, """{"model":"fast","stream":true,"prompt":"One"}""");

        Assert.Contains("POST /v1/completions ", player.Last.Head);
        Assert.Equal(Answer, await whole.Content.ReadAsStringAsync(Ct));
        Assert.Equal(Hello + Finish + "data: [DONE]\n\n", await streamed.Content.ReadAsStringAsync(Ct));
        Assert.Equal(
            [new TokenUsage(5, 0, 0, 0, 2, 0), new TokenUsage(9, 0, 0, 0, 3, 0)], gateway.Records().Select(r => r.Usage!.Value));
        Assert.All(gateway.Records(), r => Assert.Equal("completions", r.Surface));
    }

    [Theory]
    [InlineData("gpt-3.5-turbo-instruct", "/v1/completions")]
    [InlineData("gpt-4.1-mini", "/v1/chat/completions")]
    public async Task Of_openais_models_only_some_have_it(string model, string path)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, path == "/v1/completions" ? Answer : Calls.Wire.ChatAnswer));
        var route = Native(player, "openai");
        await using var gateway = await TestGateway.StartAsync([route with { Targets = [route.Targets[0] with { Model = model }] }]);

        using var response = await PostAsync(gateway, """{"model":"fast","prompt":"Hello"}""");

        Assert.True(response.IsSuccessStatusCode);
        Assert.Contains($"POST {path} ", player.Last.Head);
    }

    [Fact]
    public async Task A_chat_model_answers_a_prompt()
    {
        const string WithLogprobs =
            """{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi!"},"logprobs":{"content":[{"token":"Hi","logprob":-0.1,"top_logprobs":[{"token":"Hi","logprob":-0.1},{"token":"Ho","logprob":-2}]},{"token":"!","logprob":-0.2,"top_logprobs":[]}]},"finish_reason":"length"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}""";
        await using var player = new WirePlayer(e => e.AnswerAsync(200, WithLogprobs));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await PostAsync(gateway,
            """{"model":"fast","prompt":["Say hi"],"suffix":"The end.","echo":true,"n":2,"logprobs":2,"stop":["X"],"seed":7,"max_tokens":5,"user":"u","best_of":2}""");

        var answer = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct));
        var choice = answer.GetProperty("choices")[0];
        Assert.Equal("text_completion", answer.GetProperty("object").GetString());
        Assert.Equal("Say hiHi!", choice.GetProperty("text").GetString());
        Assert.Equal("length", choice.GetProperty("finish_reason").GetString());
        Assert.Equal(
            """{"tokens":["Hi","!"],"token_logprobs":[-0.1,-0.2],"top_logprobs":[{"Hi":-0.1,"Ho":-2},{}],"text_offset":[6,8]}""",
            choice.GetProperty("logprobs").GetRawText());
        Assert.Equal("best_of", PassThroughTests.Header(response, "x-gatehouse-dropped-params"));
        var asked = JsonElement.Parse(player.Last.Body);
        Assert.Equal(
            (2, 7, 5), (asked.GetProperty("n").GetInt32(), asked.GetProperty("seed").GetInt32(),
                asked.GetProperty("max_tokens").GetInt32()));
        Assert.Equal((true, 2), (asked.GetProperty("logprobs").GetBoolean(), asked.GetProperty("top_logprobs").GetInt32()));
        Assert.Contains("The end.", asked.GetProperty("messages")[0].GetProperty("content").GetString());
        Assert.Equal("Say hi", asked.GetProperty("messages")[1].GetProperty("content").GetString());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_chat_model_streams_an_answer(bool anthropic)
    {
        await using var player = new WirePlayer(e => e.StreamAsync(anthropic ? Calls.Wire.WholeMessagesStream : Calls.Wire.WholeStream));
        await using var gateway = await TestGateway.StartAsync(
            [anthropic ? PassThroughTests.Anthropic(player) : TestGateway.RouteTo(player)]);

        using var response = await PostAsync(gateway,
            """{"model":"fast","stream":true,"prompt":"A","echo":true,"logprobs":1,"n":2,"stream_options":{"include_usage":true}}""");

        var text = await response.Content.ReadAsStringAsync(Ct);
        var chunks = text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("data: [DONE]", chunks[^1]);
        var objects = chunks[..^1].Select(c => JsonElement.Parse(c["data: ".Length..])).ToList();
        Assert.All(objects, o => Assert.Equal("text_completion", o.GetProperty("object").GetString()));
        Assert.Equal(
            "AHello", string.Concat(
                objects.SelectMany(o => o.GetProperty("choices").EnumerateArray()).Select(c => c.GetProperty("text").GetString())));
        Assert.Equal("stop", objects[^2].GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.True(objects[^1].GetProperty("usage").GetProperty("completion_tokens").GetInt32() > 0);
        Assert.Equal(anthropic ? "n, logprobs" : null, PassThroughTests.Header(response, "x-gatehouse-dropped-params"));
    }

    [Theory]
    [InlineData("""{"model":"fast"}""")]
    [InlineData("""{"model":"fast","prompt":["One","Two"]}""")]
    [InlineData("""{"model":"fast","prompt":[1,2,3]}""")]
    public async Task A_prompt_that_a_chat_model_cannot_take_is_refused(string body)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await PostAsync(gateway, body);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains("'prompt'", await response.Content.ReadAsStringAsync(Ct));
        Assert.Empty(player.Exchanges);
    }

    [Fact]
    public async Task An_error_within_the_stream_is_no_success()
    {
        await using var player = new WirePlayer(
            e => e.StreamAsync(Hello + """data: {"error":{"message":"boom","type":"server_error"}}""" + "\n\n"));
        await using var gateway = await TestGateway.StartAsync([Native(player, "vllm")]);

        using var response = await PostAsync(gateway, """{"model":"fast","stream":true,"prompt":"One"}""");

        Assert.Contains("boom", await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(CallOutcome.Failed, Assert.Single(gateway.Records()).Outcome);
    }

    private static Task<HttpResponseMessage> PostAsync(TestGateway gateway, string body) =>
        gateway.PostAsync("/v1/completions", body, ct: Ct);

    private static Route Native(WirePlayer player, string kind) => new("fast",
        [new Target(new ProviderFactory(TimeProvider.System).Create(new ProviderSettings
    {
        Name = "p0", Kind = kind, Wire = WireFormat.OpenAi, SpeaksCompletions = true, BaseUrl = player.BaseUrl,
    }), "m0")]) { AttemptsPerTarget = 1 };
}
