using System.Text.Json;
using Gatehouse.EndToEnd.Tests.Sdk;
using static Gatehouse.EndToEnd.Tests.Sdk.SdkAnswers;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>One gateway before a player of every wire format; each SDK runs all scenarios against each format once.</summary>
public sealed class SdkMatrix : SdkRuns
{
    /// <summary>
    /// It writes schemas in Google's older form, which knows fewer words, and takes a streamed signature only along with text.
    /// </summary>
    internal const string GoogleAdapter = "ai with @ai-sdk/google (npm)";

    internal static readonly string[] Upstreams = ["openai", "anthropic", "gemini", "bedrock"];

    internal static IReadOnlyDictionary<string, ISdkClient> Sdks { get; } = new Dictionary<string, ISdkClient>
    {
        ["OpenAI (NuGet)"] = new OpenAiDotNetSdk(),
        ["openai (npm)"] = new NodeSdk("openai.mjs", SdkFormat.Chat),
        ["Anthropic (NuGet)"] = new AnthropicDotNetSdk(),
        ["@anthropic-ai/sdk (npm)"] = new NodeSdk("anthropic.mjs", SdkFormat.Messages),
        ["@google/genai (npm)"] = new NodeSdk("genai.mjs", SdkFormat.Generate),
        ["ai with @ai-sdk/anthropic (npm)"] = new NodeSdk("ai-matrix.mjs", SdkFormat.Ai, "anthropic"),
        [GoogleAdapter] = new NodeSdk("ai-matrix.mjs", SdkFormat.Ai, "google"),
        ["ai with @ai-sdk/openai, chat (npm)"] = new NodeSdk("ai-matrix.mjs", SdkFormat.Ai, "openai"),
        ["@langchain/openai, chat (npm)"] = new NodeSdk("langchain.mjs", SdkFormat.Chat, "chat"),
    };

    internal override IReadOnlyDictionary<string, ISdkClient> Clients => Sdks;

    private protected override string Configuration(Uri player) => $$"""
        providers:
          openai:
            kind: openai
            base_url: {{player}}v1
            api_key: recorded
          anthropic:
            kind: anthropic
            base_url: {{player}}anthropic/v1
            api_key: recorded
          gemini:
            kind: gemini
            base_url: {{player}}gemini/v1beta
            api_key: recorded
          bedrock:
            kind: bedrock
            base_url: {{player}}bedrock
            aws: { region: eu-central-1, access_key_id: recorded, secret_access_key: recorded }
        routes:
          openai*:
            targets: [{ provider: openai, model: "*" }]
          anthropic*:
            targets: [{ provider: anthropic, model: "*" }]
          gemini*:
            targets: [{ provider: gemini, model: "*" }]
          bedrock*:
            targets: [{ provider: bedrock, model: "*" }]
        """;
}

