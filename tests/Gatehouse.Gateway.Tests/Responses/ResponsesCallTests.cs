using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;
using Gatehouse.Gateway.Tests.Calls;

namespace Gatehouse.Gateway.Tests.Responses;

/// <summary><c>POST /v1/responses</c> through the whole pipeline.</summary>
public sealed class ResponsesCallTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_provider_of_the_same_format_gets_the_request_as_it_is_but_stores_nothing()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, ResponsesWire.Answer));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);

        using var response = await PostAsync(gateway, """{"model":"fast","input":"Hello","tools":[{"type":"web_search"}],"x":{"y":1}}""");

        Assert.StartsWith("POST /v1/responses ", player.Last.Head);
        Assert.Equal("""{"store":false,"model":"m0","input":"Hello","tools":[{"type":"web_search"}],"x":{"y":1}}""", player.Last.Body);
        Assert.Equal(ResponsesWire.Answer.Replace("gAAA", "gh1:p0:gAAA"), await response.Content.ReadAsStringAsync(Ct));
        var record = Assert.Single(gateway.Records());
        Assert.Equal("responses", record.Surface);
        Assert.Equal(new TokenUsage(60, 40, 0, 0, 15, 5), record.Usage);
        Assert.Equal("stop", record.FinishReason);
        Assert.Equal("m-2026", record.AnsweredModel);
    }

    [Fact]
    public async Task A_body_that_needs_no_change_passes_byte_for_byte()
    {
        const string Body = """{ "model":"m0" , "store":false,"input":[{"role":"user","content":"Hi"}]}""";
        await using var player = new WirePlayer(e => e.AnswerAsync(200, ResponsesWire.Answer));
        var route = ResponsesWire.ToNative(player) with { Name = "m0", Targets = [new Target(ResponsesWire.Native("p0", player), "*")] };
        await using var gateway = await TestGateway.StartAsync([route]);

        using var response = await PostAsync(gateway, Body);

        Assert.Equal(Body, player.Last.Body);
    }

    [Fact]
    public async Task A_stream_of_the_same_format_passes_with_its_names()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(ResponsesWire.WholeStream));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);

        using var response = await PostAsync(gateway, ResponsesWire.StreamRequest);

        Assert.Equal(ResponsesWire.WholeStream, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(new TokenUsage(9, 0, 0, 0, 3, 0), Assert.Single(gateway.Records()).Usage);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Any_chat_provider_serves_it(bool anthropic)
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, anthropic ? Calls.Wire.MessagesAnswer : Calls.Wire.ChatAnswer),
            e => e.StreamAsync(anthropic ? Calls.Wire.WholeMessagesStream : Calls.Wire.WholeStream));
        await using var gateway = await TestGateway.StartAsync(
            [anthropic ? PassThroughTests.Anthropic(player) : TestGateway.RouteTo(player)]);

        using var whole = await PostAsync(gateway, ResponsesWire.Request);
        using var streamed = await PostAsync(gateway, ResponsesWire.StreamRequest);

        var answer = JsonElement.Parse(await whole.Content.ReadAsStringAsync(Ct));
        Assert.Equal("Hi", answer.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString());
        Assert.StartsWith("resp_", answer.GetProperty("id").GetString());
        Assert.Equal("fast", anthropic ? "fast" : gateway.Records()[0].Route);
        Assert.True(answer.GetProperty("usage").GetProperty("input_tokens").GetInt32() > 0);
        var check = ResponseEventsCheck.Of(await streamed.Content.ReadAsStringAsync(Ct));
        Assert.Equal("completed", (string)check.Final!["status"]!);
        Assert.Equal("Hello", (string)check.Final["output"]![0]!["content"]![0]!["text"]!);
        Assert.Equal("responses", gateway.Records()[1].Surface);
    }

    [Fact]
    public async Task What_a_target_cannot_carry_is_named_and_a_strict_route_refuses_it()
    {
        const string Body = """{"model":"fast","input":"Hello","tools":[{"type":"web_search"}],"store":true}""";
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        var route = TestGateway.RouteTo(player);
        await using var gateway = await TestGateway.StartAsync([route, route with { Name = "strict", Strict = true }]);

        using var response = await PostAsync(gateway, Body);
        using var refused = await PostAsync(gateway, Body.Replace("fast", "strict"));

        Assert.Equal("store, tools[].web_search", PassThroughTests.Header(response, "x-gatehouse-dropped-params"));
        Assert.Equal(400, (int)refused.StatusCode);
        Assert.Equal("unsupported_parameter", await FallbackTests.ErrorCodeAsync(refused));
    }

    [Fact]
    public async Task A_forced_tool_of_openai_goes_to_the_target_that_has_it()
    {
        await using var chat = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var native = new WirePlayer(e => e.AnswerAsync(200, ResponsesWire.Answer));
        var route = new Route(
            "fast", [new Target(TestGateway.Http("chat", chat), "m"), new Target(ResponsesWire.Native("native", native), "m", 1, 1)]);
        await using var gateway = await TestGateway.StartAsync([route]);

        using var response = await PostAsync(
            gateway, """{"model":"fast","input":"x","tools":[{"type":"web_search"}],"tool_choice":{"type":"web_search"}}""");

        Assert.Equal("native/m", PassThroughTests.Header(response, "x-gatehouse-served-by"));
        Assert.Empty(chat.Exchanges);
    }

    [Fact]
    public async Task Sealed_reasoning_goes_back_to_the_provider_that_sealed_it_and_to_no_other()
    {
        const string Body =
            """{"model":"fast","store":false,"input":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gh1:p1:gAAA"},{"role":"user","content":"x"}]}""";
        await using var first = new WirePlayer(e => e.AnswerAsync(503, """{"error":{"message":"down"}}"""));
        await using var second = new WirePlayer(e => e.AnswerAsync(200, ResponsesWire.Answer));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(first, second)]);

        using var response = await PostAsync(gateway, Body);

        Assert.DoesNotContain("reasoning", first.Last.Body);
        Assert.Contains("\"encrypted_content\":\"gAAA\"", second.Last.Body);
        Assert.Null(PassThroughTests.Header(response, "x-gatehouse-dropped-params"));
    }

    [Fact]
    public async Task A_failure_before_content_falls_back()
    {
        await using var failing = new WirePlayer(
            e => e.StreamAsync(ResponsesWire.Created + ResponsesWire.ItemAdded + ResponsesWire.Failed));
        await using var good = new WirePlayer(e => e.StreamAsync(Calls.Wire.WholeStream));
        var route = new Route(
            "fast", [new Target(ResponsesWire.Native("p0", failing), "m0"),
                new Target(TestGateway.Http("p1", good), "m1", 1, 1)]) { AttemptsPerTarget = 1 };
        await using var gateway = await TestGateway.StartAsync([route]);

        using var response = await PostAsync(gateway, ResponsesWire.StreamRequest);

        var check = ResponseEventsCheck.Of(await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("completed", (string)check.Final!["status"]!);
        Assert.Equal("p1/m1", PassThroughTests.Header(response, "x-gatehouse-served-by"));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task A_failure_after_content_ends_the_stream_with_an_error_and_no_success(bool native, bool told)
    {
        var seen = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(
                native
                    ? ResponsesWire.Created + ResponsesWire.ItemAdded + ResponsesWire.PartAdded + ResponsesWire.Delta
                    : Calls.Wire.Role + Calls.Wire.Hello);
            await seen.Task;
            if (told)
            {
                await e.EventsAsync(native ? ResponsesWire.Failed : Calls.Wire.ErrorEvent);
            }

            await e.EndStreamAsync();
        });
        await using var gateway = await TestGateway.StartAsync([native ? ResponsesWire.ToNative(player) : TestGateway.RouteTo(player)]);

        using var response = await PostAsync(gateway, ResponsesWire.StreamRequest);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Ct));
        var text = "";
        while (!text.Contains("Hello"))
        {
            text += await reader.ReadLineAsync(Ct) + "\n";
        }

        seen.SetResult();
        var check = ResponseEventsCheck.Of(text + await reader.ReadToEndAsync(Ct));

        Assert.NotNull(check.Error!["error"]!["message"]);
        Assert.DoesNotContain("response.completed", check.Types);
        Assert.Equal(CallOutcome.Failed, Assert.Single(gateway.Records()).Outcome);
    }

    [Fact]
    public async Task An_error_status_reads_like_openais_own()
    {
        const string Error =
            """{"error":{"message":"No tool of that name.","type":"invalid_request_error","param":"tools","code":"invalid_tool"}}""";
        await using var player = new WirePlayer(e => e.AnswerAsync(400, Error));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);

        using var response = await PostAsync(gateway, ResponsesWire.Request);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Equal(Error, await response.Content.ReadAsStringAsync(Ct));
    }

    [Theory]
    [InlineData("""{"input":"x"}""", "model")]
    [InlineData("""{"model":"fast"}""", "input")]
    [InlineData("""{"model":"fast","input":7}""", "input")]
    [InlineData("""{"model":"fast","input":"x","stream":"yes"}""", "stream")]
    [InlineData("""{"model":"fast","input":"x","input":"y"}""", "input")]
    [InlineData("""{"model":"fast","input":"x","conversation":"conv_1"}""", "conversation")]
    [InlineData("""{"model":"fast","input":"x","previous_response_id":"resp_1"}""", "previous_response_id")]
    [InlineData("""{"model":"fast","input":"x","background":true}""", "background")]
    [InlineData("""{"model":"fast","input":[{"type":"item_reference","id":"msg_1"}]}""", "input")]
    public async Task What_cannot_be_served_is_refused_before_any_target(string body, string field)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await PostAsync(gateway, body);

        Assert.Equal(400, (int)response.StatusCode);
        var error = JsonElement.Parse(await response.Content.ReadAsStringAsync(Ct)).GetProperty("error");
        Assert.Equal(field, error.GetProperty("param").GetString());
        Assert.Empty(player.Exchanges);
    }

    [Fact]
    public async Task A_system_that_stores_nothing_is_told_how_to_change_that()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await PostAsync(gateway, """{"model":"fast","input":"x","previous_response_id":"resp_1"}""");
        using var asked = await gateway.Client.GetAsync("/v1/responses/resp_1", Ct);

        Assert.Equal("responses_not_stored", await FallbackTests.ErrorCodeAsync(response));
        Assert.Contains("store content", await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal(404, (int)asked.StatusCode);
        Assert.Equal("responses_not_stored", await FallbackTests.ErrorCodeAsync(asked));
        Assert.Empty(gateway.Responses.All);
    }

    [Fact]
    public async Task A_client_that_goes_away_ends_the_providers_work()
    {
        var closed = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(ResponsesWire.Created + ResponsesWire.ItemAdded + ResponsesWire.Delta);
            await e.ClosedByGatewayAsync();
            closed.SetResult();
        });
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);

        using (var response = await PostAsync(gateway, ResponsesWire.StreamRequest))
        {
            await (await response.Content.ReadAsStreamAsync(Ct)).ReadAtLeastAsync(new byte[16], 16, cancellationToken: Ct);
        }

        await closed.Task.WaitAsync(TimeSpan.FromSeconds(30), Ct);
        await gateway.StopServerAsync();
        Assert.Equal(CallOutcome.Cancelled, Assert.Single(gateway.Records()).Outcome);
    }

    private static Task<HttpResponseMessage> PostAsync(TestGateway gateway, string body) =>
        gateway.PostAsync("/v1/responses", body, ct: Ct);
}
