using System.Diagnostics.Metrics;
using System.Text.Json;
using Gatehouse.Observability;
using Gatehouse.Observability.Metrics;
using Gatehouse.Observability.Traces;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gatehouse.Tests.Observability;

public class OtlpTests
{
    [Fact]
    public async Task Spans_of_a_recorded_call_reach_the_receiver()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var ledger = await TestLedger.StartAsync("sqlite");
        using var http = new HttpClient();
        var options = new OtlpOptions(receiver.Url, new Dictionary<string, string> { ["x-key"] = "secret" });
        var traces = new OtlpTraces(options, ledger.Metrics);
        using var worker = new OtlpTraceWorker(
            traces, new OtlpClient(options, new(http), TimeProvider.System), ledger.Journal, ledger.Metrics, TimeProvider.System,
            NullLogger<OtlpTraceWorker>.Instance);
        await worker.StartAsync(CancellationToken.None);

        traces.Offer(Samples.Summary(), Samples.Document());
        var (path, contentType, key, body) = await receiver.NextAsync();
        await worker.StopAsync(CancellationToken.None);

        Assert.Equal(("/v1/traces", "application/json", "secret"), (path, contentType, key));
        var resource = body.GetProperty("resourceSpans")[0];
        Assert.Contains("\"gatehouse\"", resource.GetProperty("resource").GetRawText());
        var spans = resource.GetProperty("scopeSpans")[0].GetProperty("spans");
        Assert.Equal(5, spans.GetArrayLength());
        var server = spans[0];
        Assert.Equal("4bf92f3577b34da6a3ce929d0e0e4736", server.GetProperty("traceId").GetString());
        Assert.Equal("00f067aa0ba902b7", server.GetProperty("spanId").GetString());
        Assert.Equal("53995c3f42cd8ad8", server.GetProperty("parentSpanId").GetString());
        Assert.Equal(2, server.GetProperty("kind").GetInt32());
        Assert.Equal("1772366400000000000", server.GetProperty("startTimeUnixNano").GetString());
        Assert.Equal("1772366400900000000", server.GetProperty("endTimeUnixNano").GetString());
        Assert.False(server.TryGetProperty("status", out _));
        var failed = spans[2];
        Assert.Equal(2, failed.GetProperty("status").GetProperty("code").GetInt32());
        Assert.Equal("the provider is overloaded", failed.GetProperty("status").GetProperty("message").GetString());
        var answered = spans[3].GetProperty("attributes").EnumerateArray()
            .ToDictionary(a => a.GetProperty("key").GetString()!, a => a.GetProperty("value"));
        Assert.Equal("1110", answered["gen_ai.usage.input_tokens"].GetProperty("intValue").GetString());
        Assert.Equal(0.7, answered["gen_ai.request.temperature"].GetProperty("doubleValue").GetDouble());
        Assert.True(answered["gen_ai.request.stream"].GetProperty("boolValue").GetBoolean());
        Assert.Equal(
            "stop",
            answered["gen_ai.response.finish_reasons"].GetProperty("arrayValue").GetProperty("values")[0].GetProperty(
                "stringValue").GetString());
    }

    [Fact]
    public async Task A_receiver_that_is_busy_is_asked_again()
    {
        await using var receiver = await OtlpReceiver.StartAsync(busy: 1);
        using var http = new HttpClient();
        var client = new OtlpClient(new OtlpOptions(receiver.Url, new Dictionary<string, string>()), new(http), new ImpatientClock());

        Assert.True(await client.TrySendAsync("traces", "{}"u8.ToArray(), CancellationToken.None));
        Assert.Equal(2, receiver.Requests);
    }

    [Fact]
    public async Task What_a_receiver_refuses_is_not_sent_again()
    {
        await using var receiver = await OtlpReceiver.StartAsync(busy: 1, status: 400);
        using var http = new HttpClient();
        var client = new OtlpClient(new OtlpOptions(receiver.Url, new Dictionary<string, string>()), new(http), new ImpatientClock());

        Assert.False(await client.TrySendAsync("traces", "{}"u8.ToArray(), CancellationToken.None));
        Assert.Equal(1, receiver.Requests);
    }

    [Fact]
    public void Without_a_receiver_the_queue_fills_and_drops_are_counted()
    {
        using var metrics = new ObservabilityMetrics(null);
        long dropped = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "gatehouse.otlp.dropped")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref dropped, value));
        listener.Start();
        var traces = new OtlpTraces(
            new OtlpOptions(new Uri("http://127.0.0.1:1"), new Dictionary<string, string>()) { QueueCalls = 3 }, metrics);

        for (var i = 0; i < 10; i++)
        {
            traces.Offer(Samples.Summary(), Samples.Document());
        }

        Assert.Equal(7, dropped);
    }

    [Fact]
    public void Metrics_are_written_as_sums_gauges_and_histograms()
    {
        var name = $"Test.{Guid.CreateVersion7():N}";
        using var meter = new Meter(name);
        using var collector = new MetricCollector(n => n == name);
        meter.CreateCounter<long>("calls").Add(3, new KeyValuePair<string, object?>("model", "m"));
        meter.CreateHistogram("took", "s", "", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [1, 2] }).Record(1.5);

        using var json = JsonDocument.Parse(OtlpMetrics.Write(collector.Collect(), Samples.Noon, Samples.Noon.AddSeconds(1), "1", "n"));

        var metrics = json.RootElement.GetProperty("resourceMetrics")[0].GetProperty("scopeMetrics")[0].GetProperty("metrics");
        var sum = metrics[0].GetProperty("sum");
        Assert.True(sum.GetProperty("isMonotonic").GetBoolean());
        Assert.Equal(2, sum.GetProperty("aggregationTemporality").GetInt32());
        Assert.Equal(3, sum.GetProperty("dataPoints")[0].GetProperty("asDouble").GetDouble());
        var point = metrics[1].GetProperty("histogram").GetProperty("dataPoints")[0];
        Assert.Equal(["0", "1", "0"], point.GetProperty("bucketCounts").EnumerateArray().Select(c => c.GetString()));
        Assert.Equal("1", point.GetProperty("count").GetString());
        Assert.Equal(1.5, point.GetProperty("sum").GetDouble());
    }

    [Theory]
    [InlineData("http://h:4318", "http://h:4318/v1/traces")]
    [InlineData("http://h:4318/", "http://h:4318/v1/traces")]
    [InlineData("https://h/otlp", "https://h/otlp/v1/traces")]
    [InlineData("https://h/otlp/v1/traces?a=b", "https://h/otlp/v1/traces?a=b")]
    public void The_address_is_made_from_the_base(string url, string expected)
    {
        Assert.Equal(expected, OtlpClient.AddressOf(new Uri(url), "traces").ToString());
    }

    /// <summary>Time stands still, and every wait is over at once.</summary>
    private sealed class ImpatientClock : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}

