using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class FallbackTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    public static TheoryData<string> Faults =>
        ["401", "403", "408", "429", "500", "503", "529", "garbage", "empty", "reset", "no choices", "error in 200", "not http",
            "truncated"];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_whole_answer_falls_back_from(string fault)
    {
        await using var broken = new WirePlayer(e => PlayAsync(e, fault));
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(broken, good)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(Wire.ChatAnswer, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("p1/m1", PassThroughTests.Header(response, "x-gatehouse-served-by"));
        Assert.Equal("2", PassThroughTests.Header(response, "x-gatehouse-attempts"));
        var record = Assert.Single(gateway.Records());
        Assert.Equal(CallOutcome.Ok, record.Outcome);
        Assert.Equal(["p0", "p1"], record.Attempts.Select(a => a.Provider));
        Assert.NotNull(record.Attempts[0].Error);
        Assert.Null(record.Attempts[1].Error);
        NoCanary(gateway, response);
    }

    [Theory]
    [InlineData("500")]
    [InlineData("garbage")]
    [InlineData("reset")]
    [InlineData("stream: role then error")]
    [InlineData("stream: role then end")]
    [InlineData("stream: garbage")]
    [InlineData("stream: role then reset")]
    [InlineData("stream: nothing but its end")]
    public async Task A_stream_falls_back_until_its_first_content_from(string fault)
    {
        await using var broken = new WirePlayer(e => PlayAsync(e, fault));
        await using var good = new WirePlayer(e => e.StreamAsync(Wire.WholeStream));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(broken, good)]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);

        Assert.Equal(Wire.Role + Wire.Hello + Wire.Finish + Wire.Done, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("p1/m1", PassThroughTests.Header(response, "x-gatehouse-served-by"));
        Assert.Equal(2, Assert.Single(gateway.Records()).Attempts.Count);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(404)]
    [InlineData(413)]
    [InlineData(422)]
    public async Task The_clients_own_mistake_is_passed_on_word_for_word_and_never_retried(int status)
    {
        const string error =
            """{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded","extra":1}}""";
        await using var strict = new WirePlayer(e => e.AnswerAsync(status, error));
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(strict, good) with { AttemptsPerTarget = 3 }]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(error, await response.Content.ReadAsStringAsync(Ct));
        Assert.Single(strict.Exchanges);
        Assert.Empty(good.Exchanges);
        var record = Assert.Single(gateway.Records());
        Assert.Equal((CallOutcome.Failed, "context_length_exceeded"), (record.Outcome, record.ErrorCode));
    }

    [Fact]
    public async Task The_same_target_is_retried_before_the_call_fails_with_the_providers_status()
    {
        await using var player = new WirePlayer(e => PlayAsync(e, "500"));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player) with { AttemptsPerTarget = 3 }]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(500, (int)response.StatusCode);
        Assert.Equal("upstream_error", await ErrorCodeAsync(response));
        Assert.Equal(3, player.Exchanges.Count);
        Assert.Equal(3, Assert.Single(gateway.Records()).Attempts.Count);
    }

    [Fact]
    public async Task A_500_and_then_an_answer_is_an_answer()
    {
        await using var player = new WirePlayer(e => PlayAsync(e, "500"), e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player) with { AttemptsPerTarget = 2 }]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(Wire.ChatAnswer, await response.Content.ReadAsStringAsync(Ct));
        Assert.Equal("2", PassThroughTests.Header(response, "x-gatehouse-attempts"));
    }

    [Theory]
    [InlineData("retry-after: 3")]
    [InlineData("retry-after-ms: 3000")]
    [InlineData("retry-after: Sun, 01 Nov 2026 12:00:03 GMT")]
    public async Task Retry_after_is_waited_for(string header)
    {
        var clock = new ManualClock();
        await using var player = new WirePlayer(
            e => e.AnswerAsync(429, """{"error":{"message":"slow down"}}""", header), e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player) with { AttemptsPerTarget = 2 }], clock);

        var pending = gateway.ChatAsync(Wire.ChatRequest);
        await clock.ArmedAsync(TimeSpan.FromSeconds(3));
        Assert.Single(player.Exchanges);
        clock.Advance(TimeSpan.FromSeconds(3));
        using var response = await pending;

        Assert.Equal(200, (int)response.StatusCode);
    }

    [Fact]
    public async Task A_longer_wait_than_allowed_moves_on_to_the_next_target()
    {
        await using var limited = new WirePlayer(e => e.AnswerAsync(429, """{"error":{"message":"slow down"}}""", "retry-after: 6"));
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(limited, good) with { AttemptsPerTarget = 5 }]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Single(limited.Exchanges);
    }

    [Theory]
    [InlineData("20", "20", null)]
    [InlineData("90000", "90000", "false")]
    public async Task A_final_429_tells_the_client_how_long_to_wait(string sent, string expected, string? shouldRetry)
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(
                429, """{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}""", "retry-after: " + sent));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(429, (int)response.StatusCode);
        Assert.Equal("rate_limit_exceeded", await ErrorCodeAsync(response));
        Assert.Equal(expected, PassThroughTests.Header(response, "retry-after"));
        Assert.Equal(shouldRetry, PassThroughTests.Header(response, "x-should-retry"));
    }

    [Fact]
    public async Task An_exhausted_quota_is_not_retried_here_nor_by_the_client()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(429, """{"error":{"message":"quota","code":"insufficient_quota"}}"""));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player) with { AttemptsPerTarget = 4 }]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal("false", PassThroughTests.Header(response, "x-should-retry"));
        Assert.Single(player.Exchanges);
    }

    [Theory]
    [InlineData(503)]
    [InlineData(529)]
    public async Task An_overloaded_provider_has_the_status_that_each_format_gives_it(int status)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(status, """{"error":{"message":"busy"}}"""));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var chat = await gateway.ChatAsync(Wire.ChatRequest);
        using var messages = await gateway.MessagesAsync(Wire.MessagesRequest);

        Assert.Equal((503, 529), ((int)chat.StatusCode, (int)messages.StatusCode));
        Assert.Contains("\"type\":\"overloaded_error\"", await messages.Content.ReadAsStringAsync(Ct));
    }

    [Theory]
    [InlineData("insufficient_quota")]
    [InlineData("credit_balance_exhausted")]
    public async Task An_exhausted_quota_within_a_stream_is_not_retried_either(string code)
    {
        await using var player = new WirePlayer(
            e => e.StreamAsync(Wire.Role + Wire.ErrorEvent.Replace("\"code\":null", $"\"code\":\"{code}\"")));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player) with { AttemptsPerTarget = 4 }]);

        using var response = await gateway.ChatAsync(Wire.StreamRequest);

        Assert.Equal(429, (int)response.StatusCode);
        Assert.Equal("false", PassThroughTests.Header(response, "x-should-retry"));
        Assert.Single(player.Exchanges);
    }

    [Fact]
    public async Task A_final_failure_shows_the_providers_limits()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(
            429, """{"error":{"message":"slow down"}}""", "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 6m0s",
            "server: secret/1"));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal("0", PassThroughTests.Header(response, "x-ratelimit-remaining-requests"));
        Assert.Equal("6m0s", PassThroughTests.Header(response, "x-ratelimit-reset-requests"));
        Assert.DoesNotContain("secret/1", response.ToString());
    }

    [Theory]
    [InlineData(500)]
    [InlineData(400)]
    public async Task A_provider_that_forbids_retries_gets_none_from_us_nor_from_the_client(int status)
    {
        await using var first = new WirePlayer(
            e => e.AnswerAsync(status, """{"error":{"message":"never again"}}""", "x-should-retry: false"));
        await using var second = new WirePlayer(
            e => e.AnswerAsync(status, """{"error":{"message":"never again"}}""", "x-should-retry: false"));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(first, second) with { AttemptsPerTarget = 3 }]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("false", PassThroughTests.Header(response, "x-should-retry"));
        Assert.Equal((1, status == 500 ? 1 : 0), (first.Exchanges.Count, second.Exchanges.Count));
    }

    [Fact]
    public async Task A_refused_credential_of_ours_is_a_502_that_does_not_show_it()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(
                401, $$$"""{"error":{"message":"Incorrect API key provided: {{{TestGateway.ProviderCredential}}}","code":"invalid_api_key"}}"""));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(502, (int)response.StatusCode);
        Assert.Equal("upstream_rejected_credential", await ErrorCodeAsync(response));
        NoCanary(gateway, response);
    }

    [Fact]
    public async Task A_credential_echoed_in_a_passed_error_is_cut_out()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(
                400, $$$"""{"error":{"message":"bad header {{{TestGateway.ProviderCredential}}}","type":"invalid_request_error"}}"""));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest, TestGateway.StoringKey);

        Assert.Contains("bad header", await response.Content.ReadAsStringAsync(Ct));
        NoCanary(gateway, response);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(500)]
    public async Task A_credential_in_any_header_of_the_provider_is_cut_out(int status)
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(status, $$$"""{"error":{"message":"bad {{{TestGateway.ProviderCredential}}} of team x"}}"""));
        var settings = TestGateway.Http("p0", player).Settings with
        {
            ApiKey = null,
            Headers = new Dictionary<string, string> { ["X-Gateway-Token"] = TestGateway.ProviderCredential, ["X-Team"] = "x" },
        };
        var provider = new ProviderFactory(TimeProvider.System).Create(settings);
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(provider, "m0")]) { AttemptsPerTarget = 1 }]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest, TestGateway.StoringKey);

        Assert.Contains("bad [credential] of team x", await response.Content.ReadAsStringAsync(Ct));
        NoCanary(gateway, response);
    }

    [Fact]
    public async Task A_provider_that_is_not_there_gives_a_clear_502()
    {
        using var unused = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        unused.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // bound and not listening: refuses
        var address = new Uri($"http://127.0.0.1:{((IPEndPoint)unused.LocalEndPoint!).Port}/v1");
        await using var gateway = await TestGateway.StartAsync(
            [new Route("fast", [new Target(TestGateway.Http("gone", address), "m")]) { AttemptsPerTarget = 1 }]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(502, (int)response.StatusCode);
        Assert.Equal("upstream_unreachable", await ErrorCodeAsync(response));
    }

    [Fact]
    public async Task A_connection_that_does_not_come_about_in_time_falls_back()
    {
        using var full = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        full.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        full.Listen(0);
        using var waiting = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await waiting.ConnectAsync(full.LocalEndPoint!, Ct); // fills the backlog: the next connection hangs
        var address = new Uri($"http://127.0.0.1:{((IPEndPoint)full.LocalEndPoint!).Port}/v1");
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var route = new Route(
            "fast", [new Target(TestGateway.Http("slow", address), "m"), new Target(TestGateway.Http("p1", good), "m", 1, 1)])
        {
            AttemptsPerTarget = 1,
            ConnectTimeout = TimeSpan.FromMilliseconds(500), // the good target's too, also on a busy machine
        };
        await using var gateway = await TestGateway.StartAsync([route]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("upstream_timeout", Assert.Single(gateway.Records()).Attempts[0].ErrorCode);
    }

    [Fact]
    public async Task A_handshake_that_does_not_end_in_time_falls_back()
    {
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        silent.Listen(); // connects, and never says hello
        var address = new Uri($"https://127.0.0.1:{((IPEndPoint)silent.LocalEndPoint!).Port}/v1");
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        var route = new Route(
            "fast", [new Target(TestGateway.Http("slow", address), "m"), new Target(TestGateway.Http("p1", good), "m", 1, 1)])
        {
            AttemptsPerTarget = 1,
            ConnectTimeout = TimeSpan.FromMilliseconds(500), // the good target's too, also on a busy machine
        };
        await using var gateway = await TestGateway.StartAsync([route]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("upstream_timeout", Assert.Single(gateway.Records()).Attempts[0].ErrorCode);
    }

    [Fact]
    public async Task A_server_without_tls_is_named_as_the_cause()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        var answering = AnswerAsync();
        var address = new Uri($"https://127.0.0.1:{((IPEndPoint)socket.LocalEndPoint!).Port}/v1");
        await using var gateway = await TestGateway.StartAsync(
            [new Route("fast", [new Target(TestGateway.Http("plain", address), "m")]) { AttemptsPerTarget = 1 }]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);
        await answering;

        Assert.Equal("upstream_unreachable", await ErrorCodeAsync(response));
        Assert.Contains("No TLS connection", Assert.Single(gateway.Records()).ErrorMessage);

        async Task AnswerAsync()
        {
            using var client = await socket.AcceptAsync(Ct);
            await client.SendAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray(), Ct);
        }
    }

    [Fact]
    public async Task Cloud_metadata_addresses_are_not_asked()
    {
        var provider = TestGateway.Http("meta", new Uri("http://169.254.169.254/latest"));
        await using var gateway = await TestGateway.StartAsync([new Route("fast", [new Target(provider, "m")])]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal("upstream_not_allowed", await ErrorCodeAsync(response));
    }

    [Fact]
    public async Task A_redirect_is_not_followed_because_it_would_carry_the_credential_away()
    {
        await using var elsewhere = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var player = new WirePlayer(e => e.AnswerAsync(307, "", "Location: " + elsewhere.BaseUrl + "/chat/completions"));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(502, (int)response.StatusCode);
        Assert.Empty(elsewhere.Exchanges);
    }

    [Fact]
    public async Task An_answer_over_the_limit_is_not_read_on()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, "{\"choices\":[],\"x\":\"" + new string('x', 5000) + "\"}"));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], maxAnswerBytes: 4000);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal("upstream_invalid_answer", await ErrorCodeAsync(response));
    }

    internal static void NoCanary(TestGateway gateway, HttpResponseMessage response)
    {
        Assert.DoesNotContain(TestGateway.ProviderCredential, response.ToString() + response.Content.ReadAsStringAsync(Ct).Result);
        Assert.DoesNotContain(TestGateway.ProviderCredential, JsonSerializer.Serialize(gateway.Records()));
        Assert.DoesNotContain(TestGateway.ProviderCredential, gateway.Log);
    }

    internal static async Task<string?> ErrorCodeAsync(HttpResponseMessage response)
    {
        using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Ct));
        return json.RootElement.GetProperty("error").GetProperty("code").GetString();
    }

    private static async Task PlayAsync(Exchange e, string fault)
    {
        switch (fault)
        {
            case "garbage":
                await e.AnswerAsync(200, "<html>oops</html>");
                break;
            case "empty":
                await e.AnswerAsync(200, "");
                break;
            case "no choices":
                await e.AnswerAsync(200, """{"hello":"world"}""");
                break;
            case "error in 200":
                await e.AnswerAsync(200, """{"error":{"message":"upstream overloaded","code":502}}""");
                break;
            case "reset":
                e.Reset();
                break;
            case "not http":
                await e.SendAsync("SSH-2.0-OpenSSH_9.2\r\n");
                e.Close();
                break;
            case "truncated":
                await e.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"choices\":[");
                e.Close();
                break;
            case "stream: role then error":
                await e.StreamAsync(Wire.Role + Wire.ErrorEvent);
                break;
            case "stream: role then end":
                await e.StreamAsync(Wire.Role);
                break;
            case "stream: nothing but its end":
                await e.StreamAsync("data:\n\ndata: {\"hello\":1}\n\n" + Wire.Done);
                break;
            case "stream: garbage":
                await e.StreamAsync("data: <html>\n\n");
                break;
            case "stream: role then reset":
                await e.BeginStreamAsync();
                await e.EventsAsync(Wire.Role);
                e.Reset();
                break;
            default:
                await e.AnswerAsync(int.Parse(fault), """{"error":{"message":"no","type":"server_error"}}""");
                break;
        }
    }
}
