using System.Buffers.Text;
using System.Text;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Responses;
using Gatehouse.Gateway.Tests.Responses;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>Bytes that are JSON and yet cannot be read are the caller's mistake and none of ours.</summary>
public sealed class OddBytesTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""{"model":"fast","input":"encrypted_content"}""", 200)]
    [InlineData("""{"model":"fast","input":"x","include":"encrypted_content"}""", 400)]
    [InlineData("""{"model":"fast","input":[{"\ud800":1}]}""", 400)]
    [InlineData("""{"model":"fast","input":[{"type":"\ud800"}]}""", 400)]
    [InlineData("""{"model":"fast","input":[{"encrypted_content":"x","\ud800":1}]}""", 400)]
    public async Task In_a_responses_request(string body, int status)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, ResponsesWire.Answer));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);

        using var response = await gateway.PostAsync("/v1/responses", body, TestGateway.StoringKey, Ct);

        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact]
    public async Task A_deep_request_is_stored_gone_on_from_and_listed()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, ResponsesWire.Answer));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);
        var deep = new string('[', 90) + new string(']', 90);
        var body = $$"""{"model":"fast","include":[{{deep}}],"input":[{"type":"reasoning","encrypted_content":"x","x":{{deep}}}]}""";

        using var first = await gateway.PostAsync("/v1/responses", body, TestGateway.StoringKey, Ct);
        Assert.Equal(200, (int)first.StatusCode);
        var id = gateway.Responses.All.Single().Id;
        using var second = await gateway.PostAsync(
            "/v1/responses", $$"""{"model":"fast","input":"On","previous_response_id":"{{id}}"}""", TestGateway.StoringKey, Ct);
        Assert.Equal(200, (int)second.StatusCode);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/responses/{id}/input_items");
        request.Headers.Authorization = new("Bearer", TestGateway.StoringKey);
        using var listed = await gateway.Client.SendAsync(request, Ct);
        Assert.Equal(200, (int)listed.StatusCode);
    }

    [Theory]
    [InlineData("/v1beta/models/fast:generateContent", """{"contents":[],"\ud800aa":1}""")]
    [InlineData("/v1beta/models/fast:generateContent", """{"contents":[],"generationConfig":{"\ud800aaaaa":1}}""")]
    [InlineData("/v1beta/models/fast:embedContent", """{"content":{"\ud800":1}}""")]
    public async Task In_a_generate_request(string path, string body)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.GeminiAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(
                player) with { Targets = [new(TestGateway.Http("g", player, Gatehouse.Gateway.Providers.WireFormat.Gemini), "m")] }]);

        using var response = await gateway.PostAsync(path, body, ct: Ct);

        Assert.Equal(400, (int)response.StatusCode);
    }

    [Fact]
    public async Task In_a_rerank_request()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, "{}"));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.PostAsync(
            "/v2/rerank", """{"model":"fast","query":"q","documents":["a"],"document\ud800":1}""", ct: Ct);

        Assert.Equal(400, (int)response.StatusCode);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("""{"\ud800":1}""")]
    [InlineData("""{"text":"\ud800","signature":"s"}""")]
    public void In_a_seal(string json) => Assert.Null(ReasoningSeal.Open($"gh1::{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json))}"));

    [Fact]
    public void In_a_count_of_usage()
    {
        var deep = new string('[', 90) + new string(']', 90);
        var usage = System.Text.Json.JsonElement.Parse(
            $$"""{"x":{{deep}},"prompt_tokens":3,"promptTokenCount":3}""", new() { MaxDepth = 128 });

        Assert.Equal(3, Gatehouse.Gateway.Providers.OpenAi.OpenAiUsage.Read(usage)?.TotalInput);
        Assert.Equal(3, Gatehouse.Gateway.Providers.Gemini.GeminiUsage.Read(usage)?.TotalInput);
    }
}
