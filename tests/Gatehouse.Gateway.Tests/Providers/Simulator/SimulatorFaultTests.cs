using System.Text.Json;
using Gatehouse.Gateway.Providers;
using Gatehouse.Gateway.Providers.Simulator;

namespace Gatehouse.Gateway.Tests.Providers.Simulator;

public sealed class SimulatorFaultTests
{
    private readonly ManualClock _clock = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("rate_limited", 429, "rate_limit_exceeded")]
    [InlineData("server_error", 500, "server_error")]
    [InlineData("overloaded", 503, "server_is_overloaded")]
    [InlineData("unauthorized", 401, "invalid_api_key")]
    [InlineData("context_length", 400, "context_length_exceeded")]
    [InlineData("stream_error", 500, "server_error")]
    public async Task An_error_has_the_status_and_the_code_of_a_real_provider(string directive, int status, string code)
    {
        await using var answer = await Simulator().SendAsync(SimulatorCalls.Request($"Hi [simulator: {directive}]"), Ct);

        Assert.Equal(status, answer.Status);
        Assert.Equal(code, JsonElement.Parse(await SimulatorCalls.TextAsync(answer)).GetProperty("error").GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("rate_limited", "1")]
    [InlineData("rate_limited retry_after=2500ms", "3")]
    [InlineData("overloaded retry_after=1m", "60")]
    [InlineData("overloaded", null)]
    public async Task Retry_after_is_in_whole_seconds(string directive, string? expected)
    {
        await using var answer = await Simulator().SendAsync(SimulatorCalls.Request($"[simulator: {directive}]"), Ct);

        Assert.Equal(expected, answer.Header("Retry-After"));
    }

    [Theory]
    [InlineData("tokens_per_second=0.00000000000000000001")]
    [InlineData("tokens_per_second=0.00001 words=10000")]
    [InlineData("latency=86400m")]
    [InlineData("retry_after=1441m")]
    public void A_setting_that_no_timer_could_keep_is_not_understood(string directive)
    {
        Assert.False(SimulatorDirective.TryParse($"[simulator: {directive}]", out _, out _, out var error));
        Assert.Contains("does not understand", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokens_per_second=0")]
    [InlineData("tokens_per_second=0.1")]
    [InlineData("latency=1440m")]
    public void The_slowest_settings_are_understood(string directive) =>
        Assert.True(SimulatorDirective.TryParse($"[simulator: {directive}]", out _, out _, out _));

    [Fact]
    public async Task A_refused_connection_is_an_exception()
    {
        var error = await Assert.ThrowsAsync<UpstreamException>(
            () => Simulator().SendAsync(SimulatorCalls.Request("[simulator: connection_refused]"), Ct).AsTask());

        Assert.Equal(UpstreamFailure.Refused, error.Failure);
    }

    [Fact]
    public async Task A_timeout_waits_until_it_is_cancelled()
    {
        using var cancel = new CancellationTokenSource();
        var pending = Simulator().SendAsync(SimulatorCalls.Request("[simulator: timeout]"), cancel.Token).AsTask();
        _clock.Advance(TimeSpan.FromDays(30));
        Assert.False(pending.IsCompleted);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending);
    }

    [Fact]
    public async Task A_stream_error_comes_after_the_pieces_asked_for_and_ends_the_stream()
    {
        var events = await Simulator().EventsAsync(SimulatorCalls.Request("[simulator: stream_error after=3]", stream: true));

        Assert.Equal(12, SimulatorCalls.Joined(events).Length);
        Assert.Equal("server_error", JsonElement.Parse(events[^1]).GetProperty("error").GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("stream_error")]
    [InlineData("malformed_json")]
    public async Task What_came_before_a_fault_comes_with_a_read_of_its_own(string directive)
    {
        await using var answer = await Simulator().SendAsync(SimulatorCalls.Request($"[simulator: {directive}]", stream: true), Ct);
        var buffer = new byte[64 << 10];

        var first = await answer.Body.ReadAsync(buffer, Ct);

        var events = SimulatorCalls.Events(System.Text.Encoding.UTF8.GetString(buffer, 0, first));
        Assert.Equal(8, SimulatorCalls.Joined(events).Length);
        Assert.True(await answer.Body.ReadAsync(buffer, Ct) > 0);
    }

    [Fact]
    public async Task A_truncated_stream_has_no_finish_and_no_terminator()
    {
        var events = await Simulator().EventsAsync(SimulatorCalls.Request("[simulator: stream_truncated]", stream: true));

        Assert.Equal(8, SimulatorCalls.Joined(events).Length);
        Assert.DoesNotContain("[DONE]", events);
        Assert.DoesNotContain(events, e => e.Contains("\"finish_reason\":\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_truncated_whole_answer_breaks_the_connection()
    {
        await using var answer = await Simulator().SendAsync(SimulatorCalls.Request("[simulator: stream_truncated]"), Ct);

        await Assert.ThrowsAsync<IOException>(() => SimulatorCalls.TextAsync(answer));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stalled_answer_gives_its_beginning_and_then_waits_for_cancellation(bool stream)
    {
        await using var answer = await Simulator().SendAsync(SimulatorCalls.Request("[simulator: stream_stalled]", stream), Ct);
        using var cancel = new CancellationTokenSource();
        var buffer = new byte[64 << 10];
        Assert.True(await answer.Body.ReadAsync(buffer, cancel.Token) > 0);

        var pending = answer.Body.ReadAsync(buffer, cancel.Token).AsTask();
        _clock.Advance(TimeSpan.FromDays(30));
        Assert.False(pending.IsCompleted);
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Malformed_JSON_is_none(bool stream)
    {
        await using var answer = await Simulator().SendAsync(SimulatorCalls.Request("[simulator: malformed_json]", stream), Ct);

        Assert.Equal(200, answer.Status);
        var last = SimulatorCalls.Events(await SimulatorCalls.TextAsync(answer))[^1];
        Assert.ThrowsAny<JsonException>(() => JsonElement.Parse(last));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_refusal_says_so_and_has_no_content(bool stream)
    {
        await using var answer = await Simulator().SendAsync(SimulatorCalls.Request("[simulator: refusal]", stream), Ct);

        var text = await SimulatorCalls.TextAsync(answer);
        Assert.Contains("\"finish_reason\":\"content_filter\"", text, StringComparison.Ordinal);
        Assert.Contains("\"refusal\":\"", text, StringComparison.Ordinal);
        Assert.Empty(SimulatorCalls.Joined(SimulatorCalls.Events(text).Where(_ => stream)));
    }

    [Fact]
    public async Task A_directive_for_another_model_does_not_count_and_is_not_repeated_to_the_reader()
    {
        var answer = await Simulator().AnswerAsync(SimulatorCalls.Request("Hi [simulator: server_error model=primary]"));

        var text = answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();
        Assert.Contains("“Hi”", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_has_at_least_the_words_asked_for()
    {
        var answer = await Simulator().AnswerAsync(SimulatorCalls.Request("[simulator: words=500]"));

        var text = answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
        Assert.InRange(text.Split(' ').Length, 500, 540);
    }

    [Fact]
    public async Task A_fault_hits_its_share_of_the_calls_and_the_same_ones_each_time()
    {
        var settings = new SimulatorSettings { Faults = [new SimulatorFault(SimulatorFaultKind.ServerError, 0.3)] };

        var first = await StatusesAsync(new SimulatorUpstream(settings, _clock), 500);
        var second = await StatusesAsync(new SimulatorUpstream(settings, _clock), 500);

        Assert.Equal(first, second);
        Assert.InRange(first.Count(s => s == 500), 110, 190);
    }

    [Fact]
    public async Task An_outage_lasts_as_long_as_it_should()
    {
        var settings = new SimulatorSettings
        {
            Faults = [new SimulatorFault(SimulatorFaultKind.Overloaded, 1, Every: TimeSpan.FromMinutes(10), For: TimeSpan.FromMinutes(2))],
        };
        var simulator = new SimulatorUpstream(settings, _clock);
        var statuses = new List<int>();
        for (var minute = 0; minute < 20; minute++)
        {
            statuses.AddRange(await StatusesAsync(simulator, 1));
            _clock.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal("503 503 200 200 200 200 200 200 200 200 503 503 200 200 200 200 200 200 200 200", string.Join(' ', statuses));
    }

    [Fact]
    public async Task Latency_is_waited_for_by_the_clock()
    {
        var simulator = new SimulatorUpstream(new SimulatorSettings { Latency = TimeSpan.FromMilliseconds(300) }, _clock);
        var pending = simulator.SendAsync(SimulatorCalls.Request("Hi"), Ct).AsTask();
        _clock.Advance(TimeSpan.FromMilliseconds(299));
        Assert.False(pending.IsCompleted);

        _clock.Advance(TimeSpan.FromMilliseconds(1));

        await using var answer = await pending;
        Assert.Equal(200, answer.Status);
    }

    [Fact]
    public void Latencies_have_the_median_and_the_99th_percentile_that_were_set()
    {
        var simulator = new SimulatorUpstream(
            new SimulatorSettings { Latency = TimeSpan.FromMilliseconds(100), LatencySpread = 4 }, _clock);
        var calls = Enumerable.Range(0, 4000).Select(_ => simulator.SendAsync(SimulatorCalls.Request("Hi"), Ct).AsTask()).ToList();

        Assert.InRange(Done(95), 1600, 2000);
        Assert.InRange(Done(105), 2000, 2400);
        Assert.InRange(Done(330), 3900, 3970);
        Assert.InRange(Done(480), 3950, 3999);

        int Done(int milliseconds)
        {
            _clock.Advance(
                TimeSpan.FromMilliseconds(milliseconds) - (_clock.GetUtcNow() - new DateTimeOffset(2026, 1, 15, 9, 30, 0, TimeSpan.Zero)));
            return calls.Count(c => c.IsCompletedSuccessfully);
        }
    }

    [Fact]
    public async Task Tokens_arrive_at_the_speed_that_was_set()
    {
        var simulator = new SimulatorUpstream(new SimulatorSettings { TokensPerSecond = 10 }, _clock);
        await using var answer = await simulator.SendAsync(SimulatorCalls.Request("Hi", stream: true), Ct);
        var buffer = new byte[64 << 10];
        var text = "";
        for (var i = 0; i < 4; i++)
        {
            var pending = answer.Body.ReadAsync(buffer, Ct).AsTask();
            if (!pending.IsCompleted)
            {
                _clock.Advance(TimeSpan.FromMilliseconds(100));
            }

            text += System.Text.Encoding.UTF8.GetString(buffer, 0, await pending);
        }

        Assert.Equal("I am Gatehou", SimulatorCalls.Joined(SimulatorCalls.Events(text)));
    }

    private static async Task<List<int>> StatusesAsync(SimulatorUpstream simulator, int calls)
    {
        var statuses = new List<int>();
        for (var i = 0; i < calls; i++)
        {
            await using var answer = await simulator.SendAsync(SimulatorCalls.Request("Hi"), Ct);
            statuses.Add(answer.Status);
        }

        return statuses;
    }

    private SimulatorUpstream Simulator() => new(new SimulatorSettings(), _clock);
}
