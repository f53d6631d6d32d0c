using System.Net.Http.Json;
using System.Text.Json;
using Gatehouse.EndToEnd.Tests.Sdk;
using static Gatehouse.EndToEnd.Tests.Sdk.SdkAnswers;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>
/// One gateway before a player of five wire formats; each SDK that speaks responses runs all scenarios against each format once. The
/// sample's system stores content, as stored responses need it.
/// </summary>
public sealed class ResponsesSdks : SdkRuns
{
    internal const string LangChain = "@langchain/openai (npm)";

    internal static IReadOnlyDictionary<string, ISdkClient> Sdks { get; } = new Dictionary<string, ISdkClient>
    {
        ["OpenAI (NuGet)"] = new OpenAiResponsesDotNetSdk(),
        ["openai (npm)"] = new NodeSdk("responses.mjs", SdkFormat.Responses),
        ["ai with @ai-sdk/openai (npm)"] = new NodeSdk("ai.mjs", SdkFormat.Responses),
        [LangChain] = new NodeSdk("langchain.mjs", SdkFormat.Responses),
    };

    /// <summary>OpenAI's own format of responses, and those that it is translated to.</summary>
    internal static readonly string[] Upstreams = ["responses", "chat", "anthropic", "gemini", "bedrock"];

    internal override IReadOnlyDictionary<string, ISdkClient> Clients => Sdks;

    private protected override string Configuration(Uri player) => $$"""
        providers:
          responses: { kind: openai, base_url: '{{player}}v1', api_key: recorded }
          chat: { kind: openai, base_url: '{{player}}v1', api_key: recorded, responses: false }
          anthropic: { kind: anthropic, base_url: '{{player}}anthropic/v1', api_key: recorded }
          gemini: { kind: gemini, base_url: '{{player}}gemini/v1beta', api_key: recorded }
          bedrock:
            kind: bedrock
            base_url: '{{player}}bedrock'
            aws: { region: eu-central-1, access_key_id: recorded, secret_access_key: recorded }
        routes:
          gemini*: { targets: [{ provider: gemini, model: "*" }] }
          bedrock*: { targets: [{ provider: bedrock, model: "*" }] }
          responses*: { targets: [{ provider: responses, model: "*" }] }
          chat*: { targets: [{ provider: chat, model: "*" }] }
          anthropic*: { targets: [{ provider: anthropic, model: "*" }] }
        """;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        using var api = Server.CreateClient(Server.CliToken);
        var systems = await api.GetFromJsonAsync<JsonElement>("api/systems");
        using var stored = await api.PutAsJsonAsync(
            $"api/systems/{systems.GetProperty("items")[0].GetProperty("id").GetString()}/environments/development",
            new Dictionary<string, object> { ["store_content"] = true, ["retention_days"] = 30 });
        stored.EnsureSuccessStatusCode();
    }
}

