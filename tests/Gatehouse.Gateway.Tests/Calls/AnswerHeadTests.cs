using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

/// <summary>What strangers write, clients in requests and providers in answers, must not break the head of the answer.</summary>
public sealed class AnswerHeadTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("gpt-é", 200, "p0/gpt-?")]
    [InlineData("gpt-é", 500, "p0/gpt-?")]
    [InlineData("gpt-\\r\\nx: y", 200, "p0/gpt-??x: y")]
    public async Task A_model_name_of_any_characters_is_shown_as_far_as_a_header_can(string model, int status, string shown)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(status, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [new Route("gpt-*", [new Target(TestGateway.Http("p0", player), "*")]) { AttemptsPerTarget = 1 }]);

        using var response = await gateway.ChatAsync($$"""{"model":"{{model}}","messages":[]}""");

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(shown, PassThroughTests.Header(response, "x-gatehouse-served-by"));
        var record = Assert.Single(gateway.Records());
        Assert.Equal((status == 200 ? CallOutcome.Ok : CallOutcome.Failed, status), (record.Outcome, record.Status));
    }

    [Fact]
    public async Task A_model_name_beyond_what_a_head_can_hold_is_cut()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Wire.WholeStream));
        await using var gateway = await TestGateway.StartAsync([new Route("gpt-*", [new Target(TestGateway.Http("p0", player), "*")])]);

        using var response = await gateway.ChatAsync($$"""{"model":"gpt-{{new string('x', 252)}}","stream":true,"messages":[]}""");

        Assert.Equal(256, PassThroughTests.Header(response, "x-gatehouse-served-by")!.Length);
        Assert.EndsWith(Wire.Done, await response.Content.ReadAsStringAsync(Ct));
    }

    [Theory]
    [InlineData(Wire.ChatRequest)]
    [InlineData(Wire.StreamRequest)]
    public async Task A_providers_header_that_no_header_may_hold_is_left_out(string request)
    {
        await using var player = new WirePlayer(async e =>
        {
            string[] headers = ["x-ratelimit-limit-requests: ä", "x-ratelimit-remaining-requests: 7"];
            if (request == Wire.ChatRequest)
            {
                await e.AnswerAsync(200, Wire.ChatAnswer, headers);
                return;
            }

            await e.BeginStreamAsync(headers);
            await e.EventsAsync(Wire.WholeStream);
            await e.EndStreamAsync();
        });
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(request);
        await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Null(PassThroughTests.Header(response, "x-ratelimit-limit-requests"));
        Assert.Equal("7", PassThroughTests.Header(response, "x-ratelimit-remaining-requests"));
        Assert.Equal(CallOutcome.Ok, Assert.Single(gateway.Records()).Outcome);
    }

    [Theory]
    [InlineData("anthropic-version")]
    [InlineData("anthropic-beta")]
    public async Task A_header_that_cannot_be_sent_on_is_the_clients_mistake(string name)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.MessagesAnswer));
        await using var gateway = await TestGateway.StartAsync([PassThroughTests.Anthropic(player)]);

        var answer = await RefusalTests.RawAsync(gateway, Post("/v1/messages", Wire.MessagesRequest, name + ": ä"));

        Assert.StartsWith("HTTP/1.1 400", answer);
        Assert.Contains($"The header '{name}' must be printable ASCII.", answer);
        Assert.Empty(player.Exchanges);
        Assert.Equal(CallOutcome.Refused, Assert.Single(gateway.Records()).Outcome);
    }

    [Fact]
    public async Task A_trace_state_that_cannot_be_sent_on_is_left_out()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        const string parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

        var answer = await RefusalTests.RawAsync(gateway, Post("/v1/chat/completions", Wire.ChatRequest, parent + "\r\ntracestate: a=ä"));

        Assert.StartsWith("HTTP/1.1 200", answer);
        Assert.Null(player.Last.Header("tracestate"));
    }

    private static string Post(string path, string body, string header) =>
        $"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TestGateway.Key}\r\nContent-Length: {body.Length}\r\n{header}\r\n\r\n{body}";
}
