using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>Whatever somebody sends, the answer says what was wrong and the next call works.</summary>
public sealed class BadInputTests(BadInputTests.Server server) : IClassFixture<BadInputTests.Server>
{
    private const int MaxBodyBytes = 64 << 10;
    private const string BeforeMessages = """{"model":"simulator","max_tokens":9,"messages":""";

    /// <summary>By what is wrong with them; a character is a byte.</summary>
    private static readonly Dictionary<string, string> Bodies = new()
    {
        ["invalid UTF-8"] = BeforeMessages + "[{\"role\":\"user\",\"content\":\"\u00ff\u00fe\"}]}",
        ["half a surrogate"] = BeforeMessages + "[{\"role\":\"user\",\"content\":\"\\ud800\"}]}",
        ["half a surrogate in the model"] = "{\"model\":\"\\udc00\",\"max_tokens\":9,\"messages\":[]}",
        ["arrays without end"] = BeforeMessages + new string('[', 30_000),
        ["deep arrays"] = BeforeMessages + new string('[', 30_000) + new string(']', 30_000) + "}",
        ["deep objects"] = string.Concat(Enumerable.Repeat("{\"a\":", 10_000)),
        ["nothing"] = "",
        ["zeros"] = new string('\0', 1_000),
        ["half a body"] = BeforeMessages + "[{\"role\":\"us",
        ["another type"] = "[1,2,3]",
        ["a model that is a number"] = "{\"model\":5,\"messages\":[]}",
    };

    public sealed class Server : IAsyncLifetime
    {
        internal GatehouseProcess Gatehouse { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Gatehouse = await GatehouseProcess.StartAsync("""
            server:
              max_body: 64KiB
            providers:
              simulator:
                kind: simulator
            routes:
              simulator:
                targets: [{ provider: simulator }]
            """);

        public ValueTask DisposeAsync() => Gatehouse.DisposeAsync();
    }

    [Fact]
    public async Task A_header_bomb_is_answered_and_cut()
    {
        var tooMany = string.Concat(Enumerable.Range(0, 2_000).Select(i => $"x-bomb-{i}: 1\r\n"));
        var tooLong = $"x-bomb: {new string('a', 1 << 20)}\r\n";

        Assert.StartsWith(
            "HTTP/1.1 431 ", await AnswerAsync($"GET /healthz HTTP/1.1\r\nHost: x\r\n{tooMany}\r\n"), StringComparison.Ordinal);
        Assert.StartsWith(
            "HTTP/1.1 431 ", await AnswerAsync($"GET /healthz HTTP/1.1\r\nHost: x\r\n{tooLong}\r\n"), StringComparison.Ordinal);
        Assert.StartsWith(
            "HTTP/1.1 414 ", await AnswerAsync($"GET /{new string('a', 1 << 20)} HTTP/1.1\r\nHost: x\r\n\r\n"), StringComparison.Ordinal);
        await AGoodCallWorksAsync();
    }