/// <summary>The SDKs' clients for responses work through Gatehouse, whatever wire format the provider speaks.</summary>
public sealed class ResponsesSdkTests(ResponsesSdks sdks) : IClassFixture<ResponsesSdks>
{
    public static TheoryData<string, string> Pairs() => SdkRuns.Pairs(ResponsesSdks.Sdks.Keys, ResponsesSdks.Upstreams);

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Text_and_usage_come_whole_and_streamed(string sdk, string upstream)
    {
        var results = await sdks.RunAsync(sdk, upstream);

        foreach (var scenario in (string[])["text", "text-stream"])
        {
            var result = Succeeded(results, scenario);
            Assert.Equal("Hello from the wire.", result.Text);
            Assert.Contains(result.Finish, (string[])["completed", "stop"]);
            Assert.Equal((12, 5), (result.Input, result.Output));
        }

        Assert.True(results["text-stream"].Chunks >= 5, $"{results["text-stream"].Chunks} chunks");
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Tool_calls_come_whole_and_streamed_and_stay_apart(string sdk, string upstream)
    {
        var results = await sdks.RunAsync(sdk, upstream);

        Assert.Equal(["get_weather Paris"], Tools(Succeeded(results, "tools")));
        Assert.Equal(["get_weather Paris"], Tools(Succeeded(results, "tools-stream")));
        Assert.Equal(["get_weather Paris", "get_weather Oslo"], Tools(Succeeded(results, "parallel")));
        Assert.Equal(["get_weather Paris", "get_weather Oslo"], Tools(Succeeded(results, "parallel-stream")));
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Images_and_instructions_reach_the_provider_in_its_own_format(string sdk, string upstream)
    {
        var results = await sdks.RunAsync(sdk, upstream);

        Assert.Equal("A single pixel.", Succeeded(results, "image").Text);
        Assert.Equal("A single pixel.", Succeeded(results, "image-stream").Text);
        foreach (var sent in sdks.Sent(sdk, upstream, "image"))
        {
            var body = sent.ToString();
            Assert.Contains(Scenarios.Pixel, body, StringComparison.Ordinal);
            Assert.Contains("Be brief.", body, StringComparison.Ordinal);
            Assert.Contains(
                upstream switch
                {
                    "responses" => "input_image", "chat" => "image_url", "anthropic" => "\"media_type\"", "gemini" => "\"inlineData\"",
                    _ => "\"bytes\"",
                },
                body, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task A_json_schema_reaches_the_provider_and_its_answer_the_client(string sdk, string upstream)
    {
        var results = await sdks.RunAsync(sdk, upstream);

        Assert.Equal("""{"answer":42}""", Succeeded(results, "schema").Text);
        Assert.Equal("""{"answer":42}""", Succeeded(results, "schema-stream").Text);
        foreach (var body in sdks.Sent(sdk, upstream, "schema"))
        {
            var schema = upstream switch
            {
                "responses" => body.GetProperty("text").GetProperty("format").GetProperty("schema"),
                "chat" => body.GetProperty("response_format").GetProperty("json_schema").GetProperty("schema"),
                "anthropic" => body.GetProperty("output_config").GetProperty("format").GetProperty("schema"),
                "gemini" => body.GetProperty("generationConfig").GetProperty("responseJsonSchema"),
                _ => JsonElement.Parse(
                    body.GetProperty("outputConfig").GetProperty("textFormat").GetProperty("structure").GetProperty("jsonSchema")
                        .GetProperty("schema").GetString()!),
            };
            Assert.Equal("integer", schema.GetProperty("properties").GetProperty("answer").GetProperty("type").GetString());
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Thinking_comes_apart_from_the_text(string sdk, string upstream)
    {
        var results = await sdks.RunAsync(sdk, upstream);

        foreach (var scenario in (string[])["thinking", "thinking-stream"])
        {
            var result = Succeeded(results, scenario);
            Assert.Equal(("Let me think.", "It is 42."), (result.Thinking, result.Text));
            // LangChain's streams leave out what the provider sealed
            var told = upstream is "responses" or "anthropic" or "bedrock"
                && (sdk, scenario) != (ResponsesSdks.LangChain, "thinking-stream");
            Assert.True(!told || result.Signature is not null, scenario);
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Refusals_and_the_limit_of_the_output_are_told_in_the_formats_words(string sdk, string upstream)
    {
        var results = await sdks.RunAsync(sdk, upstream);
        var ai = sdk.StartsWith("ai ", StringComparison.Ordinal);

        foreach (var suffix in (string[])["", "-stream"])
        {
            if ((sdk, suffix) == (ResponsesSdks.LangChain, "-stream"))
            {
                Assert.Equal("Hello from the", Succeeded(results, "length-stream").Text); // it reads over 'response.incomplete'
                Assert.Equal("I cannot help with that.", Succeeded(results, "refusal-stream").Text);
                continue;
            }

            var length = Succeeded(results, "length" + suffix);
            Assert.Equal(("Hello from the", ai ? "length" : "max_output_tokens"), (length.Text, length.Finish));
            var refusal = Succeeded(results, "refusal" + suffix);
            Assert.Equal(ai ? "content-filter" : upstream == "responses" ? "completed" : "content_filter", refusal.Finish);
            Assert.Equal("I cannot help with that.", refusal.Text);
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Errors_before_the_answer_raise_with_the_providers_status(string sdk, string upstream) =>
        RaisedBeforeTheAnswer(await sdks.RunAsync(sdk, upstream));

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Errors_and_breaks_in_mid_stream_raise_after_the_text_that_came(string sdk, string upstream) =>
        RaisedInMidStream(await sdks.RunAsync(sdk, upstream));

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task An_abort_of_the_client_reaches_the_provider(string sdk, string upstream)
    {
        var result = (await sdks.RunAsync(sdk, upstream))["abort"];

        Assert.Equal("Hello", result.Text);
        await sdks.Player.LeftAsync(sdks.Prefix(sdk, upstream) + "abort", TestContext.Current.CancellationToken);
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task A_conversation_goes_on_from_what_was_stored(string sdk, string upstream)
    {
        var results = await sdks.RunAsync(sdk, upstream);
        if (!results.TryGetValue("stored", out var result))
        {
            Assert.StartsWith("@langchain", sdk, StringComparison.Ordinal); // sends the whole conversation itself
            return;
        }

        if (sdk.StartsWith("ai ", StringComparison.Ordinal))
        {
            Assert.Null(result.Error);
            Assert.Equal("Hello from the wire.", result.Text);
        }
        else
        {
            Assert.Equal(404, result.Status); // it was deleted, and then asked for
            Assert.Equal("completed", result.Finish);
            Assert.Contains("Hello from the wire.", result.Text, StringComparison.Ordinal);
        }

        var last = sdks.Player.Requests.Last(r => r.Model == sdks.Prefix(sdk, upstream) + "text").Body.ToString();
        if (sdk == "OpenAI (NuGet)" || sdk.StartsWith("ai ", StringComparison.Ordinal))
        {
            Assert.Contains("Hello from the wire.", last, StringComparison.Ordinal); // the first answer is part of the second request
        }
    }

    [Theory]
    [InlineData("responses")]
    [InlineData("chat")]
    [InlineData("anthropic")]
    [InlineData("gemini")]
    [InlineData("bedrock")]
    public async Task A_background_response_is_polled_until_it_is_complete(string upstream)
    {
        var result = Succeeded(await sdks.RunAsync("openai (npm)", upstream), "background");

        Assert.Equal(("completed", "Hello from the wire."), (result.Finish, result.Text));
        Assert.True(result.Chunks > 0);
    }

    [Fact]
    public async Task The_page_in_the_docs_counts_what_runs()
    {
        var (table, all) = await SdkPage.TableAsync(
            ResponsesSdks.Sdks.Keys, ResponsesSdks.Upstreams, async (sdk, upstream) => (await sdks.RunAsync(sdk, upstream)).Count);

        await SdkPage.CheckAsync(
            $"""

            The same scenarios in OpenAI's format of responses, before a provider that speaks it (the first column) and others; besides, a conversation
            that goes on from what was stored, and a response that is made in the background.

            {table}
            {all} scenarios in all.

            """,
            isResponses: true,
            TestContext.Current.CancellationToken);
    }
}
