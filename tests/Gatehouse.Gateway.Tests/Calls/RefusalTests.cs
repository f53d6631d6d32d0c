using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Journal;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class RefusalTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("nonsense", 401, "invalid_api_key", "not known here")]
    [InlineData("sk-proj-123", 401, "invalid_api_key", "provider's key")]
    [InlineData(TestGateway.RevokedKey, 401, "revoked_api_key", "revoked")]
    [InlineData(TestGateway.ExpiredKey, 401, "expired_api_key", "expired at 2026-01-02 03:04 UTC")]
    [InlineData(TestGateway.RetiredKey, 403, "system_retired", "'helpdesk' is retired")]
    public async Task Each_bad_key_is_told_apart(string key, int status, string code, string words)
    {
        await using var gateway = await TestGateway.StartAsync([], new ManualClock());

        using var response = await gateway.ChatAsync(Wire.ChatRequest, key);
        var body = await response.Content.ReadAsStringAsync(Ct);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(code, await FallbackTests.ErrorCodeAsync(response));
        Assert.Contains(words, body);
        Assert.DoesNotContain(key, body);
        Assert.Equal(status == 403 ? 1 : 0, gateway.Records().Count);
    }

    [Fact]
    public async Task No_key_at_all_says_how_to_send_one()
    {
        await using var gateway = await TestGateway.StartAsync([]);
        gateway.Client.DefaultRequestHeaders.Clear();

        using var response = await gateway.Client.PostAsync("/v1/chat/completions", new StringContent(Wire.ChatRequest), Ct);

        Assert.Equal("missing_api_key", await FallbackTests.ErrorCodeAsync(response));
        Assert.NotNull(PassThroughTests.Header(response, "x-request-id"));
    }

    [Fact]
    public async Task The_key_may_come_as_x_api_key()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        gateway.Client.DefaultRequestHeaders.Clear();
        gateway.Client.DefaultRequestHeaders.Add("x-api-key", TestGateway.Key);

        using var response = await gateway.Client.PostAsync("/v1/chat/completions", new StringContent(Wire.ChatRequest), Ct);

        Assert.Equal(200, (int)response.StatusCode);
    }

    [Theory]
    [InlineData("", "malformed_body")]
    [InlineData("nonsense", "malformed_body")]
    [InlineData("[]", "malformed_body")]
    [InlineData("{\"model\":\"fast\",\"messages\":[]", "malformed_body")]
    [InlineData("{\"model\":\"fast\",\"messages\":[]} trailing", "malformed_body")]
    [InlineData("{\"model\":\"\\ud800\",\"messages\":[]}", "malformed_body")]
    [InlineData("{\"model\":\"fast\",\"mess\\ud800\":1,\"messages\":[]}", "malformed_body")]
    [InlineData("{\"messages\":[]}", "invalid_request")]
    [InlineData("{\"model\":7,\"messages\":[]}", "invalid_request")]
    [InlineData("{\"model\":\"fast\"}", "invalid_request")]
    [InlineData("{\"model\":\"fast\",\"messages\":\"hi\"}", "invalid_request")]
    [InlineData("{\"model\":\"fast\",\"messages\":[],\"stream\":\"yes\"}", "invalid_request")]
    [InlineData("{\"model\":\"fast\",\"messages\":[],\"stream_options\":[]}", "invalid_request")]
    [InlineData("{\"model\":\"fast\",\"messages\":[],\"stream_options\":{\"include_usage\":1}}", "invalid_request")]
    [InlineData("{\"model\":\"fast\",\"messages\":[],\"model\":\"slow\"}", "invalid_request")]
    public async Task A_body_that_cannot_be_routed_is_a_400_and_recorded(string body, string code)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);

        using var response = await gateway.ChatAsync(body);

        Assert.Equal(400, (int)response.StatusCode);
        Assert.Equal(code, await FallbackTests.ErrorCodeAsync(response));
        var record = Assert.Single(gateway.Records());
        Assert.Equal((CallOutcome.Refused, 400, code), (record.Outcome, record.Status, record.ErrorCode));
        Assert.Empty(player.Exchanges);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_over_the_limit_is_a_413(bool chunked)
    {
        await using var gateway = await TestGateway.StartAsync([], maxBodyBytes: 1000);
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages") { Content = new StringContent(new string(' ', 5000)) };
        request.Headers.TransferEncodingChunked = chunked;

        using var response = await gateway.Client.SendAsync(request, Ct);

        Assert.Equal(413, (int)response.StatusCode);
        Assert.Equal("request_too_large", Assert.Single(gateway.Records()).ErrorCode);
    }

    [Fact]
    public async Task An_unknown_model_names_the_nearest_known_ones()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(player), TestGateway.RouteTo(player) with { Name = "gpt-5-mini" }]);

        using var response = await gateway.ChatAsync("""{"model":"gtp-5-mini","messages":[]}""");

        Assert.Equal(404, (int)response.StatusCode);
        Assert.Equal("model_not_found", await FallbackTests.ErrorCodeAsync(response));
        Assert.Contains("Did you mean 'gpt-5-mini'?", (await JsonAsync(response)).GetProperty("error").GetProperty("message").GetString());
        Assert.Equal("gtp-5-mini", Assert.Single(gateway.Records()).Route);
    }

    [Fact]
    public async Task Messages_clients_get_errors_in_their_own_format()
    {
        await using var gateway = await TestGateway.StartAsync([]);

        using var response = await gateway.MessagesAsync(Wire.MessagesRequest);

        var json = await JsonAsync(response);
        Assert.Equal("error", json.GetProperty("type").GetString());
        Assert.Equal(PassThroughTests.Header(response, "request-id"), json.GetProperty("request_id").GetString());
    }

    [Theory]
    [InlineData("GET", "/v1/engines", 404)]
    [InlineData("POST", "/v1", 404)]
    [InlineData("GET", "/v1/chat/completions", 405)]
    [InlineData("DELETE", "/v1/models", 405)]
    [InlineData("PUT", "/v1/messages", 405)]
    [InlineData("GET", "/", 418)]
    [InlineData("GET", "/v1x", 418)]
    public async Task Other_paths_and_methods_are_told_what_exists(string method, string path, int status)
    {
        await using var gateway = await TestGateway.StartAsync([]);

        using var response = await gateway.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path), Ct);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(status == 405, response.Content.Headers.Allow.Count == 1);
        if (status == 404)
        {
            Assert.Contains(
                "POST /v1/chat/completions", (await JsonAsync(response)).GetProperty("error").GetProperty("message").GetString());
        }
    }

    [Fact]
    public async Task Models_are_listed_in_the_shape_of_the_client()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(player), TestGateway.RouteTo(player) with { Name = "gpt-*" }]);

        var list = JsonDocument.Parse(await gateway.Client.GetStringAsync("/v1/models", Ct)).RootElement;
        var one = JsonDocument.Parse(await gateway.Client.GetStringAsync("/v1/models/gpt-5", Ct)).RootElement;
        using var none = await gateway.Client.GetAsync("/v1/models/claude", Ct);
        gateway.Client.DefaultRequestHeaders.Add("anthropic-version", "2023-06-01");
        var theirs = JsonDocument.Parse(await gateway.Client.GetStringAsync("/v1/models", Ct)).RootElement;

        Assert.Equal(["fast", "gpt-*"], list.GetProperty("data").EnumerateArray().Select(m => m.GetProperty("id").GetString()));
        Assert.Equal("gpt-5", one.GetProperty("id").GetString());
        Assert.Equal(404, (int)none.StatusCode);
        Assert.Equal("fast", theirs.GetProperty("first_id").GetString());
        Assert.False(theirs.GetProperty("has_more").GetBoolean());
    }

    [Fact]
    public async Task A_full_journal_refuses_before_anything_is_spent()
    {
        var full = false;
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], allocate: (file, bytes) =>
        {
            if (Volatile.Read(ref full))
            {
                throw new JournalFullException("full");
            }

            RandomAccess.SetLength(file, bytes);
        });
        Volatile.Write(ref full, true);
        Assert.Throws<JournalFullException>((Action)AppendForEver);

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(503, (int)response.StatusCode);
        Assert.Equal("journal_full", await FallbackTests.ErrorCodeAsync(response));
        Assert.Empty(player.Exchanges);

        void AppendForEver()
        {
            while (true)
            {
                gateway.Journal.Append(new CallRecord { TraceId = new string('0', 32), SpanId = new string('0', 16) });
            }
        }
    }

    [Fact]
    public async Task Calls_that_a_full_journal_refuses_leave_its_last_room_to_those_under_way()
    {
        var (full, segments) = (false, 0);
        using var underWay = new SemaphoreSlim(0);
        using var refused = new SemaphoreSlim(0);
        await using var player = new WirePlayer(async e =>
        {
            underWay.Release();
            await refused.WaitAsync(Ct);
            await e.AnswerAsync(200, Wire.ChatAnswer);
        });
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], allocate: (file, bytes) =>
        {
            if (Volatile.Read(ref full))
            {
                throw new JournalFullException("full");
            }

            RandomAccess.SetLength(file, bytes);
            Interlocked.Increment(ref segments);
        });
        var paid = gateway.ChatAsync(Wire.ChatRequest);
        JournalPosition left;
        try
        {
            await underWay.WaitAsync(Ct);
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref segments) == 2, TimeSpan.FromSeconds(20)));
            Volatile.Write(ref full, true);
            for (var first = gateway.Journal.End.Segment; gateway.Journal.End.Segment == first;)
            {
                gateway.Journal.Append(new CallRecord { TraceId = new string('0', 32), SpanId = new string('0', 16) });
            }

            Assert.True(SpinWait.SpinUntil(() => gateway.Journal.IsFull, TimeSpan.FromSeconds(20)));
            left = gateway.Journal.End;
            for (var i = 0; i < 20; i++)
            {
                using var response = await gateway.ChatAsync(Wire.ChatRequest);
                Assert.Equal("journal_full", await FallbackTests.ErrorCodeAsync(response));
            }

            Assert.Equal(left, gateway.Journal.End);
        }
        finally
        {
            refused.Release(50);
        }

        using var answer = await paid;
        Assert.Equal(200, (int)answer.StatusCode);
        Assert.NotEqual(left, gateway.Journal.End);
    }

    [Fact]
    public async Task An_answer_that_can_no_longer_be_recorded_is_not_given_and_not_asked_for_again()
    {
        var full = false;
        TestGateway? gateway = null;
        await using var player = new WirePlayer(e =>
        {
            Volatile.Write(ref full, true);
            Assert.Throws<JournalFullException>((Action)AppendForEver);
            return e.AnswerAsync(200, Wire.ChatAnswer);
        });
        await using var started = gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)], allocate: (file, bytes) =>
        {
            if (Volatile.Read(ref full))
            {
                throw new JournalFullException("full");
            }

            RandomAccess.SetLength(file, bytes);
        });

        using var response = await gateway.ChatAsync(Wire.ChatRequest);

        Assert.Equal(503, (int)response.StatusCode);
        Assert.Equal("journal_full", await FallbackTests.ErrorCodeAsync(response));
        Assert.Equal("false", PassThroughTests.Header(response, "x-should-retry"));

        void AppendForEver()
        {
            while (true)
            {
                gateway!.Journal.Append(new CallRecord { TraceId = new string('0', 32), SpanId = new string('0', 16) });
            }
        }
    }

    [Fact]
    public async Task A_bomb_of_headers_gets_431_and_the_next_client_is_served()
    {
        await using var gateway = await TestGateway.StartAsync([]);

        var answer = await RawAsync(gateway, "GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Bomb: " + new string('x', 64 << 10) + "\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 431", answer);
        using var next = await gateway.Client.GetAsync("/v1/models", Ct);
        Assert.Equal(200, (int)next.StatusCode);
    }

    [Fact]
    public async Task A_body_that_ends_early_never_reaches_a_provider()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(player)]);
        using var socket = await ConnectAsync(gateway);
        await socket.SendAsync(
            Encoding.ASCII.GetBytes(
                $"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TestGateway.Key}\r\nContent-Length: 500\r\n\r\n{{\"model\""), Ct);
        socket.Dispose();

        using var next = await gateway.Client.GetAsync("/v1/models", Ct);

        Assert.Equal(200, (int)next.StatusCode);
        await gateway.StopServerAsync();
        Assert.Empty(player.Exchanges);
    }

    /// <summary>A chunk of 2 GiB and more was a 500: to Kestrel it looks as if the client had gone.</summary>
    [Theory]
    [InlineData("zz")]
    [InlineData("80000000")]
    [InlineData("7fffffffffffffffff")]
    public async Task A_body_with_broken_chunks_is_a_400(string size)
    {
        await using var gateway = await TestGateway.StartAsync([]);

        var answer = await RawAsync(
            gateway, $"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TestGateway.Key}\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n");

        Assert.StartsWith("HTTP/1.1 400", answer);
        Assert.Contains("malformed_body", answer);
    }

    [Fact]
    public async Task A_body_that_comes_too_slowly_is_a_408()
    {
        await using var gateway = await TestGateway.StartAsync(
            [], limits: l =>
                l.MinRequestBodyDataRate = new Microsoft.AspNetCore.Server.Kestrel.Core.MinDataRate(1_000_000, TimeSpan.FromSeconds(1.1)));

        var answer = await RawAsync(
            gateway, $"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TestGateway.Key}\r\nContent-Length: 500\r\n\r\n{{");

        Assert.StartsWith("HTTP/1.1 408", answer);
    }

    [Fact]
    public async Task A_compressed_body_is_told_to_come_plain()
    {
        await using var gateway = await TestGateway.StartAsync([]);
        var content = new ByteArrayContent([1, 2, 3]);
        content.Headers.ContentEncoding.Add("gzip");

        using var response = await gateway.Client.PostAsync("/v1/chat/completions", content, Ct);

        Assert.Equal(415, (int)response.StatusCode);
    }

    private static async Task<Socket> ConnectAsync(TestGateway gateway)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, gateway.Client.BaseAddress!.Port, Ct);
        return socket;
    }

    internal static async Task<string> RawAsync(TestGateway gateway, string request)
    {
        using var socket = await ConnectAsync(gateway);
        var answer = new StringBuilder();
        try
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(request), Ct);
            var buffer = new byte[4096];
            int read;
            while ((read = await socket.ReceiveAsync(buffer, Ct)) > 0)
            {
                answer.Append(Encoding.UTF8.GetString(buffer, 0, read));
            }
        }
        catch (SocketException)
        {
            // the server may reset a connection whose request it would not read to the end
        }

        return answer.ToString();
    }

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage response) =>
        JsonDocument.Parse(await response.Content.ReadAsStringAsync(Ct)).RootElement.Clone();
}