    [Fact]
    public async Task Slow_clients_are_cut_off()
    {
        using var slowHead = await RawConnection.OpenAsync(server.Gatehouse.Url);
        using var slowBody = await RawConnection.OpenAsync(server.Gatehouse.Url);
        await slowHead.TrySendAsync("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nx-slow: ");
        await slowBody.TrySendAsync(Head("POST /v1/chat/completions", "Content-Length: 1000") + "{");

        var answers = await Task.WhenAll(slowHead.ReadToEndAsync(), slowBody.ReadToEndAsync());

        Assert.StartsWith("HTTP/1.1 408 ", answers[0], StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 408 ", answers[1], StringComparison.Ordinal);
        await AGoodCallWorksAsync();
    }

    [Theory]
    [InlineData("v1/chat/completions", false)]
    [InlineData("v1/chat/completions", true)]
    [InlineData("v1/messages", false)]
    [InlineData("v1/messages", true)]
    public async Task A_body_over_the_limit_is_refused_in_the_callers_format(string path, bool chunked)
    {
        var (status, error) = await PostAsync(path, Encoding.UTF8.GetBytes($$$"""
            {"model":"simulator","max_tokens":10,"messages":[{"role":"user","content":"{{{new string('a', MaxBodyBytes)}}}"}]}
            """), chunked);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
        Assert.Equal(path == "v1/messages" ? "request_too_large" : "invalid_request_error", error.GetProperty("type").GetString());
        Assert.Contains("65536", error.GetProperty("message").GetString(), StringComparison.Ordinal);
        await AGoodCallWorksAsync();
    }

    [Theory]
    [InlineData("v1/chat/completions")]
    [InlineData("v1/messages")]
    public async Task A_chunked_body_without_end_is_cut_at_the_limit(string path)
    {
        using var connection = await RawConnection.OpenAsync(server.Gatehouse.Url);
        var chunk = $"1000\r\n{new string(' ', 0x1000)}\r\n";
        await connection.TrySendAsync(Head($"POST /{path}", "Transfer-Encoding: chunked"));
        for (var i = 0; i < 2 * MaxBodyBytes / 0x1000 && await connection.TrySendAsync(chunk); i++)
        {
        }

        var answer = await connection.ReadToEndAsync();

        Assert.StartsWith("HTTP/1.1 413 ", answer, StringComparison.Ordinal);
        await AGoodCallWorksAsync();
    }

    [Fact]
    public async Task A_thousand_idle_connections_keep_nobody_out()
    {
        var idle = new List<RawConnection>();
        for (var i = 0; i < 1_000; i++)
        {
            idle.Add(await RawConnection.OpenAsync(server.Gatehouse.Url));
        }

        await AGoodCallWorksAsync();

        idle.ForEach(c => c.Dispose());
        await AGoodCallWorksAsync();
    }

    [Fact]
    public async Task Garbage_behind_a_good_request_spoils_the_garbage_alone()
    {
        var answer = await AnswerAsync(
            "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n\0\u0001\u0002 garbage \u00ff\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Single(answer.Split("HTTP/1.1 200 ")[1..]);
        Assert.Contains("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        await AGoodCallWorksAsync();
    }

    public static TheoryData<string, string> Malformed()
    {
        var data = new TheoryData<string, string>();
        foreach (var name in Bodies.Keys)
        {
            data.Add("v1/chat/completions", name);
            data.Add("v1/messages", name);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task A_body_that_is_no_request_is_refused_with_a_reason(string path, string body)
    {
        var (status, error) = await PostAsync(path, Encoding.Latin1.GetBytes(Bodies[body]), chunked: false);

        Assert.True(status is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity, $"{(int)status} {error}");
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        Assert.True(error.GetProperty("message").GetString()!.Length > 10, error.ToString());
        await AGoodCallWorksAsync();
    }

    private string Head(string request, string framing) =>
        $"{request} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.Gatehouse.SampleKey}\r\nContent-Type: application/json\r\n{framing}\r\n\r\n";

    private async Task<string> AnswerAsync(string sent)
    {
        using var connection = await RawConnection.OpenAsync(server.Gatehouse.Url);
        await connection.TrySendAsync(sent);
        return await connection.ReadToEndAsync();
    }

    private async Task<(HttpStatusCode Status, JsonElement Error)> PostAsync(string path, byte[] body, bool chunked)
    {
        using var http = server.Gatehouse.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
        request.Headers.TransferEncodingChunked = chunked;
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        var answer = await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        return (response.StatusCode, answer.GetProperty("error"));
    }

    private async Task AGoodCallWorksAsync()
    {
        using var http = server.Gatehouse.CreateClient();
        using var response = await http.PostAsJsonAsync(
            "v1/chat/completions", new { model = "simulator", messages = new[] { new { role = "user", content = "Hello" } } },
            TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }
}
