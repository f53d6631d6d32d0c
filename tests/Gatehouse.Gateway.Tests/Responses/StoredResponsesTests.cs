using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Gatehouse.Gateway.Tests.Calls;

namespace Gatehouse.Gateway.Tests.Responses;

/// <summary>Responses that are asked for again, gone on from, deleted, or made in the background.</summary>
public sealed class StoredResponsesTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_response_is_there_for_the_next_request(bool stream)
    {
        await using var player = new WirePlayer(
            e => stream ? e.StreamAsync(Calls.Wire.WholeStream) : e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        var made = await CreateAsync(gateway, stream ? ResponsesWire.StreamRequest : ResponsesWire.Request);
        var found = await GetAsync(gateway, $"/v1/responses/{Text(made, "id")}");

        Assert.True(made.GetProperty("store").GetBoolean());
        Assert.True(JsonElement.DeepEquals(made, found), $"{made}\n{found}");
    }

    [Fact]
    public async Task A_native_response_is_stored_here_under_an_id_of_our_own()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, ResponsesWire.Answer), e => e.StreamAsync(ResponsesWire.WholeStream));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);

        var made = await CreateAsync(gateway, ResponsesWire.Request);
        Assert.True(JsonElement.DeepEquals(made, await GetAsync(gateway, $"/v1/responses/{Text(made, "id")}")));
        Assert.True(made.GetProperty("store").GetBoolean());
        Assert.NotEqual("resp_up1", Text(made, "id"));
        Assert.Contains("\"store\":false", player.Last.Body);

        made = await CreateAsync(gateway, ResponsesWire.StreamRequest);
        Assert.True(JsonElement.DeepEquals(made, await GetAsync(gateway, $"/v1/responses/{Text(made, "id")}")));
    }

    [Theory]
    [InlineData("gpt-5.1", null, """["reasoning.encrypted_content"]""")]
    [InlineData("gpt-5.1", """["x"]""", """["x","reasoning.encrypted_content"]""")]
    [InlineData("gpt-5-chat-latest", null, null)]
    [InlineData("gpt-4.1", null, null)]
    public async Task Reasoning_comes_sealed_where_it_must_outlive_the_provider(string model, string? asked, string? included)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, ResponsesWire.Answer));
        var route = ResponsesWire.ToNative(player);
        await using var gateway = await TestGateway.StartAsync([route with { Targets = [route.Targets[0] with { Model = model }] }]);

        await CreateAsync(gateway, $$"""{"model":"fast","input":"Hello"{{(asked is null ? "" : $",\"include\":{asked}")}}}""");

        var sent = JsonElement.Parse(player.Last.Body);
        Assert.Equal(included, sent.TryGetProperty("include", out var include) ? include.GetRawText() : null);
    }

    [Fact]
    public async Task A_response_goes_on_from_another_one_whoever_served_it()
    {
        await using var native = new WirePlayer(e => e.AnswerAsync(200, ResponsesWire.Answer));
        await using var claude = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.MessagesAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [ResponsesWire.ToNative(native) with { Name = "native" }, PassThroughTests.Anthropic(claude) with { Name = "claude" }]);

        var first = await CreateAsync(gateway, """{"model":"native","instructions":"Be kind.","input":"One"}""");
        var second = await CreateAsync(gateway, $$"""{"model":"claude","input":"Two","previous_response_id":"{{Text(first, "id")}}"}""");
        var third = await CreateAsync(
            gateway, $$"""{"model":"native","input":[{"role":"user","content":"Three"}],"previous_response_id":"{{Text(second, "id")}}"}""");

        Assert.Equal(Text(first, "id"), Text(second, "previous_response_id"));
        Assert.Equal(Text(second, "id"), Text(third, "previous_response_id"));
        var asked = JsonElement.Parse(claude.Last.Body);
        Assert.Equal(
            ["user:One", "assistant:Hi", "user:Two"],
            asked.GetProperty("messages").EnumerateArray().Select(m => $"{m.GetProperty("role")}:{m.GetProperty("content")}"));
        Assert.False(asked.TryGetProperty("system", out _)); // instructions are of one request
        var input = JsonElement.Parse(native.Last.Body).GetProperty("input").EnumerateArray().ToList();
        Assert.Equal(["message", "reasoning", "message", "message", "message", ""], input.Select(i => Text(i, "type")));
        Assert.Equal("gAAA", Text(input[1], "encrypted_content"));
        Assert.All(input, i => Assert.False(i.TryGetProperty("id", out _)));
    }

    [Fact]
    public async Task An_item_may_be_named_by_its_id()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, ResponsesWire.Answer));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);
        await CreateAsync(gateway, ResponsesWire.Request);

        await CreateAsync(
            gateway, """{"model":"fast","input":[{"role":"user","content":"Hello"},{"type":"item_reference","id":"rs_1"},{"type":"item_reference","id":"msg_1"},{"role":"user","content":"Go on"}]}""");
        using var unknown = await PostAsync(gateway, """{"model":"fast","input":[{"type":"item_reference","id":"msg_9"}]}""");

        Assert.Contains("\"text\":\"Hi\"", player.Last.Body);
        Assert.Contains("\"encrypted_content\":\"gAAA\"", player.Last.Body);
        Assert.DoesNotContain("item_reference", player.Last.Body);
        Assert.Equal("item_not_found", await FallbackTests.ErrorCodeAsync(unknown));
    }

    [Fact]
    public async Task What_is_not_stored_is_not_there()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        var made = await CreateAsync(gateway, """{"model":"fast","input":"Hello","store":false}""");
        using var found = await SendAsync(gateway, HttpMethod.Get, $"/v1/responses/{Text(made, "id")}");
        using var after = await PostAsync(gateway, $$"""{"model":"fast","input":"x","previous_response_id":"{{Text(made, "id")}}"}""");

        Assert.False(made.GetProperty("store").GetBoolean());
        Assert.Equal(404, (int)found.StatusCode);
        Assert.Equal("previous_response_not_found", await FallbackTests.ErrorCodeAsync(after));
    }

    [Fact]
    public async Task Another_system_cannot_see_use_or_delete_it()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        var id = Text(await CreateAsync(gateway, ResponsesWire.Request), "id");
        var item = gateway.Responses.All.Single().ItemIds.Single();

        foreach (var (method, path) in ((HttpMethod, string)[])[
            (HttpMethod.Get, ""), (HttpMethod.Get, "?stream=true"), (HttpMethod.Delete, ""), (HttpMethod.Post, "/cancel"),
            (HttpMethod.Get, "/input_items")])
        {
            using var response = await SendAsync(gateway, method, $"/v1/responses/{id}{path}", TestGateway.OtherStoringKey);
            Assert.Equal(404, (int)response.StatusCode);
        }

        using var after = await PostAsync(
            gateway, $$"""{"model":"fast","input":"x","previous_response_id":"{{id}}"}""", TestGateway.OtherStoringKey);
        Assert.Equal("previous_response_not_found", await FallbackTests.ErrorCodeAsync(after));
        using var named = await PostAsync(
            gateway, $$"""{"model":"fast","input":[{"type":"item_reference","id":"{{item}}"}]}""", TestGateway.OtherStoringKey);
        Assert.Equal("item_not_found", await FallbackTests.ErrorCodeAsync(named));
        Assert.Single(player.Exchanges);
        await GetAsync(gateway, $"/v1/responses/{id}");
    }

    [Fact]
    public async Task A_deleted_response_is_gone_and_nothing_goes_on_from_it()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        var first = Text(await CreateAsync(gateway, ResponsesWire.Request), "id");
        var second = Text(await CreateAsync(gateway, $$"""{"model":"fast","input":"Two","previous_response_id":"{{first}}"}"""), "id");

        using var deleted = await SendAsync(gateway, HttpMethod.Delete, $"/v1/responses/{first}");
        using var again = await SendAsync(gateway, HttpMethod.Delete, $"/v1/responses/{first}");
        using var third = await PostAsync(gateway, $$"""{"model":"fast","input":"Three","previous_response_id":"{{second}}"}""");

        Assert.Equal($$"""{"id":"{{first}}","object":"response","deleted":true}""", await deleted.Content.ReadAsStringAsync(Ct));
        Assert.Equal(404, (int)again.StatusCode);
        Assert.Equal("previous_response_not_found", await FallbackTests.ErrorCodeAsync(third));
    }

    [Fact]
    public async Task Input_items_come_in_pages_with_what_was_before()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        var first = Text(await CreateAsync(gateway, ResponsesWire.Request), "id");
        var second = Text(
            await CreateAsync(
                gateway, $$"""{"model":"fast","previous_response_id":"{{first}}","input":[{"role":"user","content":[{"type":"input_text","text":"Two"}]},{"role":"user","content":"Three"}]}"""), "id");

        var page = await GetAsync(gateway, $"/v1/responses/{second}/input_items?order=asc&limit=3");
        var rest = await GetAsync(gateway, $"/v1/responses/{second}/input_items?order=asc&after={Text(page, "last_id")}");
        var newest = await GetAsync(gateway, $"/v1/responses/{second}/input_items?limit=1");

        Assert.Equal(["Hello", "Hi", "Two"], Texts(page));
        Assert.True(page.GetProperty("has_more").GetBoolean());
        Assert.Equal(["Three"], Texts(rest));
        Assert.False(rest.GetProperty("has_more").GetBoolean());
        Assert.Equal(["Three"], Texts(newest));
        using var wrong = await SendAsync(gateway, HttpMethod.Get, $"/v1/responses/{second}/input_items?limit=0");
        Assert.Equal(400, (int)wrong.StatusCode);

        static IEnumerable<string> Texts(JsonElement page) =>
            page.GetProperty("data").EnumerateArray().Select(i => Text(i.GetProperty("content")[0], "text"));
    }

    [Fact]
    public async Task A_background_response_is_made_while_nobody_waits()
    {
        var asked = new TaskCompletionSource();
        var answer = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            asked.TrySetResult();
            await answer.Task;
            await e.StreamAsync(Calls.Wire.WholeStream);
        });
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        var queued = await CreateAsync(gateway, """{"model":"fast","input":"Hello","background":true}""");
        var id = Text(queued, "id");
        await asked.Task;
        using var early = await PostAsync(gateway, $$"""{"model":"fast","input":"x","previous_response_id":"{{id}}"}""");
        answer.SetResult();
        var done = await UntilAsync(gateway, id, "completed");

        Assert.Equal("queued", Text(queued, "status"));
        Assert.True(queued.GetProperty("background").GetBoolean());
        Assert.Equal("previous_response_not_ready", await FallbackTests.ErrorCodeAsync(early));
        Assert.Equal(id, Text(done, "id"));
        Assert.Equal("Hello", Text(done.GetProperty("output")[0].GetProperty("content")[0], "text"));
        Assert.Equal("responses", Assert.Single(gateway.Records(), r => r.Status == 200).Surface);
        var items = await GetAsync(gateway, $"/v1/responses/{id}/input_items");
        Assert.Single(items.GetProperty("data").EnumerateArray());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_streamed_background_response_outlives_its_client_who_may_come_back(bool native)
    {
        var go = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            await e.BeginStreamAsync();
            await e.EventsAsync(
                native
                    ? ResponsesWire.Created + ResponsesWire.ItemAdded + ResponsesWire.PartAdded + ResponsesWire.Delta
                    : Calls.Wire.Role + Calls.Wire.Hello);
            await go.Task;
            await e.EventsAsync(
                native ? ResponsesWire.ItemDone + ResponsesWire.Completed : Calls.Wire.Finish + Calls.Wire.Usage + Calls.Wire.Done);
            await e.EndStreamAsync();
        });
        await using var gateway = await TestGateway.StartAsync([native ? ResponsesWire.ToNative(player) : TestGateway.RouteTo(player)]);

        string id;
        using (var response = await PostAsync(gateway, """{"model":"fast","input":"Hello","background":true,"stream":true}"""))
        {
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Ct));
            var line = "";
            while (!(line = (await reader.ReadLineAsync(Ct))!).StartsWith("data:", StringComparison.Ordinal))
            {
            }

            id = Text(JsonElement.Parse(line[5..]).GetProperty("response"), "id");
            while (!(await reader.ReadLineAsync(Ct))!.Contains("Hello"))
            {
            }
        }

        using var back = await SendAsync(gateway, HttpMethod.Get, $"/v1/responses/{id}?stream=true&starting_after=2");
        go.SetResult();
        var rest = await back.Content.ReadAsStringAsync(Ct);
        var done = await UntilAsync(gateway, id, "completed");
        using var again = await SendAsync(gateway, HttpMethod.Get, $"/v1/responses/{id}?stream=true");
        var all = await again.Content.ReadAsStringAsync(Ct);

        Assert.StartsWith("event: ", rest);
        Assert.Contains("\"sequence_number\":3,", rest);
        Assert.DoesNotContain("\"sequence_number\":2,", rest);
        Assert.EndsWith(rest, all);
        var check = ResponseEventsCheck.Of(all);
        Assert.Equal(id, (string)check.Final!["id"]!);
        Assert.True((bool)check.Final["background"]!);
        Assert.Equal(id, Text(done, "id"));
    }

    [Fact]
    public async Task A_background_response_can_be_cancelled()
    {
        var asked = new TaskCompletionSource();
        var closed = new TaskCompletionSource();
        await using var player = new WirePlayer(async e =>
        {
            asked.SetResult();
            await e.ClosedByGatewayAsync();
            closed.SetResult();
        });
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        var id = Text(await CreateAsync(gateway, """{"model":"fast","input":"Hello","background":true}"""), "id");
        await asked.Task;

        using var cancelled = await SendAsync(gateway, HttpMethod.Post, $"/v1/responses/{id}/cancel");
        using var again = await SendAsync(gateway, HttpMethod.Post, $"/v1/responses/{id}/cancel");

        await closed.Task.WaitAsync(TimeSpan.FromSeconds(30), Ct);
        Assert.Equal("cancelled", Text(JsonElement.Parse(await cancelled.Content.ReadAsStringAsync(Ct)), "status"));
        Assert.Equal("cancelled", Text(JsonElement.Parse(await again.Content.ReadAsStringAsync(Ct)), "status"));
        Assert.Equal("cancelled", Text(await GetAsync(gateway, $"/v1/responses/{id}"), "status"));
        Assert.Equal(499, Assert.Single(gateway.Records()).Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_background_response_that_fails_says_why(bool within)
    {
        await using var player = new WirePlayer(e => within
            ? e.StreamAsync(Calls.Wire.Role + Calls.Wire.Hello + Calls.Wire.ErrorEvent)
            : e.AnswerAsync(
                400, """{"error":{"message":"Too hot.","type":"invalid_request_error","param":"temperature","code":"too_hot"}}"""));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        var id = Text(await CreateAsync(gateway, """{"model":"fast","input":"Hello","background":true}"""), "id");
        var failed = await UntilAsync(gateway, id, "failed");

        Assert.Equal(within ? "server_error" : "invalid_prompt", Text(failed.GetProperty("error"), "code"));
        Assert.Contains(within ? "server had an error" : "Too hot.", Text(failed.GetProperty("error"), "message"));
    }

    [Fact]
    public async Task A_streamed_background_response_that_fails_at_once_says_so_in_an_event()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(400, """{"error":{"message":"Too hot.","type":"invalid_request_error","code":"too_hot"}}"""));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await PostAsync(gateway, """{"model":"fast","input":"Hello","background":true,"stream":true}""");
        var events = await response.Content.ReadAsStringAsync(Ct);

        Assert.StartsWith("event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":0,", events);
        var failed = JsonElement.Parse(events.Split('\n')[1]["data: ".Length..]).GetProperty("response");
        Assert.Equal("invalid_prompt", Text(failed.GetProperty("error"), "code"));
        using var again = await SendAsync(gateway, HttpMethod.Get, $"/v1/responses/{Text(failed, "id")}?stream=true");
        Assert.Equal(events, await again.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task A_background_response_that_cannot_be_kept_is_refused_before_any_provider_is_asked()
    {
        await using var player = new WirePlayer(e => e.StreamAsync(Calls.Wire.WholeStream), e => e.StreamAsync(Calls.Wire.WholeStream));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        var store = gateway.Responses;

        store.IsFull = true;
        using var refused = await PostAsync(gateway, """{"model":"fast","input":"Hello","background":true}""");
        store.IsFull = false;
        var id = Text(await CreateAsync(gateway, """{"model":"fast","input":"Hello","background":true}"""), "id");
        await UntilAsync(gateway, id, "completed");

        Assert.Equal((503, "store_full"), ((int)refused.StatusCode, await FallbackTests.ErrorCodeAsync(refused)));
        Assert.Single(player.Exchanges);
        Assert.Single(store.All);
    }

    [Fact]
    public async Task A_run_that_has_ended_can_still_be_asked_to_stop()
    {
        var run = new Gatehouse.Gateway.Responses.BackgroundRun("resp_1", null, "{}"u8.ToArray(), true, 100);
        run.End();
        run.End();
        await run.CancelAsync();
        await run.CancelAsync();
        Assert.True(run.Ended.Task.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Only_background_responses_are_cancelled_or_streamed_again()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        var id = Text(await CreateAsync(gateway, ResponsesWire.Request), "id");

        using var cancelled = await SendAsync(gateway, HttpMethod.Post, $"/v1/responses/{id}/cancel");
        using var streamed = await SendAsync(gateway, HttpMethod.Get, $"/v1/responses/{id}?stream=true");

        Assert.Equal("not_in_background", await FallbackTests.ErrorCodeAsync(cancelled));
        Assert.Equal("not_streamed", await FallbackTests.ErrorCodeAsync(streamed));
    }

    [Fact]
    public async Task A_settled_answer_that_cannot_be_stored_still_reaches_its_client()
    {
        var odd = ResponsesWire.Answer.Replace("\"x_unknown\"", "\"x_unknown\\ud800\"");
        await using var player = new WirePlayer(e => e.AnswerAsync(200, odd));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);

        using var response = await PostAsync(gateway, ResponsesWire.Request);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal(1, gateway.Responses.Lost);
        Assert.Empty(gateway.Responses.All);
        Assert.Contains("is not stored", gateway.Log);
    }

    [Fact]
    public async Task An_answer_whose_names_cannot_be_read_is_the_providers_mistake()
    {
        var odd = ResponsesWire.Answer.Replace("\"x_unknown\"", "\"stor\\ud800\"");
        Assert.Throws<FormatException>(() => Gatehouse.Gateway.Responses.ResponsePatch.Write(
            Encoding.UTF8.GetBytes(odd), true, new("resp_1", null, true, false), default, new System.Buffers.ArrayBufferWriter<byte>()));
        await using var player = new WirePlayer(e => e.AnswerAsync(200, odd));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);

        using var response = await PostAsync(gateway, ResponsesWire.Request);

        Assert.Equal(502, (int)response.StatusCode);
    }

    [Fact]
    public async Task Only_plain_ids_of_items_are_kept()
    {
        var odd = ResponsesWire.Answer.Replace("rs_1", "rs\\u0000")
            .Replace("\"output\":[", $"\"output\":[{{\"id\":\"{new string('x', 257)}\"}},{{\"id\":\"\\ud800\"}},");
        await using var player = new WirePlayer(e => e.AnswerAsync(200, odd));
        await using var gateway = await TestGateway.StartAsync([ResponsesWire.ToNative(player)]);

        await CreateAsync(gateway, ResponsesWire.Request);

        Assert.Equal(["msg_1"], gateway.Responses.All.Single().ItemIds);
    }

    [Theory]
    [InlineData("17 pairs", 400)]
    [InlineData("long name", 400)]
    [InlineData("long text", 400)]
    [InlineData("number", 400)]
    [InlineData("largest", 200)]
    public async Task Metadata_is_bounded(string what, int status)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Calls.Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        var pairs = Enumerable.Range(10, what == "17 pairs" ? 17 : 16).Select(i => $"\"{i}\":\"x\"").ToArray();
        pairs[0] = $"\"{new string('n', what == "long name" ? 65 : 64)}\":"
            + (what == "number" ? "1" : $"\"{new string('t', what == "long text" ? 513 : 512)}\"");

        using var response = await PostAsync(gateway, $$$"""{"model":"fast","input":"Hello","metadata":{{{{string.Join(',', pairs)}}}}}""");

        Assert.Equal(status, (int)response.StatusCode);
    }

    private static async Task<JsonElement> UntilAsync(TestGateway gateway, string id, string status)
    {
        while (true)
        {
            Ct.ThrowIfCancellationRequested();
            var found = await GetAsync(gateway, $"/v1/responses/{id}");
            if (Text(found, "status") == status)
            {
                return found;
            }

            Assert.Contains(Text(found, "status"), (string[])["queued", "in_progress"]);
        }
    }

    private static Task<HttpResponseMessage> PostAsync(TestGateway gateway, string body, string key = TestGateway.StoringKey) =>
        gateway.PostAsync("/v1/responses", body, key, Ct);

    /// <summary>The response, whether it came whole or as the last event of a stream.</summary>
    private static async Task<JsonElement> CreateAsync(TestGateway gateway, string body)
    {
        using var response = await PostAsync(gateway, body);
        var text = await response.Content.ReadAsStringAsync(Ct);
        Assert.True(response.IsSuccessStatusCode, text);
        return response.Content.Headers.ContentType!.MediaType == "text/event-stream"
            ? JsonElement.Parse(Encoding.UTF8.GetBytes(ResponseEventsCheck.Of(text).Final!.ToJsonString()))
            : JsonElement.Parse(text);
    }

    private static async Task<JsonElement> GetAsync(TestGateway gateway, string path)
    {
        using var response = await SendAsync(gateway, HttpMethod.Get, path);
        var text = await response.Content.ReadAsStringAsync(Ct);
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }

    private static Task<HttpResponseMessage> SendAsync(
        TestGateway gateway, HttpMethod method, string path, string key = TestGateway.StoringKey)
    {
        var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Ct);
    }

    private static string Text(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";
}
