using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Gatehouse.Observability.Traces;

namespace Gatehouse.Observability.Metrics;

/// <summary>Metric families as OTLP in its JSON form: sums since the start of the process, gauges, histograms.</summary>
internal static class OtlpMetrics
{
    private const int Cumulative = 2;

    public static byte[] Write(
        IEnumerable<MetricFamily> families, DateTimeOffset startedAt, DateTimeOffset now, string version, string node)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("resourceMetrics");
            json.WriteStartObject();
            OtlpJson.WriteResource(json, version, node);
            json.WriteStartArray("scopeMetrics");
            json.WriteStartObject();
            OtlpJson.WriteScope(json, version);
            json.WriteStartArray("metrics");
            foreach (var family in families)
            {
                WriteFamily(json, family, OtlpJson.Nanos(startedAt), OtlpJson.Nanos(now));
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteFamily(Utf8JsonWriter json, MetricFamily family, string started, string now)
    {
        json.WriteStartObject();
        json.WriteString("name", family.Name);
        json.WriteString("description", family.Description);
        json.WriteString("unit", family.Unit);
        json.WriteStartObject(family.Kind switch
        {
            MetricKind.Counter => "sum",
            MetricKind.Histogram => "histogram",
            _ => "gauge",
        });
        if (family.Kind != MetricKind.Gauge)
        {
            json.WriteNumber("aggregationTemporality", Cumulative);
        }

        if (family.Kind == MetricKind.Counter)
        {
            json.WriteBoolean("isMonotonic", true);
        }

        json.WriteStartArray("dataPoints");
        foreach (var series in family.Series)
        {
            json.WriteStartObject();
            OtlpJson.WriteAttributes(json, series.Labels.Select(l => new KeyValuePair<string, object>(l.Key, l.Value)));
            json.WriteString("startTimeUnixNano", started);
            json.WriteString("timeUnixNano", now);
            WriteValue(json, family, series);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter json, MetricFamily family, MetricSeries series)
    {
        var sum = double.IsFinite(series.Sum) ? series.Sum : 0;
        if (family.Kind != MetricKind.Histogram)
        {
            json.WriteNumber("asDouble", sum);
            return;
        }

        var buckets = series.ReadBuckets();
        json.WriteString("count", buckets.Sum().ToString(CultureInfo.InvariantCulture));
        json.WriteNumber("sum", sum);
        json.WriteStartArray("bucketCounts");
        foreach (var count in buckets)
        {
            json.WriteStringValue(count.ToString(CultureInfo.InvariantCulture));
        }

        json.WriteEndArray();
        json.WriteStartArray("explicitBounds");
        foreach (var bound in family.Bounds)
        {
            json.WriteNumberValue(bound);
        }

        json.WriteEndArray();
    }
}
