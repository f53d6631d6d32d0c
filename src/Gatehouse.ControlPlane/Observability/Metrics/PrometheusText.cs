using System.Globalization;
using System.Text;

namespace Gatehouse.Observability.Metrics;

/// <summary>
/// Prometheus' text format, version 0.0.4, with names made as OpenTelemetry's compatibility rules say: dots become underscores, the unit
/// is a suffix, counters end in <c>_total</c>.
/// </summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public static string Write(IEnumerable<MetricFamily> families)
    {
        var text = new StringBuilder();
        long overflowed = 0;
        foreach (var family in families)
        {
            WriteFamily(text, family);
            overflowed += family.Overflowed;
        }

        WriteHead(text, "gatehouse_metrics_overflow_total", "counter", "Measurements whose labels were too many to keep apart.");
        WriteSample(text, "gatehouse_metrics_overflow_total", [], null, overflowed);
        return text.ToString();
    }

    /// <summary>The name of an instrument as Prometheus has it.</summary>
    public static string NameOf(string name, string unit, MetricKind kind)
    {
        var text = new StringBuilder(name.Length + 16);
        foreach (var c in name)
        {
            text.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
        }

        if (char.IsAsciiDigit(text[0]))
        {
            text.Insert(0, '_');
        }

        var suffix = UnitSuffix(unit, kind);
        if (suffix.Length > 0 && !EndsWith(text, suffix))
        {
            text.Append('_').Append(suffix);
        }

        if (kind == MetricKind.Counter && !EndsWith(text, "total"))
        {
            text.Append("_total");
        }

        return text.ToString();
    }

    private static bool EndsWith(StringBuilder text, string word) => text.ToString().EndsWith($"_{word}", StringComparison.Ordinal);

    private static string UnitSuffix(string unit, MetricKind kind) => unit switch
    {
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "By" => "bytes",
        "%" => "percent",
        "1" when kind == MetricKind.Gauge => "ratio",
        _ => "", // annotations in braces are not units
    };

    private static void WriteFamily(StringBuilder text, MetricFamily family)
    {
        var name = NameOf(family.Name, family.Unit, family.Kind);
        var type = family.Kind switch
        {
            MetricKind.Counter => "counter",
            MetricKind.Histogram => "histogram",
            _ => "gauge",
        };
        WriteHead(text, name, type, family.Description);
        foreach (var series in family.Series)
        {
            if (family.Kind == MetricKind.Histogram)
            {
                WriteHistogram(text, name, family, series);
            }
            else
            {
                WriteSample(text, name, series.Labels, null, series.Sum);
            }
        }
    }

    private static void WriteHistogram(StringBuilder text, string name, MetricFamily family, MetricSeries series)
    {
        var sum = series.Sum;
        var buckets = series.ReadBuckets();
        long count = 0;
        for (var i = 0; i < buckets.Length; i++)
        {
            count += buckets[i];
            var bound = i < family.Bounds.Count ? Number(family.Bounds[i]) : "+Inf";
            WriteSample(text, $"{name}_bucket", series.Labels, bound, count);
        }

        WriteSample(text, $"{name}_sum", series.Labels, null, sum);
        WriteSample(text, $"{name}_count", series.Labels, null, count);
    }

    private static void WriteHead(StringBuilder text, string name, string type, string help)
    {
        text.Append("# HELP ").Append(name).Append(' ');
        text.Append(help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal));
        text.Append('\n').Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
    }

    private static void WriteSample(
        StringBuilder text, string name, IReadOnlyList<KeyValuePair<string, string>> labels, string? le, double value)
    {
        text.Append(name);
        if (labels.Count > 0 || le is not null)
        {
            text.Append('{');
            foreach (var (label, content) in labels)
            {
                WriteLabel(text, label, content);
            }

            if (le is not null)
            {
                WriteLabel(text, "le", le);
            }

            text[^1] = '}'; // in place of the last comma
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static void WriteLabel(StringBuilder text, string label, string content)
    {
        foreach (var c in label)
        {
            text.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
        }

        text.Append("=\"");
        foreach (var c in content)
        {
            _ = c switch
            {
                '\\' => text.Append(@"\\"),
                '"' => text.Append("\\\""),
                '\n' => text.Append(@"\n"),
                _ => text.Append(c),
            };
        }

        text.Append("\",");
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture), // NaN is "NaN"
    };
}
