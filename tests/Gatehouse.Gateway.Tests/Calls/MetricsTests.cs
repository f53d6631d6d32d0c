using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Gatehouse.Contracts;
using Gatehouse.Gateway.Routing;

namespace Gatehouse.Gateway.Tests.Calls;

public sealed class MetricsTests
{
    private static readonly CancellationToken Ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Tokens_are_measured_under_the_target_that_used_them_though_another_one_ended_the_call()
    {
        var seen = new ConcurrentDictionary<(object? Provider, object? Type), double>();
        await using var poor = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer)); // no JSON
        await using var last = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync(
            [TestGateway.RouteTo(poor, last) with { FallbackOn = FallbackCauses.InvalidSchema }]);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (ReferenceEquals(instrument.Meter, gateway.Meter) && instrument.Name == TelemetryNames.TokenUsage)
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            var all = tags.ToArray().ToDictionary(t => t.Key, t => t.Value);
            seen.AddOrUpdate((all[TelemetryNames.ProviderName], all[TelemetryNames.TokenType]), value, (_, sum) => sum + value);
        });
        listener.Start();

        using var response = await gateway.ChatAsync(CauseTests.SchemaRequest);
        await response.Content.ReadAsStringAsync(Ct);
        await gateway.StopServerAsync();

        Assert.Equal((100, 20), (seen[("p0", "input")], seen[("p0", "output")]));
        Assert.Equal((100, 20), (seen[("p1", "input")], seen[("p1", "output")]));
    }

    [Fact]
    public async Task Calls_tokens_retries_and_fallbacks_are_measured()
    {
        var seen = new ConcurrentDictionary<string, double>();
        await using var broken = new WirePlayer(e => e.AnswerAsync(500, """{"error":{"message":"no"}}"""));
        await using var good = new WirePlayer(e => e.AnswerAsync(200, Wire.ChatAnswer));
        await using var gateway = await TestGateway.StartAsync([TestGateway.RouteTo(broken, good) with { AttemptsPerTarget = 2 }]);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (ReferenceEquals(instrument.Meter, gateway.Meter))
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((i, v, tags, _) => Add(i.Name, v, tags));
        listener.SetMeasurementEventCallback<double>((i, v, tags, _) => Add(i.Name, 1, tags));
        listener.Start();

        using var response = await gateway.ChatAsync(Wire.ChatRequest);
        using var refused = await gateway.ChatAsync(Wire.ChatRequest, "wrong");
        await response.Content.ReadAsStringAsync(Ct);
        await gateway.StopServerAsync();
        listener.RecordObservableInstruments();

        Assert.Equal(1, seen[TelemetryNames.Retries]);
        Assert.Equal(1, seen[TelemetryNames.Fallbacks]);
        Assert.Equal(1, seen[TelemetryNames.Calls + " ok"]);
        Assert.Equal(1, seen[TelemetryNames.Calls + " unauthenticated"]);
        Assert.Equal(100, seen[TelemetryNames.TokenUsage + " input"]);
        Assert.Equal(20, seen[TelemetryNames.TokenUsage + " output"]);
        Assert.Equal(1, seen[TelemetryNames.OperationDuration]);
        Assert.Equal(1, seen[TelemetryNames.Overhead]);
        Assert.Equal(0, seen[TelemetryNames.ActiveCalls]);

        void Add(string name, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (var (key, tag) in tags)
            {
                if (key is TelemetryNames.Outcome or TelemetryNames.TokenType)
                {
                    name += " " + tag;
                }
            }

            seen.AddOrUpdate(name, value, (_, sum) => sum + value);
        }
    }
}