/// <summary>An OTLP receiver on this machine that keeps what it gets.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly System.Threading.Channels.Channel<(string Path, string? ContentType, string? Key, JsonElement Body)> _received =
        System.Threading.Channels.Channel.CreateUnbounded<(string, string?, string?, JsonElement)>();

    private readonly WebApplication _app;
    private int _requests;

    private OtlpReceiver(WebApplication app) => _app = app;

    public Uri Url => new(_app.Urls.Single());

    public int Requests => Volatile.Read(ref _requests);

    public static async Task<OtlpReceiver> StartAsync(int busy = 0, int status = 503)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var receiver = new OtlpReceiver(builder.Build());
        receiver._app.MapPost("/v1/{signal}", async http =>
        {
            if (Interlocked.Increment(ref receiver._requests) <= busy)
            {
                http.Response.StatusCode = status;
                return;
            }

            using var body = await JsonDocument.ParseAsync(http.Request.Body, default, http.RequestAborted);
            receiver._received.Writer.TryWrite(
                (http.Request.Path.Value!, http.Request.ContentType, http.Request.Headers["x-key"], body.RootElement.Clone()));
        });
        await receiver._app.StartAsync();
        return receiver;
    }

    public async Task<(string Path, string? ContentType, string? Key, JsonElement Body)> NextAsync()
    {
        using var time = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        return await _received.Reader.ReadAsync(time.Token);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