/// <summary>The official SDKs work through Gatehouse, whatever wire format the provider speaks.</summary>
public sealed class SdkMatrixTests(SdkMatrix matrix) : IClassFixture<SdkMatrix>
{
    public static TheoryData<string, string> Pairs() => SdkRuns.Pairs(SdkMatrix.Sdks.Keys, SdkMatrix.Upstreams);

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Text_comes_whole_and_streamed_with_its_usage(string sdk, string upstream)
    {
        var results = await matrix.RunAsync(sdk, upstream);

        foreach (var scenario in (string[])["text", "text-stream"])
        {
            var result = Succeeded(results, scenario);
            Assert.Equal("Hello from the wire.", result.Text);
            Assert.Equal(SdkMatrix.Sdks[sdk].Format.Stop, result.Finish);
            Assert.Equal((12, 5), (result.Input, result.Output));
        }

        Assert.True(results["text-stream"].Chunks >= 5, $"{results["text-stream"].Chunks} chunks");
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task One_tool_call_comes_whole_and_streamed(string sdk, string upstream)
    {
        var results = await matrix.RunAsync(sdk, upstream);

        foreach (var scenario in (string[])["tools", "tools-stream"])
        {
            var result = Succeeded(results, scenario);
            Assert.Equal(["get_weather Paris"], Tools(result));
            Assert.Equal(SdkMatrix.Sdks[sdk].Format.ToolCalls, result.Finish);
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Parallel_tool_calls_stay_apart(string sdk, string upstream)
    {
        var results = await matrix.RunAsync(sdk, upstream);

        Assert.Equal(["get_weather Paris", "get_weather Oslo"], Tools(Succeeded(results, "parallel")));
        Assert.Equal(["get_weather Paris", "get_weather Oslo"], Tools(Succeeded(results, "parallel-stream")));
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Images_and_system_prompts_reach_the_provider_in_its_own_format(string sdk, string upstream)
    {
        var results = await matrix.RunAsync(sdk, upstream);

        Assert.Equal("A single pixel.", Succeeded(results, "image").Text);
        Assert.Equal("A single pixel.", Succeeded(results, "image-stream").Text);
        foreach (var body in matrix.Sent(sdk, upstream, "image"))
        {
            var (system, image) = upstream switch
            {
                "openai" => (body.GetProperty("messages")[0].GetProperty("content"),
                    Part(body.GetProperty("messages"), "content", "image_url").GetProperty("url")),
                "anthropic" => (body.GetProperty("system"), Part(body.GetProperty("messages"), "content", "source").GetProperty("data")),
                "gemini" => (body.GetProperty("systemInstruction"),
                    Part(body.GetProperty("contents"), "parts", "inlineData").GetProperty("data")),
                _ => (body.GetProperty("system"),
                    Part(body.GetProperty("messages"), "content", "image").GetProperty("source").GetProperty("bytes")),
            };
            Assert.Equal(upstream == "openai" ? $"data:image/png;base64,{Scenarios.Pixel}" : Scenarios.Pixel, image.GetString());
            Assert.Contains("Be brief.", system.ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task A_json_schema_reaches_the_provider_and_its_answer_the_client(string sdk, string upstream)
    {
        var results = await matrix.RunAsync(sdk, upstream);

        Assert.Equal("""{"answer":42}""", Succeeded(results, "schema").Text);
        Assert.Equal("""{"answer":42}""", Succeeded(results, "schema-stream").Text);
        foreach (var body in matrix.Sent(sdk, upstream, "schema"))
        {
            var schema = upstream switch
            {
                "openai" => body.GetProperty("response_format").GetProperty("json_schema").GetProperty("schema"),
                "anthropic" => body.GetProperty("output_config").GetProperty("format").GetProperty("schema"),
                "gemini" => body.GetProperty("generationConfig").GetProperty(
                    sdk == SdkMatrix.GoogleAdapter ? "responseSchema" : "responseJsonSchema"),
                _ => JsonElement.Parse(
                    body.GetProperty("outputConfig").GetProperty("textFormat").GetProperty("structure").GetProperty("jsonSchema")
                        .GetProperty("schema").GetString()!),
            };
            if (sdk == SdkMatrix.GoogleAdapter)
            {
                Assert.Equal(
                    "integer", schema.GetProperty("properties").GetProperty("answer").GetProperty("type").GetString(), ignoreCase: true);
                continue;
            }

            Assert.True(JsonElement.DeepEquals(JsonElement.Parse(Scenarios.AnswerSchema), schema), schema.ToString());
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Thinking_comes_apart_from_the_text_and_with_its_signature(string sdk, string upstream)
    {
        if (sdk is "OpenAI (NuGet)" or "ai with @ai-sdk/openai, chat (npm)" or "@langchain/openai, chat (npm)")
        {
            return; // they have no place for thinking
        }

        var results = await matrix.RunAsync(sdk, upstream);

        foreach (var scenario in (string[])["thinking", "thinking-stream"])
        {
            var result = Succeeded(results, scenario);
            Assert.Equal(("Let me think.", "It is 42."), (result.Thinking, result.Text));
            // it passes over a signature that comes by itself
            var told = upstream is "anthropic" or "bedrock" && (sdk, scenario) != (SdkMatrix.GoogleAdapter, "thinking-stream");
            Assert.Equal(told, result.Signature is not null);
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Refusals_and_the_limit_of_the_output_are_told_in_the_clients_words(string sdk, string upstream)
    {
        var results = await matrix.RunAsync(sdk, upstream);
        var format = SdkMatrix.Sdks[sdk].Format;

        foreach (var suffix in (string[])["", "-stream"])
        {
            var refusal = Succeeded(results, "refusal" + suffix);
            Assert.Equal(("I cannot help with that.", format.Refusal), (refusal.Text, refusal.Finish));
            var length = Succeeded(results, "length" + suffix);
            Assert.Equal(("Hello from the", format.Length), (length.Text, length.Finish));
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Errors_before_the_answer_raise_with_the_providers_status(string sdk, string upstream) =>
        RaisedBeforeTheAnswer(await matrix.RunAsync(sdk, upstream));

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Errors_and_breaks_in_mid_stream_raise_after_the_text_that_came(string sdk, string upstream) =>
        RaisedInMidStream(await matrix.RunAsync(sdk, upstream));

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task An_abort_of_the_client_reaches_the_provider(string sdk, string upstream)
    {
        var result = (await matrix.RunAsync(sdk, upstream))["abort"];

        Assert.Equal("Hello", result.Text);
        await matrix.Player.LeftAsync(matrix.Prefix(sdk, upstream) + "abort", TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task The_page_in_the_docs_counts_what_runs()
    {
        var (table, all) = await SdkPage.TableAsync(
            SdkMatrix.Sdks.Keys, SdkMatrix.Upstreams, async (sdk, upstream) => (await matrix.RunAsync(sdk, upstream)).Count);

        await SdkPage.CheckAsync(
            $"""
            # SDKs that are tested

            Generated: the official SDKs run as clients of the built executable, against a player of each provider's format; the tests fail when one of
            them is not served as it expects, and when this page is stale. A scenario is text, one tool, parallel tools, an image, a JSON schema, thinking,
            a refusal, the limit of the output, an error before the answer (whole and streamed), an error or a break in mid-stream, or a client that goes
            away.

            {table}
            {all} scenarios in all.

            """,
            isResponses: false,
            TestContext.Current.CancellationToken);
    }

    /// <summary>The part of a message that has this member.</summary>
    private static JsonElement Part(JsonElement messages, string content, string member) => messages.EnumerateArray()
        .Where(m => m.GetProperty(content).ValueKind == JsonValueKind.Array)
        .SelectMany(m => m.GetProperty(content).EnumerateArray())
        .Select(p => p.TryGetProperty(member, out var found) ? found : default)
        .Single(p => p.ValueKind == JsonValueKind.Object);
}
