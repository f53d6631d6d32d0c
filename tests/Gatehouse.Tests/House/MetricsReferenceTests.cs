using System.Diagnostics.Metrics;
using System.Text;
using Gatehouse.Gateway;
using Gatehouse.Gateway.Routing;
using Gatehouse.Governance;
using Gatehouse.Observability;
using Gatehouse.Observability.Metrics;

namespace Gatehouse.Tests.House;

/// <summary><c>docs/reference/metrics.md</c> is made from the instruments.</summary>
public sealed class MetricsReferenceTests
{
    [Fact]
    public void The_document_shows_every_instrument()
    {
        var instruments = new SortedDictionary<string, Instrument>(StringComparer.Ordinal);
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name.StartsWith("Gatehouse.", StringComparison.Ordinal))
                {
                    lock (instruments)
                    {
                        instruments.TryAdd(instrument.Name, instrument);
                    }
                }
            },
        };
        listener.Start();
        using var gateway = new GatewayMetrics(new(GatewayTable.Empty));
        using var observability = new ObservabilityMetrics(null);
        using var governance = new BudgetMetrics();
        using var standing = new TablesStanding(TimeProvider.System, null);

        var text = new StringBuilder()
            .AppendLine("# Metrics")
            .AppendLine()
            .AppendLine("Generated from the instruments; a test fails when this file is stale. `GET /metrics` gives them in Prometheus' text format, with the names")
            .AppendLine("of the second column (a histogram adds `_bucket`, `_sum` and `_count`); the same measurements go to `telemetry.otlp` under the names of")
            .AppendLine("the first. Names that begin with `gen_ai` are those of OpenTelemetry's semantic conventions 1.41. From the platform there are also the")
            .AppendLine("meters `Microsoft.AspNetCore.Hosting`, `Microsoft.AspNetCore.Server.Kestrel` and `System.Runtime`.")
            .AppendLine()
            .AppendLine($"An instrument keeps {MetricFamily.MaxSeries} sets of labels apart; what comes after is added to one series with the label `otel_metric_overflow` and")
            .AppendLine("counted in `gatehouse_metrics_overflow_total`.")
            .AppendLine()
            .AppendLine("`/metrics` is open to the machine that Gatehouse runs on, asked for as `localhost` or by its loopback address, as long as neither")
            .AppendLine("`server.public_url` nor `server.trusted_proxies` is set. Otherwise it takes the access token of an admin, architect or auditor of all")
            .AppendLine("teams. Set `server.public_url` wherever a proxy stands in front: one on this machine that adds no header looks like this machine.")
            .AppendLine()
            .AppendLine("| instrument | in Prometheus | kind | unit | what it measures |")
            .AppendLine("| --- | --- | --- | --- | --- |");
        foreach (var (name, instrument) in instruments)
        {
            var family = new MetricFamily(instrument);
            text.AppendLine(
                $"| `{name}` | `{PrometheusText.NameOf(name, family.Unit, family.Kind)}` | {family.Kind.ToString().ToLowerInvariant()} | {family.Unit} | {family.Description} |");
        }

        Golden.Check("docs/reference/metrics.md", text.ToString());
    }
}
