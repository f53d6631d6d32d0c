using System.Net;
using System.Net.Sockets;
using System.Text;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Connections;
using Gatehouse.Gateway.Tests.Calls;
using Microsoft.AspNetCore.Http;

namespace Gatehouse.Gateway.Tests.Providers.Connections;

/// <summary>What happens to connections: used again, closed, never leaked.</summary>
public sealed class HttpUpstreamTests
{
    private readonly ManualClock _clock = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_connection_read_to_its_end_carries_the_next_exchange()
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, "{}"), e => e.StreamAsync("data: x\n\n"), e => e.AnswerAsync(500, "no"));
        using var upstream = Upstream(player.BaseUrl);

        Assert.Equal("200 {}", await AskAsync(upstream));
        Assert.Equal("200 data: x\n\n", await AskAsync(upstream));
        Assert.Equal("500 no", await AskAsync(upstream));

        Assert.Equal((1, 1), (upstream.Connections.Open, upstream.Connections.Idle));
    }

    [Fact]
    public async Task The_request_says_what_it_is_once()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, "{}"));
        using var upstream = new HttpUpstream(
            Settings(player.BaseUrl) with
            {
                ApiKey = "sk-1",
                Query = "api-version=1",
                Headers = new Dictionary<string, string> { ["X-Own"] = "a", ["traceparent"] = "mine", ["Content-Length"] = "9",
                    ["transfer-encoding"] = "x" },
            },
            _clock);

        await AskAsync(upstream, "{\"a\":1}", new("traceparent", "theirs"), new("tracestate", "s=1"));

        Assert.Equal(
            $"POST /v1/chat/completions?api-version=1 HTTP/1.1\r\nHost: {player.BaseUrl.Authority}\r\nContent-Type: application/json\r\n"
            + "Accept-Encoding: identity\r\nUser-Agent: gatehouse\r\nX-Own: a\r\ntraceparent: mine\r\nAuthorization: Bearer sk-1\r\ntracestate: s=1\r\n"
            + "Content-Length: 7",
            player.Last.Head);
        Assert.Equal("{\"a\":1}", player.Last.Body);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(15_000)]
    [InlineData(17_000)]
    [InlineData(300_000)]
    public async Task Bodies_of_every_size_arrive(int bytes)
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, e.Body.Length.ToString()));
        using var upstream = Upstream(player.BaseUrl);
        var state = new string('s', 9_000); // heads may be larger than the buffer too

        Assert.Equal(
            $"200 {bytes}", await AskAsync(upstream, new string('b', bytes), new KeyValuePair<string, string>("tracestate", state)));
        Assert.Equal(state, player.Last.Header("tracestate"));
    }

    [Fact]
    public async Task A_request_that_meets_a_connection_just_closed_is_sent_once_more()
    {
        // The second exchange is read and then not answered: as when the provider's idle time ends while the request is on its way.
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, "1"),
            e =>
            {
                e.Close();
                return Task.CompletedTask;
            },
            e => e.AnswerAsync(200, "2"));
        using var upstream = Upstream(player.BaseUrl);

        await AskAsync(upstream);
        Assert.Equal("200 2", await AskAsync(upstream));

        Assert.Equal(3, player.Exchanges.Count);
        Assert.Equal(1, upstream.Connections.Open);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_request_that_may_have_been_at_work_is_not_sent_once_more(bool reset)
    {
        await using var player = new WirePlayer(
            e => e.AnswerAsync(200, "1"),
            e =>
            {
                _clock.Advance(TimeSpan.FromSeconds(40));
                (reset ? (Action)e.Reset : e.Close)();
                return Task.CompletedTask;
            },
            e => e.AnswerAsync(200, "2"));
        using var upstream = Upstream(player.BaseUrl);
        var sent = new Listener();

        await AskAsync(upstream);
        var e = await Assert.ThrowsAsync<UpstreamException>(
            async () => await upstream.SendAsync(Request("{}") with { Listener = sent }, Ct));

        Assert.Equal((UpstreamFailure.Broken, 1), (e.Failure, sent.Count));
        Assert.Equal(2, player.Exchanges.Count);
        Assert.Equal(0, upstream.Connections.Open);
    }

    [Fact]
    public async Task A_new_connection_that_ends_without_an_answer_is_a_failure_at_once()
    {
        await using var player = new WirePlayer(e =>
        {
            e.Reset();
            return Task.CompletedTask;
        });
        using var upstream = Upstream(player.BaseUrl);

        var e = await Assert.ThrowsAsync<UpstreamException>(() => AskAsync(upstream));

        Assert.Equal(UpstreamFailure.Broken, e.Failure);
        Assert.Single(player.Exchanges);
        Assert.Equal(0, upstream.Connections.Open);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")]
    public async Task Bytes_behind_an_answer_are_never_the_next_answer(string twoAnswers)
    {
        await using var player = new WirePlayer(e => e.SendAsync(twoAnswers), e => e.AnswerAsync(200, "good"));
        using var upstream = Upstream(player.BaseUrl);

        Assert.Equal("200 {}", await AskAsync(upstream));
        Assert.Equal("200 good", await AskAsync(upstream));
    }

    [Fact]
    public async Task Bytes_on_an_idle_connection_are_never_the_next_answer()
    {
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var player = new WirePlayer(
            async e =>
            {
                await e.AnswerAsync(200, "{}");
                await gone.Task;
                await e.AnswerAsync(200, "evil");
                sent.SetResult();
                await e.ClosedByGatewayAsync();
            },
            e => e.AnswerAsync(200, "good"));
        using var upstream = Upstream(player.BaseUrl);

        await AskAsync(upstream);
        gone.SetResult();
        await sent.Task;

        Assert.Equal("200 good", await AskAsync(upstream));
    }

    [Fact]
    public async Task An_answer_given_up_closes_its_connection()
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var player = new WirePlayer(async e =>
        {
            await e.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegun");
            await e.ClosedByGatewayAsync();
            closed.SetResult();
        });
        using var upstream = Upstream(player.BaseUrl);

        var answer = await upstream.SendAsync(Request("{}"), Ct);
        await answer.DisposeAsync();

        await closed.Task.WaitAsync(Ct);
        Assert.Equal(0, upstream.Connections.Open);
        Assert.Throws<ObjectDisposedException>(() => answer.Header("x"));
    }

    [Fact]
    public async Task A_wait_that_is_cancelled_closes_its_connection()
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var cancel = new CancellationTokenSource();
        await using var player = new WirePlayer(async e =>
        {
            await cancel.CancelAsync();
            await e.ClosedByGatewayAsync();
            closed.SetResult();
        });
        using var upstream = Upstream(player.BaseUrl);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await upstream.SendAsync(Request("{}"), cancel.Token));

        await closed.Task.WaitAsync(Ct);
        Assert.Equal(0, upstream.Connections.Open);
    }

    [Fact]
    public async Task A_stream_whose_last_chunk_nobody_waited_for_gives_its_connection_back()
    {
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var player = new WirePlayer(
            async e =>
            {
                await e.BeginStreamAsync();
                await e.EventsAsync("data: [DONE]\n\n");
                await end.Task;
                await e.EndStreamAsync();
            },
            e => e.AnswerAsync(200, "next"));
        using var upstream = Upstream(player.BaseUrl);

        await using (var answer = await upstream.SendAsync(Request("{}"), Ct))
        {
            Assert.Equal(14, await answer.Body.ReadAsync(new byte[100], Ct));
        }

        end.SetResult();
        while (upstream.Connections.Idle == 0 && upstream.Connections.Open > 0)
        {
            await Task.Yield();
        }

        Assert.Equal("200 next", await AskAsync(upstream));
        Assert.Equal(1, upstream.Connections.Open);
    }

    [Fact]
    public async Task An_idle_connection_is_closed_when_its_time_is_over()
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var player = new WirePlayer(async e =>
        {
            await e.AnswerAsync(200, "{}");
            await e.ClosedByGatewayAsync();
            closed.SetResult();
        });
        using var upstream = Upstream(player.BaseUrl);
        await AskAsync(upstream);
        Assert.Equal(1, upstream.Connections.Idle);

        _clock.Advance(ConnectionPool.MaxIdleTime + TimeSpan.FromSeconds(1));

        await closed.Task.WaitAsync(Ct);
        Assert.Equal((0, 0), (upstream.Connections.Open, upstream.Connections.Idle));
    }

    [Fact]
    public async Task Headers_of_the_answer_are_found_and_passed()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(
            200, "{}", "X-RateLimit-Limit: 5", "Retry-After: 3", "Multi: a", "multi: b", "x-ratelimit-odd: \u00e4", "OpenAI-Version: 2020",
            "Secret: s"));
        using var upstream = Upstream(player.BaseUrl);

        await using var answer = await upstream.SendAsync(Request("{}"), Ct);
        var passed = new HeaderDictionary();
        answer.PassHeaders(passed);

        Assert.Equal("3", answer.Header("retry-after"));
        Assert.Equal("a, b", answer.Header("Multi"));
        Assert.Null(answer.Header("absent"));
        Assert.Equal(["OpenAI-Version=2020", "X-RateLimit-Limit=5"], passed.Select(h => $"{h.Key}={h.Value}").Order());
    }

    [Fact]
    public async Task Many_calls_at_once_share_connections_and_leave_none_behind()
    {
        await using var player = new WirePlayer(
            e => e.Body.Length % 3 == 0 ? e.StreamAsync($"data: {e.Body}\n\n") : e.AnswerAsync(200, e.Body));
        using var upstream = Upstream(player.BaseUrl);

        await Task.WhenAll(Enumerable.Range(0, 16).Select(async worker =>
        {
            for (var i = 0; i < 30; i++)
            {
                var body = new string((char)('a' + worker), 1 + i);
                Assert.Contains(body, await AskAsync(upstream, body));
            }
        }));

        Assert.InRange(upstream.Connections.Open, 1, 16);
        Assert.Equal(upstream.Connections.Open, upstream.Connections.Idle);
    }

    [Fact]
    public async Task A_name_that_does_not_resolve_and_a_port_that_is_closed_are_refusals()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        using var closed = Upstream(new Uri($"http://127.0.0.1:{port}/v1"));
        using var nameless = Upstream(new Uri("http://no-such-name.invalid/v1"));

        Assert.Equal(UpstreamFailure.Refused, (await Assert.ThrowsAsync<UpstreamException>(() => AskAsync(closed))).Failure);
        Assert.Contains("resolve", (await Assert.ThrowsAsync<UpstreamException>(() => AskAsync(nameless))).Message);
        Assert.Equal((0, 0), (closed.Connections.Open, nameless.Connections.Open));
    }

    /// <summary>A look at the socket's number once kept the runtime from trying more than the first.</summary>
    [Fact]
    public async Task Over_TLS_too_the_next_address_of_a_name_is_tried_when_one_refuses()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var address = new Uri($"https://two-addresses.test:{((IPEndPoint)listener.LocalEndpoint).Port}/v1");
        using var upstream = new HttpUpstream(
            Settings(address) with { AllowPrivate = true }, _clock,
            (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse("127.0.0.2"), IPAddress.Loopback]));

        var closed = CloseNextAsync();
        Assert.Contains("TLS", (await Assert.ThrowsAsync<UpstreamException>(() => AskAsync(upstream))).Message);
        await closed;

        async Task CloseNextAsync()
        {
            using var accepted = await listener.AcceptSocketAsync(Ct); // speaks no TLS
        }
    }

    [Fact]
    public async Task The_way_through_a_proxy_sends_the_same_request()
    {
        await using var player = new WirePlayer(e => e.AnswerAsync(200, e.Body, "Retry-After: 3"));
        using var upstream = new ProxiedUpstream(Settings(player.BaseUrl) with { ApiKey = "sk-1" });

        await using var answer = await upstream.SendAsync(Request("{}", new KeyValuePair<string, string>("traceparent", "t")), Ct);

        Assert.Equal((200, "3"), (answer.Status, answer.Header("retry-after")));
        Assert.Equal(
            ("Bearer sk-1", "t", "{}"), (player.Last.Header("Authorization"), player.Last.Header("traceparent"), player.Last.Body));
    }

    [Theory]
    [InlineData("a\r\nX: b")]
    [InlineData("\u00e4")]
    public void A_header_that_would_break_the_head_is_refused(string value) =>
        Assert.Throws<ArgumentException>(() => new HttpUpstream(
            Settings(new Uri("http://127.0.0.1:1")) with { Headers = new Dictionary<string, string> { ["X-Own"] = value } }, _clock));

    private static ProviderSettings Settings(Uri address) =>
        new() { Name = "p", Kind = "openai", Wire = WireFormat.OpenAi, BaseUrl = address };

    private static UpstreamRequest Request(string body, params KeyValuePair<string, string>[] headers) =>
        new("/chat/completions", Encoding.UTF8.GetBytes(body), headers, TimeSpan.FromSeconds(5));

    private sealed class Listener : ISendListener
    {
        public int Count { get; private set; }

        public void Sent() => Count++;
    }

    private HttpUpstream Upstream(Uri address) => new(Settings(address), _clock);

    private static async Task<string> AskAsync(HttpUpstream upstream, string body = "{}", params KeyValuePair<string, string>[] headers)
    {
        await using var answer = await upstream.SendAsync(Request(body, headers), Ct);
        using var reader = new StreamReader(answer.Body);
        return $"{answer.Status} {await reader.ReadToEndAsync(Ct)}";
    }
}
