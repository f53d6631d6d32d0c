using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.RegularExpressions;
using Gatehouse.Gateway.Tests;
using Gatehouse.Observability.Metrics;

namespace Gatehouse.Tests.Observability;

public partial class MetricsTests
{
    private readonly string _meterName = $"Test.{Guid.CreateVersion7():N}";

    [Fact]
    public void What_is_written_reads_back_as_what_was_measured()
    {
        using var meter = new Meter(_meterName);
        using var collector = new MetricCollector(name => name == _meterName);
        var calls = meter.CreateCounter<long>("gatehouse.test.calls", "{call}", "Calls with a \\ and a\nline.");
        var active = meter.CreateUpDownCounter<int>("gatehouse.test.active");
        var seconds = meter.CreateHistogram(
            "gen_ai.client.operation.duration", "s", "", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1, 10] });
        meter.CreateObservableGauge("gatehouse.test.pending", () => 12.5, "By");

        calls.Add(2, new("model", "a\"b\\c\nd"), new("gen_ai.provider.name", "openai"));
        calls.Add(3, new("gen_ai.provider.name", "openai"), new("model", "a\"b\\c\nd")); // another order, the same labels
        calls.Add(1, new KeyValuePair<string, object?>("model", null));
        active.Add(5);
        active.Add(-2);
        foreach (var value in (double[])[0.05, 0.1, 0.5, 11])
        {
            seconds.Record(value);
        }

        var samples = Parse(PrometheusText.Write(collector.Collect()), out var types);
        Assert.Equal(5, samples["gatehouse_test_calls_total{gen_ai_provider_name=\"openai\",model=\"a\\\"b\\\\c\\nd\"}"]);
        Assert.Equal(1, samples["gatehouse_test_calls_total"]);
        Assert.Equal(3, samples["gatehouse_test_active"]);
        Assert.Equal(12.5, samples["gatehouse_test_pending_bytes"]);
        Assert.Equal(2, samples["gen_ai_client_operation_duration_seconds_bucket{le=\"0.1\"}"]);
        Assert.Equal(3, samples["gen_ai_client_operation_duration_seconds_bucket{le=\"1\"}"]);
        Assert.Equal(3, samples["gen_ai_client_operation_duration_seconds_bucket{le=\"10\"}"]);
        Assert.Equal(4, samples["gen_ai_client_operation_duration_seconds_bucket{le=\"+Inf\"}"]);
        Assert.Equal(4, samples["gen_ai_client_operation_duration_seconds_count"]);
        Assert.Equal(11.65, samples["gen_ai_client_operation_duration_seconds_sum"], 9);
        Assert.Equal("counter", types["gatehouse_test_calls_total"]);
        Assert.Equal("gauge", types["gatehouse_test_active"]);
        Assert.Equal("histogram", types["gen_ai_client_operation_duration_seconds"]);
    }

    [Fact]
    public void Too_many_labels_share_one_series_and_are_counted()
    {
        using var meter = new Meter(_meterName);
        using var collector = new MetricCollector(name => name == _meterName);
        var calls = meter.CreateCounter<long>("gatehouse.test.calls");

        for (var i = 0; i < MetricFamily.MaxSeries + 40; i++)
        {
            calls.Add(1, new KeyValuePair<string, object?>("model", i.ToString(CultureInfo.InvariantCulture)));
        }

        var samples = Parse(PrometheusText.Write(collector.Collect()), out _);
        Assert.Equal(40, samples["gatehouse_test_calls_total{otel_metric_overflow=\"true\"}"]);
        Assert.Equal(40, samples["gatehouse_metrics_overflow_total"]);
        Assert.Equal(
            MetricFamily.MaxSeries + 1, samples.Keys.Count(k => k.StartsWith("gatehouse_test_calls_total", StringComparison.Ordinal)));
    }

    [Fact]
    public void Recording_with_labels_already_seen_allocates_nothing()
    {
        using var meter = new Meter(_meterName);
        using var collector = new MetricCollector(name => name == _meterName);
        var calls = meter.CreateCounter<long>("gatehouse.test.calls");
        var seconds = meter.CreateHistogram<double>("gatehouse.test.duration", "s");
        Measure();

        Assert.Equal(0, Allocations.Of(Measure));

        void Measure()
        {
            calls.Add(1, new("model", "m"), new("provider", "p"));
            seconds.Record(0.25, new("model", "m"), new("provider", "p"));
        }
    }

    [Fact]
    public async Task Counting_from_many_threads_loses_nothing()
    {
        using var meter = new Meter(_meterName);
        using var collector = new MetricCollector(name => name == _meterName);
        var seconds = meter.CreateHistogram<double>("gatehouse.test.duration", "s");

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 10_000; i++)
            {
                seconds.Record(1);
            }
        })));

        var samples = Parse(PrometheusText.Write(collector.Collect()), out _);
        Assert.Equal(80_000, samples["gatehouse_test_duration_seconds_count"]);
        Assert.Equal(80_000, samples["gatehouse_test_duration_seconds_sum"]);
    }

    /// <summary>
    /// A strict reader of the format: every line is a comment with a known word, or a sample of a family that was announced.
    /// </summary>
    private static Dictionary<string, double> Parse(string text, out Dictionary<string, string> types)
    {
        var samples = new Dictionary<string, double>();
        types = [];
        Assert.EndsWith("\n", text);
        foreach (var line in text[..^1].Split('\n'))
        {
            if (line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                continue;
            }

            if (TypeLine().Match(line) is { Success: true } type)
            {
                Assert.True(types.TryAdd(type.Groups[1].Value, type.Groups[2].Value), $"twice: {line}");
                continue;
            }

            var sample = SampleLine().Match(line);
            Assert.True(sample.Success, $"not a sample: {line}");
            var name = sample.Groups["name"].Value;
            Assert.True(types.ContainsKey(name) || types.ContainsKey(HistogramSuffix().Replace(name, "")), $"not announced: {line}");
            Assert.True(samples.TryAdd(
                name + sample.Groups["labels"].Value, double.Parse(sample.Groups["value"].Value, CultureInfo.InvariantCulture)),
                $"twice: {line}");
        }

        return samples;
    }

    [GeneratedRegex("^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$")]
    private static partial Regex TypeLine();

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?<labels>\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*")*\})? (?<value>-?[0-9.eE+-]+|NaN|[+-]Inf)$""")]
    private static partial Regex SampleLine();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex HistogramSuffix();
}
