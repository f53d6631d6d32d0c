using System.Text.Json;
using Gatehouse.EndToEnd.Tests.Sdk;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>One gateway before a player of both wire formats; each SDK runs all scenarios against each format once.</summary>
public sealed class SdkMatrix : IAsyncLifetime
{
    private readonly Dictionary<(string Sdk, string Upstream), Lazy<Task<IReadOnlyDictionary<string, SdkResult>>>> _runs = [];
    private GatehouseProcess _gatehouse = null!;

    internal static IReadOnlyDictionary<string, ISdkClient> Sdks { get; } = new Dictionary<string, ISdkClient>
    {
        ["OpenAI (NuGet)"] = new OpenAiDotNetSdk(),
        ["openai (npm)"] = new NodeSdk("openai.mjs", speaksMessages: false),
        ["Anthropic (NuGet)"] = new AnthropicDotNetSdk(),
        ["@anthropic-ai/sdk (npm)"] = new NodeSdk("anthropic.mjs", speaksMessages: true),
    };

    /// <summary>Each SDK's route prefix at each upstream: who asked is in the model name that the player sees.</summary>
    internal static string Prefix(string sdk, string upstream) => $"{upstream}{Sdks.Keys.ToList().IndexOf(sdk)}-";

    internal WirePlayer Player { get; private set; } = null!;

    internal Task<IReadOnlyDictionary<string, SdkResult>> RunAsync(string sdk, string upstream)
    {
        lock (_runs)
        {
            if (!_runs.TryGetValue((sdk, upstream), out var run))
            {
                var client = Sdks[sdk];
                _runs[(sdk, upstream)] = run = new(() => client.RunAllAsync(
                    _gatehouse.Url, _gatehouse.SampleKey, Prefix(sdk, upstream), Player.Url, TestContext.Current.CancellationToken));
            }

            return run.Value;
        }
    }

    public async ValueTask InitializeAsync()
    {
        Player = await WirePlayer.StartAsync();
        _gatehouse = await GatehouseProcess.StartAsync($$"""
            providers:
              openai:
                kind: openai
                base_url: {{Player.Url}}v1
                api_key: recorded
              anthropic:
                kind: anthropic
                base_url: {{Player.Url}}anthropic/v1
                api_key: recorded
            routes:
              openai*:
                targets: [{ provider: openai, model: "*" }]
              anthropic*:
                targets: [{ provider: anthropic, model: "*" }]
            """);
    }

    public async ValueTask DisposeAsync()
    {
        await _gatehouse.DisposeAsync();
        await Player.DisposeAsync();
    }
}

/// <summary>The official SDKs work through Gatehouse, whatever wire format the provider speaks.</summary>
public sealed class SdkMatrixTests(SdkMatrix matrix) : IClassFixture<SdkMatrix>
{
    public static TheoryData<string, string> Pairs()
    {
        var pairs = new TheoryData<string, string>();
        foreach (var sdk in SdkMatrix.Sdks.Keys)
        {
            pairs.Add(sdk, "openai");
            pairs.Add(sdk, "anthropic");
        }

        return pairs;
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Text_comes_whole_and_streamed_with_its_usage(string sdk, string upstream)
    {
        var results = await matrix.RunAsync(sdk, upstream);

        foreach (var scenario in (string[])["text", "text-stream"])
        {
            var result = Succeeded(results, scenario);
            Assert.Equal("Hello from the wire.", result.Text);
            Assert.Equal(SdkMatrix.Sdks[sdk].SpeaksMessages ? "end_turn" : "stop", result.Finish);
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
            Assert.Equal(SdkMatrix.Sdks[sdk].SpeaksMessages ? "tool_use" : "tool_calls", result.Finish);
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
        var result = Succeeded(await matrix.RunAsync(sdk, upstream), "image");

        Assert.Equal("A single pixel.", result.Text);
        var body = Sent(sdk, upstream, "image");
        var parts = body.GetProperty("messages").EnumerateArray().Single(m => m.GetProperty("role").GetString() == "user").GetProperty("content");
        var image = parts.EnumerateArray().Single(p => p.GetProperty("type").GetString() is "image" or "image_url");
        if (upstream == "openai")
        {
            Assert.Equal($"data:image/png;base64,{Scenarios.Pixel}", image.GetProperty("image_url").GetProperty("url").GetString());
            Assert.Contains("Be brief.", body.GetProperty("messages")[0].GetProperty("content").ToString(), StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(Scenarios.Pixel, image.GetProperty("source").GetProperty("data").GetString());
            Assert.Equal("image/png", image.GetProperty("source").GetProperty("media_type").GetString());
            Assert.Contains("Be brief.", body.GetProperty("system").ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task A_json_schema_reaches_the_provider_and_its_answer_the_client(string sdk, string upstream)
    {
        var result = Succeeded(await matrix.RunAsync(sdk, upstream), "schema");

        Assert.Equal("""{"answer":42}""", result.Text);
        var body = Sent(sdk, upstream, "schema");
        var schema = upstream == "openai"
            ? body.GetProperty("response_format").GetProperty("json_schema").GetProperty("schema")
            : body.GetProperty("output_config").GetProperty("format").GetProperty("schema");
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse(Scenarios.AnswerSchema), schema), schema.ToString());
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Errors_before_the_answer_raise_with_the_providers_status(string sdk, string upstream)
    {
        var results = await matrix.RunAsync(sdk, upstream);

        Assert.NotNull(results["rate-limited"].Error);
        Assert.Equal(429, results["rate-limited"].Status);
        Assert.NotNull(results["bad-request"].Error);
        Assert.Equal(400, results["bad-request"].Status);
        Assert.Contains("temperature", results["bad-request"].Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Errors_and_breaks_in_mid_stream_raise_after_the_text_that_came(string sdk, string upstream)
    {
        var results = await matrix.RunAsync(sdk, upstream);

        foreach (var scenario in (string[])["mid-stream-error", "truncated"])
        {
            Assert.True(results[scenario].Error is not null, $"{scenario} ended as if it were complete: {results[scenario]}");
            Assert.Equal("Hello from", results[scenario].Text);
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task An_abort_of_the_client_reaches_the_provider(string sdk, string upstream)
    {
        var result = (await matrix.RunAsync(sdk, upstream))["abort"];

        Assert.Equal("Hello", result.Text);
        await matrix.Player.LeftAsync(SdkMatrix.Prefix(sdk, upstream) + "abort", TestContext.Current.CancellationToken);
    }

    private static SdkResult Succeeded(IReadOnlyDictionary<string, SdkResult> results, string scenario)
    {
        var result = results[scenario];
        Assert.True(result.Error is null, $"{scenario} raised {result.Error}: {result.Message}");
        return result;
    }

    private static IEnumerable<string> Tools(SdkResult result) => result.Tools.Select(t => $"{t.Name} {t.Arguments.GetProperty("city").GetString()}");

    private JsonElement Sent(string sdk, string upstream, string scenario) =>
        matrix.Player.Requests.Last(r => r.Model == SdkMatrix.Prefix(sdk, upstream) + scenario).Body;
}
