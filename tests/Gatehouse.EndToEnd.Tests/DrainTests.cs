using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace Gatehouse.EndToEnd.Tests;

/// <summary>What SIGTERM means for those who are connected and those who come later.</summary>
public sealed class DrainTests : IAsyncLifetime
{
    private const string Model = "openai-held";

    private WirePlayer _player = null!;
    private GatehouseProcess _gatehouse = null!;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _gatehouse.DisposeAsync();
        await _player.DisposeAsync();
    }

    [Fact]
    public async Task Readiness_ends_first_then_the_listener_and_a_stream_under_way_comes_to_its_end()
    {
        await StartAsync(drainSeconds: 2);
        using var http = _gatehouse.CreateClient();
        using var stream = await BeginStreamAsync(http);

        _gatehouse.Terminate();
        Assert.EndsWith(
            "Stopping. Calls in flight: 1. What has not ended within 37 s is cut off, or at once at a second signal.",
            await _gatehouse.WaitForLineAsync(l => l.Contains("Stopping", StringComparison.Ordinal)), StringComparison.Ordinal);
        await UntilNotReadyAsync(http);
        using (var late = await http.PostAsJsonAsync(
            "v1/chat/completions", Chat("simulator", stream: false), TestContext.Current.CancellationToken))
        {
            Assert.Equal(HttpStatusCode.OK, late.StatusCode);
        }

        await UntilRefusedAsync(_gatehouse.Url);
        _player.GoOn(Model);
        var text = await stream.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
        Assert.Equal(0, await _gatehouse.EndAsync());
        Assert.Matches(@"info: .* Stopped after \d+\.\d s\. Calls cut off: 0\.\n", _gatehouse.Output);
    }

    /// <summary>A proxy keeps connections, and one that was closed while it sent on it cost a request that may not be sent again.</summary>
    [Fact]
    public async Task Each_connection_that_a_proxy_keeps_serves_one_more_request_before_it_is_closed()
    {
        await StartAsync(drainSeconds: 0);
        var request = $"GET /v1/models HTTP/1.1\r\nHost: {_gatehouse.Url.Authority}\r\nAuthorization: Bearer {_gatehouse.SampleKey}\r\n\r\n";
        var kept = new List<RawConnection>();
        for (var i = 0; i < 8; i++)
        {
            kept.Add(await RawConnection.OpenAsync(_gatehouse.Url));
            Assert.True(await kept[i].TrySendAsync(request));
        }

        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(150));
        await pace.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        _gatehouse.Terminate();
        await UntilRefusedAsync(_gatehouse.Url);
        foreach (var connection in kept)
        {
            await pace.WaitForNextTickAsync(TestContext.Current.CancellationToken);
            Assert.True(await connection.TrySendAsync(request));
            var answers = await connection.ReadToEndAsync();
            Assert.Equal(2, answers.Split("HTTP/1.1 200 OK").Length - 1);
            Assert.EndsWith("Connection: close", answers[..answers.LastIndexOf("\r\n\r\n", StringComparison.Ordinal)].Split("\r\n").Single(
                line => line.StartsWith("Connection:", StringComparison.Ordinal)), StringComparison.Ordinal);
            connection.Dispose();
        }

        Assert.Equal(0, await _gatehouse.EndAsync());
    }

    /// <summary>
    /// A client whose body was refused, and that neither sends the rest nor closes, held the stop for half a minute; then no worker had
    /// time left, and the exit code said that calls had been cut off.
    /// </summary>
    [Fact]
    public async Task A_client_that_is_answered_and_does_not_close_takes_no_workers_time()
    {
        await StartAsync(drainSeconds: 0);
        using var client = await RawConnection.OpenAsync(_gatehouse.Url);
        Assert.True(await client.TrySendAsync(
            $"POST /v1/chat/completions HTTP/1.1\r\nHost: {_gatehouse.Url.Authority}\r\nAuthorization: Bearer {_gatehouse.SampleKey}\r\n"
            + "Content-Type: application/json\r\nContent-Length: 900000000\r\n\r\n{"));
        await Wait.UntilAsync(async () => (await _gatehouse.CliAsync("calls", "--json")).Output.Contains(
            "request_too_large", StringComparison.Ordinal));

        _gatehouse.Terminate();

        Assert.Equal(0, await _gatehouse.EndAsync());
        Assert.Matches(@"info: .* Stopped after \d+\.\d s\. Calls cut off: 0\.\n", _gatehouse.Output);
        Assert.DoesNotContain("cannot be renewed", _gatehouse.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_signal_ends_at_once_and_says_so_by_its_exit_code()
    {
        await StartAsync(drainSeconds: 600);
        using var http = _gatehouse.CreateClient();
        using var stream = await BeginStreamAsync(http);
        _gatehouse.Terminate();
        await UntilNotReadyAsync(http);
        var started = TimeProvider.System.GetTimestamp();

        _gatehouse.Terminate();
        var exitCode = await _gatehouse.EndAsync();

        Assert.Equal(130, exitCode);
        Assert.Matches(@"warn: .* Stopped after \d+\.\d s\. Calls cut off: 1\.\n", _gatehouse.Output);
        Assert.InRange(TimeProvider.System.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(5));
        await Assert.ThrowsAnyAsync<IOException>(() => CopyAsync(stream));

        // The client was still there: the ledger once said that it had gone.
        await AssertStoppedAsync();
    }

    /// <summary>
    /// A batch has no client that could have gone away. Its calls have ten seconds to come to their end; where nobody had that patience
    /// they were not recorded at all.
    /// </summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(600, 130)]
    public async Task A_call_of_a_batch_that_is_cut_says_so_in_the_ledger(int drainSeconds, int exitCode)
    {
        await StartAsync(drainSeconds);
        using var http = _gatehouse.CreateClient();
        using var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" },
            { new StringContent(JsonSerializer.Serialize(
                new { custom_id = "a", method = "POST", url = "/v1/chat/completions", body = Chat(Model, stream: false) })),
                "file", "requests.jsonl" },
        };
        using var uploaded = await http.PostAsync("v1/files", form, TestContext.Current.CancellationToken);
        var file = await uploaded.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        using var created = await http.PostAsJsonAsync(
            "v1/batches",
            new { input_file_id = file.GetProperty("id").GetString(), endpoint = "/v1/chat/completions", completion_window = "24h" },
            TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, created.StatusCode);
        await Wait.UntilAsync(() => !_player.Requests.IsEmpty);

        _gatehouse.Terminate();
        if (exitCode != 0)
        {
            await UntilNotReadyAsync(http);
            _gatehouse.Terminate();
        }

        Assert.Equal(exitCode, await _gatehouse.EndAsync());

        await AssertStoppedAsync();
    }

    private async Task AssertStoppedAsync()
    {
        await using var again = await GatehouseProcess.StartAsync(folder: _gatehouse.Folder);
        var calls = JsonElement.Parse((await again.CliAsync("calls", "--json")).Output).GetProperty("calls");
        var call = Assert.Single(calls.EnumerateArray());
        Assert.Equal(("failed", "server_stopped"), (call.GetProperty("outcome").GetString(), call.GetProperty("error_code").GetString()));
    }

    private static object Chat(string model, bool stream) =>
        new { model, stream, messages = new[] { new { role = "user", content = "Hello" } } };

    private static async Task CopyAsync(HttpResponseMessage response)
    {
        await using var body = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        await body.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
    }

    private static async Task<HttpResponseMessage> BeginStreamAsync(HttpClient http)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Post, "v1/chat/completions") { Content = JsonContent.Create(Chat(Model, stream: true)) };
        var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return response;
    }

    private static async Task UntilNotReadyAsync(HttpClient http)
    {
        var status = HttpStatusCode.OK;
        while (status == HttpStatusCode.OK)
        {
            using var ready = await http.GetAsync(new Uri("readyz", UriKind.Relative), TestContext.Current.CancellationToken);
            status = ready.StatusCode;
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
    }

    private static async Task UntilRefusedAsync(Uri url)
    {
        while (true)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            patience.CancelAfter(TimeSpan.FromMilliseconds(100)); // one that is about to close hears nobody, who asks again in a second
            try
            {
                await socket.ConnectAsync(url.Host, url.Port, patience.Token);
            }
            catch (OperationCanceledException) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
            {
            }
            catch (SocketException e)
            {
                Assert.Equal(SocketError.ConnectionRefused, e.SocketErrorCode);
                return;
            }
        }
    }

    private async Task StartAsync(int drainSeconds)
    {
        _player = await WirePlayer.StartAsync();
        _gatehouse = await GatehouseProcess.StartAsync(
            $$"""
            providers:
              openai:
                kind: openai
                base_url: {{_player.Url}}v1
                api_key: recorded
              simulator:
                kind: simulator
            routes:
              openai*:
                targets: [{ provider: openai, model: "*" }]
              simulator:
                targets: [{ provider: simulator }]
            """,
            flags: ["--drain", $"{drainSeconds}"]);
    }
}
