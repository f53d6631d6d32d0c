using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class GenerateTests
{
    private const string Whole = "/v1beta/models/fast:generateContent";
    private const string Events = "/v1beta/models/fast:streamGenerateContent?alt=sse";
    private const string Array = "/v1beta/models/fast:streamGenerateContent";
    private const string Count = "/v1beta/models/fast:countTokens";

    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Bytes_pass_through_to_a_gemini_provider_and_back()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.GeminiAnswer));
        await using var gateway = await TestGateway.StartAsync([GeminiProviderTests.Gemini(player)]);

        using var response = await gateway.PostAsync(Whole, Wire.GeminiRequest, ct: Ct);

        Assert.Equal(Wire.GeminiAnswer, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(Wire.GeminiRequest, player.Last.Body);
        Assert.StartsWith("POST /v1/models/gemini-x:generateContent HTTP/1.1\r\n", player.Last.Head);
        var record = Assert.Single(gateway.Records());
        Assert.Equal(("generate", "fast", "gemini-x"), (record.Surface, record.Route, record.Model));
        Assert.Equal(new TokenUsage(6, 4, 0, 0, 2, 3), record.Usage);
    }

    [Theory]
    [InlineData(Events, "text/event-stream")]
    [InlineData(Array, "application/json")]
    public async Task Streams_pass_through_in_both_forms(string path, string type)
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.GeminiHello + Wire.GeminiEnd));
        await using var gateway = await TestGateway.StartAsync([GeminiProviderTests.Gemini(player)]);

        using var response = await gateway.PostAsync(path, Wire.GeminiRequest, ct: Ct);
        var text = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal(type, response.Content.Headers.ContentType!.MediaType);
        Assert.StartsWith("POST /v1/models/gemini-x:streamGenerateContent?alt=sse HTTP/1.1\r\n", player.Last.Head);
        var expected = (Wire.GeminiHello + Wire.GeminiEnd).Replace("\r\n", "\n");
        if (path == Events)
        {
            Assert.Equal(expected, text);
        }
        else
        {
            Assert.Equal("[" + expected.Replace("\n\ndata: ", ",\r\n")["data: ".Length..].TrimEnd() + "]", text);
        }
    }

    [Theory]
    [InlineData(WireFormat.OpenAi)]
    [InlineData(WireFormat.Anthropic)]
    public async Task Whole_answers_come_from_providers_of_other_formats(WireFormat wire)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, wire == WireFormat.OpenAi ? Wire.ChatAnswer : Wire.MessagesAnswer));
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(TestGateway.Http("p", player, wire), "m")])]);

        using var response = await gateway.PostAsync(Whole, Wire.GeminiRequest, ct: Ct);

        var answer = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct));
        var candidate = answer.GetProperty("candidates")[0];
        Assert.Equal("Hi", candidate.GetProperty("content").GetProperty("parts")[0].GetProperty("text").GetString());
        Assert.Equal("STOP", candidate.GetProperty("finishReason").GetString());
        Assert.True(answer.GetProperty("usageMetadata").GetProperty("totalTokenCount").GetInt32() > 0);
        Assert.Contains("\"role\":\"user\",\"content\":\"Hello\"", player.Last.Body);
    }

    [Theory]
    [InlineData(WireFormat.OpenAi, Events)]
    [InlineData(WireFormat.OpenAi, Array)]
    [InlineData(WireFormat.Anthropic, Events)]
    [InlineData(WireFormat.Anthropic, Array)]
    public async Task Streams_come_from_providers_of_other_formats(WireFormat wire, string path)
    {
        await using var player = new WirePlayer(
            e => e.StreamAsync(wire == WireFormat.OpenAi ? Wire.WholeStream : Wire.WholeMessagesStream));
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(TestGateway.Http("p", player, wire), "m")])]);

        using var response = await gateway.PostAsync(path, Wire.GeminiRequest, ct: Ct);

        var items = Items(path, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(
            "Hello", items[0].GetProperty("candidates")[0].GetProperty("content").GetProperty("parts")[0].GetProperty("text").GetString());
        Assert.Equal("STOP", items[^1].GetProperty("candidates")[0].GetProperty("finishReason").GetString());
        Assert.True(items[^1].GetProperty("usageMetadata").GetProperty("candidatesTokenCount").GetInt32() > 0);
        Assert.Equal(CallOutcome.Ok, Assert.Single(gateway.Records()).Outcome);
    }

    [Theory]
    [InlineData(Events)]
    [InlineData(Array)]
    public async Task A_stream_that_breaks_ends_in_an_error_of_the_format(string path)
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.Role + Wire.Hello));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync(path, Wire.GeminiRequest, ct: Ct);

        var items = Items(path, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(2, items.Count);
        Assert.Equal("UNAVAILABLE", items[1].GetProperty("error").GetProperty("status").GetString());
        Assert.Equal(502, items[1].GetProperty("error").GetProperty("code").GetInt32());
    }

    [Theory]
    [InlineData(Whole)]
    [InlineData(Events)]
    [InlineData(Array)]
    public async Task The_simulator_answers(string path)
    {
        var simulator = new ProviderFactory(TimeProvider.System).Create(new ProviderSettings
        {
            Name = "simulator", Kind = "simulator", Wire = WireFormat.OpenAi, BaseUrl = new Uri("http://simulator"),
            Simulator = new SimulatorSettings(),
        });
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(simulator, "simulator")])]);

        using var response = await gateway.PostAsync(path, Wire.GeminiRequest, ct: Ct);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Contains("\"finishReason\":\"STOP\"", await response.Content.ReadAsStringAsync(Ct));
        Assert.True(Assert.Single(gateway.Records()).Usage!.Value.TotalOutput > 0);
    }

    [Fact]
    public async Task Tokens_are_counted_by_google_or_estimated_and_labelled()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, """{"totalTokens":31}"""));
        await using var gateway = await TestGateway.StartAsync([GeminiProviderTests.Gemini(player)]);
        await using var other = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var counted = await gateway.PostAsync(Count, Wire.GeminiRequest, ct: Ct);
        using var estimated = await other.PostAsync(Count, Wire.GeminiRequest, ct: Ct);
        using var wrapped = await other.PostAsync(Count, $$"""{"generateContentRequest":{{Wire.GeminiRequest}}}""", ct: Ct);

        Assert.Equal("""{"totalTokens":31}""", await counted.Content.ReadAsStringAsync(Ct));
        Assert.False(counted.Headers.Contains("x-gatehouse-estimate"));
        Assert.StartsWith("POST /v1/models/gemini-x:countTokens HTTP/1.1\r\n", Assert.Single(player.Exchanges).Head);
        Assert.Equal("""{"totalTokens":2}""", await estimated.Content.ReadAsStringAsync(Ct));
        Assert.Equal("""{"totalTokens":2}""", await wrapped.Content.ReadAsStringAsync(Ct));
        Assert.Equal("totalTokens", PassThroughTests.Header(estimated, "x-gatehouse-estimate"));
        Assert.Equal(2, other.Records().Count);
        Assert.Equal(default(TokenUsage), gateway.Records()[0].Usage);
    }

    [Theory]
    [InlineData("header", Whole, 200)]
    [InlineData("query", Whole, 200)]
    [InlineData("query", "/v1/chat/completions", 401)]
    [InlineData("none", Whole, 401)]
    public async Task A_key_comes_in_googles_header_or_address_and_is_kept_nowhere(string where, string path, int status)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.GeminiAnswer));
        await using var gateway = await TestGateway.StartAsync([GeminiProviderTests.Gemini(player)]);
        gateway.Client.DefaultRequestHeaders.Clear();
        using var request = new HttpRequestMessage(HttpMethod.Post, where == "query" ? $"{path}?key={TestGateway.StoringKey}" : path)
        {
            Content = new StringContent(Wire.GeminiRequest, Encoding.UTF8, "application/json"),
        };
        if (where == "header")
        {
            request.Headers.Add("x-goog-api-key", TestGateway.StoringKey);
        }

        using var response = await gateway.Client.SendAsync(request, Ct);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.DoesNotContain(TestGateway.StoringKey, JsonSerializer.Serialize(gateway.Records()));
        Assert.All(player.Exchanges, e => Assert.DoesNotContain(TestGateway.StoringKey, e.Head));
        if (status == 401 && path == Whole)
        {
            Assert.Equal("UNAUTHENTICATED", (await ErrorAsync(response)).GetProperty("status").GetString());
        }
    }

    [Theory]
    [InlineData("/v1beta/models/nobody:generateContent", Wire.GeminiRequest, 404, "NOT_FOUND")]
    [InlineData("/v1beta/models/fast:embedText", Wire.GeminiRequest, 404, "NOT_FOUND")]
    [InlineData("/v1beta/files", Wire.GeminiRequest, 404, "NOT_FOUND")]
    [InlineData(Whole, "{}", 400, "INVALID_ARGUMENT")]
    [InlineData(Whole, "{", 400, "INVALID_ARGUMENT")]
    [InlineData(Whole, """{"contents":[{"role":"robot","parts":[]}]}""", 400, "INVALID_ARGUMENT")]
    [InlineData(Whole, """{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{}}}]}]}""", 400, "INVALID_ARGUMENT")]
    public async Task Refusals_have_googles_shape(string path, string body, int status, string name)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync(path, body, ct: Ct);

        Assert.Equal(status, (int)response.StatusCode);
        var error = await ErrorAsync(response);
        Assert.Equal(status, error.GetProperty("code").GetInt32());
        Assert.Equal(name, error.GetProperty("status").GetString());
        Assert.Empty(player.Exchanges);
    }

    private static async Task<JsonElement> ErrorAsync(HttpResponseMessage response) =>
        JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("error");

    private static List<JsonElement> Items(string path, string text) => path == Array
        ? [.. JsonElement.Parse(text).EnumerateArray()]
        : [.. text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(e => JsonElement.Parse(e["data: ".Length..]))];
}
